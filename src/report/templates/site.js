for(const box of document.querySelectorAll(".filter")){
const rows=[...document.querySelectorAll("#"+box.dataset.of+" tbody tr")];
const [text,verdict,told]=[box.querySelector("input"),box.querySelector("select"),box.querySelector("output")];
const show=()=>{let count=0;const words=text.value.toLowerCase().split(/\s+/);
for(const row of rows){const own=row.textContent.toLowerCase();
row.hidden=!(words.every(word=>own.includes(word))&&(!verdict.value||row.dataset.verdict===verdict.value));
count+=!row.hidden}
told.textContent=count+" of "+rows.length+" runs"};
text.addEventListener("input",show);verdict.addEventListener("change",show);show();box.hidden=false}
for(const chart of document.querySelectorAll("figure>.scroll"))chart.scrollLeft=chart.scrollWidth
