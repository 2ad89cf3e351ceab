//! CSS selectors, and what they find in HTML.

use std::fmt;

use scraper::error::SelectorErrorKind;
use scraper::{ElementRef, Selector};

use super::HtmlDocument;

/// A CSS selector, and the attribute to take from the elements instead of their text.
#[derive(Clone)]
pub struct CssQuery {
    written: Box<str>,
    selector: Selector,
    /// The attribute; `None` for the text.
    attribute: Option<Box<str>>,
}

/// The reason why a text is no selector, in one line.
fn reason(error: &SelectorErrorKind<'_>) -> String {
    let text = error.to_string();
    if text.contains('\n') {
        // An internal description of a part that is valid, but unknown.
        return "a part of it is unknown, such as a pseudo-class".to_owned();
    }
    text
}

impl CssQuery {
    /// Compiles a selector, and the attribute to take from its elements. The error is the reason, in words.
    ///
    /// # Errors
    /// The text is not a CSS selector.
    pub fn parse(text: &str, attribute: Option<&str>) -> Result<Self, String> {
        Ok(Self {
            selector: Selector::parse(text).map_err(|error| reason(&error))?,
            written: text.into(),
            attribute: attribute.map(Into::into),
        })
    }

    /// The text of each element found, without white space around it, or the value of its attribute; entities are
    /// decoded. Elements without the attribute are left out.
    pub fn texts(&self, html: &HtmlDocument) -> impl Iterator<Item = String> {
        let found = html.0.select(&self.selector);
        found.filter_map(|element| self.text(element))
    }

    fn text(&self, element: ElementRef<'_>) -> Option<String> {
        match &self.attribute {
            Some(name) => element.attr(name).map(str::to_owned),
            None => Some(element.text().collect::<String>().trim().to_owned()),
        }
    }
}

impl fmt::Display for CssQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)?;
        match &self.attribute {
            Some(name) => write!(f, " @{name}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for CssQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CssQuery({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(selector: &str, attribute: Option<&str>, html: &str) -> Vec<String> {
        let query = CssQuery::parse(selector, attribute).expect(selector);
        query
            .texts(&HtmlDocument::parse(html).expect("a page"))
            .collect()
    }

    #[test]
    fn elements_are_found_as_in_a_browser_and_entities_are_decoded() {
        let page = "<ul id=basket><li class=item>Tea &amp; cake\n<li class='item new'> <b>Mug</b> 2&euro; \
                    </ul><a rel=next href='/p?a=1&amp;b=2'>more</a><a>none</a>";
        for (selector, attribute, expected) in [
            ("li.item", None, vec!["Tea & cake", "Mug 2€"]),
            ("#basket li:nth-child(2) > b", None, vec!["Mug"]),
            ("a[rel=next]", Some("href"), vec!["/p?a=1&b=2"]),
            ("a", Some("href"), vec!["/p?a=1&b=2"]),
            ("h1", None, vec![]),
        ] {
            assert_eq!(found(selector, attribute, page), expected, "{selector}");
        }
    }
}
