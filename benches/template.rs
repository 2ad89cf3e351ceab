//! Benchmarks rendering, once per request and value, and selecting a row, once per iteration: both run on the threads
//! that also measure.

use std::hint::black_box;

use chrono::{DateTime, Utc};
use criterion::{Criterion, criterion_group, criterion_main};
use gander::expr::{Context, Encoding, Expression, Names, StoredValue, Template};
use gander::scenario::{Feed, Pick, SlotId, Value};
use gander::script::{Module, Scripts, Surroundings};
use serde_json::json;

/// Two variables, and a counter for random bits.
struct User {
    id: Value,
    page: Value,
    drawn: u64,
}

impl Names for User {
    fn resolve(&mut self, name: &str, _: Option<&str>) -> Option<Expression> {
        let slot = ["id", "page"].iter().position(|known| *known == name)?;
        Some(Expression::Slot(SlotId(slot as u32)))
    }

    fn known(&self) -> Vec<String> {
        ["id", "page"].map(str::to_owned).into()
    }
}

impl Context for User {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        Some(if slot.0 == 0 { &self.id } else { &self.page })
    }

    fn column(&self, _: usize, _: usize) -> Option<StoredValue<'_>> {
        None
    }

    fn random(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.drawn
    }

    fn user(&self) -> u64 {
        7
    }

    fn iteration(&self) -> u64 {
        41
    }

    fn slot_name(&self, _: SlotId) -> &'static str {
        "id"
    }

    fn column_name(&self, _: usize, _: usize) -> String {
        String::new()
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

fn rendering(criterion: &mut Criterion) {
    let mut user = User {
        id: "7f9c24e8-3b1d".into(),
        page: 17_i64.into(),
        drawn: 1,
    };
    let path = "/api/v1/documents/${id}?page=${page}";
    let body =
        json!({"document_id": "${id}", "quantity": "${random(1,3)}", "note": "page ${page}"});
    let templates = [
        (
            "literal",
            Template::compile("/api/v1/documents", Encoding::Percent, &mut user),
        ),
        ("path", Template::url(path, &mut user)),
        ("json body", Template::json(&body.into(), &mut user)),
        (
            "uuid",
            Template::compile("${uuid()}", Encoding::Plain, &mut user),
        ),
    ];
    let mut group = criterion.benchmark_group("render");
    for (name, template) in templates {
        let template = template.expect("the names are known");
        let mut out = String::with_capacity(256);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                let rendered = black_box(&template).render(&mut user, &mut out);
                black_box((rendered, out.as_str())).0.is_ok()
            });
        });
    }
    group.finish();
}

fn dealing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deal");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("users.csv");
    let rows: Vec<String> = (0..1_000).map(|row| row.to_string()).collect();
    std::fs::write(&path, format!("n\n{}\n", rows.join("\n"))).expect("a writable folder");
    for (name, pick) in [("shuffled", Pick::Shuffled), ("random", Pick::Random)] {
        let feed = Feed::read("users", &path, pick).expect("a feeder");
        let mut draw = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                draw += 1;
                feed.row(black_box(draw), 42)
            });
        });
    }
    group.finish();
}

/// A function of one's own, as a signature for each request calls it.
fn scripting(criterion: &mut Criterion) {
    let text = "export const add = (a, b) => a + b;\n\
                export const sign = (body, key) => key.split('').reverse().join('') + body.length;\n\
                export const hmac256 = (body, key) => hmac('sha256', key, body, 'base64');\n";
    let module = Module {
        name: "helpers.js".to_owned(),
        text: text.to_owned(),
    };
    let scripts = Scripts::new(vec![module]).expect("a module");
    let texts: [Value; 2] = [
        "{\"id\": 17, \"name\": \"red wine\"}",
        "abcdefghijklmnopqrstuvwxy",
    ]
    .map(Value::from);
    let surroundings = Surroundings { seed: 1, now: 0.0 };
    let mut group = criterion.benchmark_group("script");
    for (index, function) in scripts.functions().iter().enumerate() {
        group.bench_function(&function.name, |bencher| {
            bencher.iter(|| scripts.call(index, black_box(&texts), surroundings).is_ok());
        });
    }
    group.finish();
}

criterion_group!(benches, rendering, dealing, scripting);
criterion_main!(benches);
