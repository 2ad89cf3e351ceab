//! Parses query strings, parameter by parameter.

use std::collections::HashSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::found;
use crate::error::{FieldFault, Problem};
use crate::store::PageOf;

/// The parameters of a query string, used like [`JsonFields`](super::JsonFields). Unknown parameters are ignored;
/// duplicates are rejected.
pub(crate) struct QueryFields {
    pairs: Vec<(String, String)>,
    faults: Vec<FieldFault>,
}

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query::<Vec<(String, String)>>(pairs)) => Ok(Self {
                faults: duplicates(&pairs),
                pairs,
            }),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the query string cannot be parsed: {error}"),
            )),
        }
    }
}

impl QueryFields {
    /// The text of a parameter, if present.
    pub(crate) fn raw(&self, field: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(name, _)| name == field)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter that parses and satisfies `allowed`; `default` if it is missing; if invalid, reports a fault with
    /// `expected` and returns `None`.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        field: &'static str,
        default: Option<T>,
        expected: impl Display,
        allowed: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let value = match self.raw(field) {
            None => default,
            Some(text) => text.parse().ok().filter(allowed),
        };
        if value.is_none() {
            let found = self
                .raw(field)
                .map_or_else(|| "nothing".to_owned(), found::text);
            self.faults.push(FieldFault {
                field: field.into(),
                message: format!("expected {expected}, found {found}"),
            });
        }
        value
    }

    /// The parameters `page` (from 1) and `limit` (1 to 100, default 20).
    pub(crate) fn page(&mut self) -> PageOf {
        self.page_of(20)
    }

    /// Like [`QueryFields::page`], with another default for `limit`.
    pub(crate) fn page_of(&mut self, usual: u32) -> PageOf {
        const PAGES: RangeInclusive<u32> = 1..=1_000_000;
        const LIMITS: RangeInclusive<u32> = 1..=100;
        let page = self.parsed("page", Some(1), "an integer from 1 to 1000000", |page| {
            PAGES.contains(page)
        });
        let limit = self.parsed("limit", Some(usual), "an integer from 1 to 100", |limit| {
            LIMITS.contains(limit)
        });
        PageOf {
            page: page.unwrap_or(1),
            limit: limit.unwrap_or(usual),
        }
    }

    /// Rejects the request if a parameter was invalid.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.faults))
        }
    }
}

/// The duplicate parameters, each reported once.
fn duplicates(pairs: &[(String, String)]) -> Vec<FieldFault> {
    if pairs.len() < 2 {
        return Vec::new();
    }
    let (mut once, mut twice) = (HashSet::new(), HashSet::new());
    let again = pairs
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !once.insert(*name));
    again
        .filter(|name| twice.insert(*name))
        .map(|name| FieldFault {
            field: name.clone().into(),
            message: found::AGAIN.to_owned(),
        })
        .collect()
}
