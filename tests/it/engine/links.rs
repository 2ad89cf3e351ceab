//! Links of a page, followed as a browser follows them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::plans::plan;
use super::run;
use crate::transport::{ok, responder};

/// A target that returns `/dir/page` with this body, redirects `/moved` to it, and records its requests.
async fn target(page: String) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&seen);
    let server = responder(move |request| {
        let path = request.split(' ').nth(1).expect("a path").to_owned();
        let answer = match path.as_str() {
            "/moved" => {
                "HTTP/1.1 302 X\r\nlocation: /dir/page\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
            "/dir/page" => ok(&page),
            _ => ok("{}"),
        };
        asked.lock().expect("no panic").push(path);
        answer
    })
    .await;
    (server, seen)
}

/// The last request to a target whose page has this link, after two iterations of `sections`.
async fn last_asked(link: &str, sections: &str) -> Option<String> {
    let (server, seen) = target(json!({ "link": link }).to_string()).await;
    let body = format!("load: {{ iterations: 2, users: 1 }}\n{sections}");
    run(plan(&format!("http://{server}"), &body)).await;
    let seen = seen.lock().expect("no panic");
    seen.last().cloned()
}

#[tokio::test]
async fn a_link_leads_on_from_the_page_it_was_captured_from() {
    for (page, link, query, expected) in [
        ("/dir/page", "list?page=2", "", "/dir/list?page=2"),
        ("/dir/page", "?page=2", "", "/dir/page?page=2"),
        ("/dir/page", "../up", "", "/up"),
        ("/dir/page", "/plain?a=b", "", "/plain?a=b"),
        ("/dir/page", "/a b/ü?x=1#frag", "", "/a%20b/%C3%BC?x=1"),
        ("/dir/page", "/a?f={x}|y", "", "/a?f={x}|y"),
        ("/dir/page", "#top", "", "/dir/page"),
        (
            "/dir/page",
            "list?page=2#top",
            "q: 'a b'",
            "/dir/list?page=2&q=a%20b",
        ),
        ("/dir/page", "list", "q: 1", "/dir/list?q=1"),
        // After a redirect the page is the destination.
        ("/moved", "list", "", "/dir/list"),
    ] {
        let flows = format!(
            "flows:\n\
             - name: main\n\
             \x20 steps:\n\
             \x20 - {{ get: {page}, capture: {{ link: {{ json: $.link }} }} }}\n\
             \x20 - {{ get: /elsewhere/x }}\n\
             \x20 - {{ get: '${{link}}', query: {{ {query} }} }}\n"
        );
        let asked = last_asked(link, &flows).await;
        assert_eq!(asked.as_deref(), Some(expected), "{link}");
    }
}

#[tokio::test]
async fn a_link_of_setup_is_one_for_every_user() {
    let sections = "setup: [ { get: /dir/page, capture: { link: { json: $.link } } } ]\n\
                    flows: [ { name: main, steps: [ { get: '${link}' } ] } ]";
    let asked = last_asked("list", sections).await;
    assert_eq!(asked.as_deref(), Some("/dir/list"));
}

#[tokio::test]
async fn a_link_to_another_host_leads_there_and_its_links_stay_there() {
    let (other, seen) = target(json!({ "link": "/next" }).to_string()).await;
    for link in [
        format!("//{other}/dir/page"),
        format!("http://{other}/dir/page"),
        format!("HTTP://{other}/dir/./page#top"),
    ] {
        let flows = "flows:\n\
                     - name: main\n\
                     \x20 steps:\n\
                     \x20 - { get: /dir/page, capture: { link: { json: $.link } } }\n\
                     \x20 - { get: '${link}', name: there, capture: { next: { json: $.link } } }\n\
                     \x20 - { get: '${next}', name: next }\n";
        let asked = last_asked(&link, flows).await;
        assert_eq!(asked.as_deref(), Some("/dir/page"), "{link}");
        let mut seen = seen.lock().expect("no panic");
        assert_eq!(
            *seen,
            ["/dir/page", "/next", "/dir/page", "/next"],
            "{link}"
        );
        seen.clear();
    }
}
