//! What an exchange begins with: the place of its origin, its request, its connection.

use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use super::super::ConnectPhases;
use super::super::classify::Failure;
use super::super::connection::{self, Link, Parsing};
use super::super::cookies;
use super::super::deadline::after;
use super::super::origin::Origin;
use super::{Again, Client, Hop, Place, Terms};
use crate::outcome::Outcome;
use crate::units::show_duration;

/// The most origins a user keeps a connection to; the one first seen goes when there is one more.
const MAX_ORIGINS: usize = 16;

impl Client {
    /// Keeps what a redirect, or a kept connection that was closed, would need again; gives the body. Nothing if
    /// neither can happen.
    pub(super) fn remember(&mut self, place: usize, hop: &Hop<'_>) -> Bytes {
        let may_resend = self.shared.resend && self.places[place].link.is_some();
        if self.shared.redirects == 0 && !may_resend {
            return Bytes::new();
        }
        self.own_headers.clear();
        for (name, value) in &hop.headers {
            self.own_headers.push((name.clone(), value.clone()));
        }
        hop.body.clone()
    }

    /// The request that was remembered, once more.
    pub(super) fn again(
        &mut self,
        place: usize,
        again: Again<'_>,
        now: Instant,
    ) -> Request<Full<Bytes>> {
        let headers = self.own_headers.iter().cloned().collect();
        let method = again.method.clone();
        self.request(now, place, method, again.uri, headers, again.body.clone())
    }

    /// The index of the place for this origin, made if there is none.
    pub(super) fn place(&mut self, uri: &Uri) -> Result<usize, Failure> {
        if let Some(found) = self.places.iter().position(|place| place.origin.is_of(uri)) {
            return Ok(found);
        }
        let origin = Origin::of(uri)?;
        if self.places.len() == MAX_ORIGINS {
            self.places.remove(0);
        }
        self.places.push(Place {
            origin,
            link: None,
            parsing: Parsing::default(),
        });
        Ok(self.places.len() - 1)
    }

    pub(super) fn request(
        &mut self,
        now: Instant,
        place: usize,
        method: Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        if !headers.contains_key(HOST) {
            headers.insert(HOST, self.places[place].origin.host_header.clone());
        }
        if let Some(cookies) = self.jar.header(uri, now) {
            let cookies = match headers.get(COOKIE) {
                Some(own) => cookies::beside(&cookies, own),
                None => cookies,
            };
            headers.insert(COOKIE, cookies);
        }
        // RFC 9110, 8.6: a method that is expected to have content says so when it has none.
        if body.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = match uri.path_and_query() {
            Some(path) if path.as_str() != "/" => path.clone().into(),
            _ => Uri::default(),
        };
        *request.headers_mut() = headers;
        request
    }

    /// The open connection of a place, if another request can go over it.
    pub(super) async fn usable_link(&mut self, place: usize) -> Option<Box<Link>> {
        let mut link = self.places[place].link.take()?;
        link.is_usable().await.then_some(link)
    }

    /// A new connection, within the limit to connect.
    pub(super) async fn open(
        &mut self,
        place: usize,
        terms: &Terms,
    ) -> Result<(Box<Link>, ConnectPhases), Failure> {
        let limit = terms.timeouts.connect;
        let end = after(Instant::now(), limit);
        let Place {
            origin, parsing, ..
        } = &self.places[place];
        // Boxed: it is large and rare, and would make every user's task as large.
        let opening = Box::pin(connection::open(&self.shared, origin, *parsing));
        match self.alarm.guard(end.min(terms.total), opening).await {
            Ok(opened) => opened,
            Err(_) if terms.total < end => Err(Failure::new(
                Outcome::Timeout,
                &format!(
                    "still connecting after {}",
                    show_duration(terms.timeouts.total)
                ),
            )),
            Err(_) => Err(Failure::new(
                Outcome::ConnectTimeout,
                &format!("no connection within {}", show_duration(limit)),
            )),
        }
    }
}
