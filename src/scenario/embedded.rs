//! The files that a page embeds, which a browser loads with it.

use std::sync::LazyLock;

use scraper::{ElementRef, Selector};

use super::HtmlDocument;

/// The `rel` of the links that a browser loads with the page.
const LOADED: [&str; 6] = [
    "stylesheet",
    "icon",
    "apple-touch-icon",
    "manifest",
    "preload",
    "modulepreload",
];

/// The elements that may embed a file, and the base of the links.
static ELEMENTS: LazyLock<Option<Selector>> = LazyLock::new(|| {
    Selector::parse(
        "base[href], link[href], script[src], img, input[type=image i][src], video[poster]",
    )
    .ok()
});

/// What a page embeds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Embedded {
    /// The URL to which links are relative, if it is not the page's.
    pub base: Option<String>,
    /// The links as written, in the order of the page.
    pub links: Vec<String>,
}

/// The scripts, style sheets, icons and images of a page.
///
/// # Errors
/// The page is over a limit; the error is a phrase.
pub fn embedded(html: &str) -> Result<Embedded, String> {
    let document = HtmlDocument::parse(html)?;
    let mut found = Embedded::default();
    let elements = ELEMENTS.iter().flat_map(|all| document.0.select(all));
    for element in elements {
        match element.value().name() {
            "base" => {
                let href = element.attr("href").map(str::to_owned);
                found.base = found.base.or(href);
            }
            "link" if is_loaded(element) => found.links.extend(attribute(element, "href")),
            "img" => found.links.extend(image(element)),
            "script" if !is_program(element) => {}
            "script" | "input" => found.links.extend(attribute(element, "src")),
            "video" => found.links.extend(attribute(element, "poster")),
            _ => {}
        }
    }
    found.links.retain(|link| !link.trim().is_empty());
    Ok(found)
}

fn attribute(element: ElementRef<'_>, name: &str) -> Option<String> {
    element.attr(name).map(str::to_owned)
}

/// True for a script that a browser runs, not for data or a template.
fn is_program(script: ElementRef<'_>) -> bool {
    let kind = script.attr("type").unwrap_or_default().to_ascii_lowercase();
    matches!(kind.trim(), "" | "module")
        || kind.contains("javascript")
        || kind.contains("ecmascript")
}

fn is_loaded(link: ElementRef<'_>) -> bool {
    if link.attr("disabled").is_some() {
        return false;
    }
    let words = link
        .attr("rel")
        .unwrap_or_default()
        .split_ascii_whitespace();
    let mut words = words.map(str::to_ascii_lowercase);
    words.any(|word| LOADED.contains(&&*word))
}

/// The image that a screen with one pixel per CSS pixel shows. Of images of several widths it is the first, since only a
/// layout could choose between them.
fn image(element: ElementRef<'_>) -> Option<String> {
    let written = attribute(element, "src");
    let set = element.attr("srcset").unwrap_or_default();
    let candidates = candidates(set);
    let usual = |descriptor: &str| matches!(descriptor, "" | "1x" | "1.0x");
    if let Some((url, _)) = candidates.iter().find(|(_, descriptor)| usual(descriptor)) {
        return Some((*url).to_owned());
    }
    let has_widths = candidates
        .iter()
        .any(|(_, descriptor)| descriptor.ends_with('w'));
    let first = candidates.first().map(|(url, _)| (*url).to_owned());
    if has_widths { first } else { written.or(first) }
}

/// The URLs of `srcset`, each with its descriptor.
fn candidates(set: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = set;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            return found;
        }
        // A URL may contain commas, but not end with one.
        let end = rest
            .find(|c: char| c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let (url, after) = rest.split_at(end);
        if let Some(alone) = url.strip_suffix(',') {
            found.push((alone.trim_end_matches(','), ""));
            rest = after;
            continue;
        }
        let end = after.find(',').unwrap_or(after.len());
        found.push((url, after[..end].trim()));
        rest = &after[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_embeds_what_a_browser_loads_with_it() {
        let page = r#"<!doctype html><head>
            <base href="/shop/"><base href="/other/">
            <link rel="stylesheet" href="a.css"><link rel="alternate" href="feed.xml">
            <link rel="Shortcut ICON" href="/favicon.ico"><link rel=preconnect href="//cdn.test">
            <link rel=stylesheet href=off.css disabled><script type="text/template" src="no.js"></script>
            <script src="app.js?v=1&amp;w=2" type="Text/JavaScript"></script><script>let x = "<img src=no.png>";</script>
            <body><img src="b.png"><img alt="none"><img src=""><img src="c.png" srcset="c2.png 2x">
            <img src="d.png" srcset="d,1.png 1x, d2.png 2x"><img src="e.png" srcset="e300.png 300w,e600.png 600w">
            <img srcset="f.png, f2.png 2x"><input type=IMAGE src="g.png"><input src="no.png">
            <video poster="h.jpg" src="film.mp4"></video><a href="next.html">x</a>"#;
        let found = embedded(page).expect("a page");
        assert_eq!(found.base.as_deref(), Some("/shop/"));
        let expected = [
            "a.css",
            "/favicon.ico",
            "app.js?v=1&w=2",
            "b.png",
            "c.png",
            "d,1.png",
            "e300.png",
            "f.png",
            "g.png",
            "h.jpg",
        ];
        assert_eq!(found.links, expected);
    }

    #[test]
    fn any_text_is_a_page() {
        for text in [
            "",
            "{\"a\": 1}",
            "\u{0}<img srcset=', , ,'",
            "<img srcset='a 1x 2x,,b'>",
        ] {
            assert!(embedded(text).expect(text).links.len() < 2, "{text}");
        }
    }
}
