//! Redirects and cookies: the headers that are sent on, those that are removed, and the end of a chain.

use std::sync::{Arc, Mutex};

use gander::outcome::Outcome;
use gander::scenario::Cookies;
use http::{Method, Uri};

use crate::transport::{Ask, client, ok, responder, text};

/// The status and location of a redirect.
fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 4\r\n\r\ngone")
}

/// A server that answers with the request it got, and redirects `/to/STATUS/URL` to the URL.
async fn echo() -> std::net::SocketAddr {
    responder(|request| {
        let path = request.split(' ').nth(1).expect("a path");
        match path
            .strip_prefix("/to/")
            .and_then(|rest| rest.split_once('/'))
        {
            Some((status, location)) => redirect(status.parse().expect("a status"), location),
            None => ok(request),
        }
    })
    .await
}

#[tokio::test]
async fn method_and_body_are_repeated_or_not_by_status() {
    let server = echo().await;
    let mut client = client(|_| ());
    for (status, method, repeated) in [
        (301, Method::POST, "GET"),
        (302, Method::PUT, "PUT"),
        (303, Method::DELETE, "GET"),
        (307, Method::POST, "POST"),
        (308, Method::PATCH, "PATCH"),
    ] {
        let mut ask = Ask::get(server, &format!("/to/{status}//there?x=1"))
            .header("content-type", "text/plain")
            .header("x-own", "kept");
        ask.method = method;
        ask.body = "payload";
        let exchange = ask.by(&mut client).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        assert_eq!(exchange.redirects, [status]);
        let request = text(&exchange);
        assert!(
            request.starts_with(&format!("{repeated} /there?x=1 HTTP/1.1\r\n")),
            "{request}"
        );
        assert!(request.contains("x-own: kept\r\n"));
        let is_whole = repeated != "GET";
        assert_eq!(request.ends_with("\r\n\r\npayload"), is_whole, "{request}");
        assert_eq!(request.contains("content-type"), is_whole, "{request}");
    }
}

#[tokio::test]
async fn bytes_of_all_hops_are_counted_and_times_span_them() {
    let server = echo().await;
    let mut client = client(|_| ());
    let direct = Ask::get(server, "/there").by(&mut client).await;
    let through = Ask::get(server, "/to/302//there").by(&mut client).await;
    assert_eq!(text(&through), text(&direct));
    let hop = redirect(302, "/there").len() as u64;
    assert_eq!(through.bytes_in, direct.bytes_in + hop);
    let longer = "/to/302/".len() as u64;
    assert_eq!(through.bytes_out, 2 * direct.bytes_out + longer);
    assert_eq!(through.status(), Some(200));
    assert!(through.started < through.first_byte.expect("a first byte"));
}

#[tokio::test]
async fn credentials_stay_behind_when_the_origin_changes() {
    let (here, there) = (echo().await, echo().await);
    let mut client = client(|_| ());
    for (location, is_kept) in [
        (format!("http://{here}/"), true),
        (format!("http://{there}/"), false),
    ] {
        let exchange = Ask::get(here, &format!("/to/302/{location}"))
            .header("authorization", "Bearer canary")
            .header("cookie", "canary=1")
            .header("x-own", "kept")
            .by(&mut client)
            .await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        assert_eq!(
            text(&exchange).contains("authorization: Bearer canary"),
            is_kept
        );
        assert_eq!(text(&exchange).contains("cookie: canary=1"), is_kept);
        assert!(text(&exchange).contains("x-own: kept"));
    }
}

#[tokio::test]
async fn a_loop_ends_by_count_and_zero_hands_back_the_redirect() {
    let server = responder(|_| redirect(302, "/again")).await;
    let exchange = Ask::get(server, "/").by(&mut client(|_| ())).await;
    assert_eq!(exchange.outcome, Outcome::Redirect);
    assert_eq!(exchange.redirects, [302; 10]);
    let exchange = Ask::get(server, "/")
        .by(&mut client(|settings| settings.redirects = 0))
        .await;
    assert_eq!(exchange.outcome, Outcome::Ok);
    assert_eq!(exchange.status(), Some(302));
    assert_eq!(text(&exchange), "gone");
}

#[tokio::test]
async fn each_hop_is_held_to_the_address_policy_and_the_scheme() {
    let server = echo().await;
    let mut client = client(|_| ());
    for (location, outcome) in [
        ("http://169.254.169.254/", Outcome::AddressRefused),
        ("http://192.0.2.7/", Outcome::AddressRefused),
        ("ftp://127.0.0.1/", Outcome::Redirect),
        ("http://[::", Outcome::Redirect),
    ] {
        let exchange = Ask::get(server, &format!("/to/302/{location}"))
            .by(&mut client)
            .await;
        assert_eq!(exchange.outcome, outcome, "{location}: {}", exchange.detail);
        assert_eq!(exchange.bytes_in, redirect(302, location).len() as u64);
    }
}

#[tokio::test]
async fn a_redirect_status_without_a_location_is_an_answer_like_any_other() {
    let server =
        responder(|_| "HTTP/1.1 302 Found\r\ncontent-length: 2\r\n\r\nok".to_owned()).await;
    let exchange = Ask::get(server, "/").by(&mut client(|_| ())).await;
    assert_eq!((exchange.outcome, text(&exchange)), (Outcome::Ok, "ok"));
    let server = responder(|_| redirect(301, "")).await;
    let exchange = Ask::get(server, "/").by(&mut client(|_| ())).await;
    assert_eq!((exchange.outcome, text(&exchange)), (Outcome::Ok, "gone"));
}

#[tokio::test]
async fn cookies_go_back_also_when_a_redirect_set_them_unless_they_are_off() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    let server = responder(move |request| {
        let cookie = request
            .lines()
            .find_map(|line| line.strip_prefix("cookie: "));
        requests
            .lock()
            .expect("no panic")
            .push(cookie.unwrap_or("none").to_owned());
        match request.split(' ').nth(1) {
            Some("/login") => {
                "HTTP/1.1 302 Found\r\nlocation: /home\r\nset-cookie: id=7; Path=/\r\n\
                               content-length: 0\r\n\r\n"
                    .to_owned()
            }
            Some("/logout") => "HTTP/1.1 200 OK\r\nset-cookie: id=; Path=/; Max-Age=0\r\n\
                                content-length: 0\r\n\r\n"
                .to_owned(),
            _ => ok(""),
        }
    })
    .await;
    let uri: Uri = format!("http://{server}/").parse().expect("a URL");

    let mut with = client(|_| ());
    for path in ["/login", "/logout", "/home"] {
        let expected = (path != "/home")
            .then_some("7")
            .filter(|_| path == "/login");
        Ask::get(server, path).by(&mut with).await;
        assert_eq!(with.cookie(&uri, "id").as_deref(), expected, "{path}");
    }
    let mut without = client(|settings| settings.cookies = Cookies::Off);
    Ask::get(server, "/login").by(&mut without).await;
    assert_eq!(without.cookie(&uri, "id"), None);

    let seen = seen.lock().expect("no panic");
    let with = ["none", "id=7", "id=7", "none"];
    let without = ["none", "none"];
    assert_eq!(*seen, [with.as_slice(), &without].concat());
}

#[tokio::test]
async fn a_requests_own_cookies_go_with_the_jars_on_every_hop() {
    let server = responder(|request| match request.split(' ').nth(1) {
        Some("/hop") => "HTTP/1.1 302 Found\r\nlocation: /echo\r\nset-cookie: new=2; Path=/\r\n\
                         set-cookie: theme=dark; Path=/\r\ncontent-length: 0\r\n\r\n"
            .to_owned(),
        Some("/login") => "HTTP/1.1 200 OK\r\nset-cookie: sid=1; Path=/\r\n\
                           set-cookie: page=1; Path=/\r\ncontent-length: 0\r\n\r\n"
            .to_owned(),
        _ => ok(request),
    })
    .await;
    let mut client = client(|_| ());
    Ask::get(server, "/login").by(&mut client).await;
    for (path, sent) in [
        ("/echo", "sid=1; state=on; theme=light; page=own"),
        // A cookie set by the redirect replaces the request's own.
        ("/hop", "sid=1; new=2; theme=dark; state=on; page=own"),
    ] {
        let exchange = Ask::get(server, path)
            .header("cookie", "state=on; theme=light; page=own")
            .by(&mut client)
            .await;
        let line = format!("\r\ncookie: {sent}\r\n");
        assert!(text(&exchange).contains(&line), "{}", text(&exchange));
    }
}

#[tokio::test]
async fn credentials_in_a_location_become_a_header_for_its_origin_and_are_not_told() {
    let (here, there) = (echo().await, echo().await);
    let mut client = client(|_| ());
    let authorization = "\r\nauthorization: Basic bWU6Y2FuYXJ5\r\n";
    let location = format!("http://me:canary@{there}/there");
    let exchange = Ask::get(here, &format!("/to/302/{location}"))
        .by(&mut client)
        .await;
    assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
    let request = text(&exchange);
    assert!(request.starts_with("GET /there HTTP"), "{request}");
    assert!(request.contains(authorization), "{request}");
    assert!(
        request.contains(&format!("\r\nhost: {there}\r\n")),
        "{request}"
    );
    // From there on to another origin.
    let back = format!("http://me:canary@{there}/to/302/http://{here}/back");
    let exchange = Ask::get(here, &format!("/to/302/{back}"))
        .by(&mut client)
        .await;
    assert!(
        !text(&exchange).contains("authorization"),
        "{}",
        text(&exchange)
    );
    for location in [
        "http://me:canary@[::/canary",
        "ftp://me:canary@127.0.0.1/canary",
    ] {
        let exchange = Ask::get(here, &format!("/to/302/{location}"))
            .by(&mut client)
            .await;
        assert_eq!(exchange.outcome, Outcome::Redirect);
        assert!(!exchange.detail.contains("canary"), "{}", exchange.detail);
    }
}
