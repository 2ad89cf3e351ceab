//! Parses numbers, durations and hosts of the command line; errors name the expected form.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::doctor::SHORTEST;
use crate::scenario::{LARGEST_TIME_SCALE, MAX_RATE, MAX_USERS};
use crate::units::{Rate, parse_duration, show_duration, show_rate};

pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| {
        format!(
            "`{text}` is not a seed: expected a whole number from 0 to {}",
            u64::MAX
        )
    })
}

/// `PATH=VALUE`; a quoted part of the path may contain `=`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let mut quote = None;
    let is_end = |(_, c): &(usize, char)| {
        match quote {
            Some(open) if *c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(*c),
            Some(_) | None => {}
        }
        quote.is_none() && *c == '='
    };
    match text.char_indices().find(is_end) {
        Some((at, _)) if !text[..at].trim().is_empty() => {
            let (path, value) = (&text[..at], &text[at + 1..]);
            Ok((path.trim().to_owned(), value.trim().to_owned()))
        }
        // The message does not repeat the value, which may be a secret.
        _ => Err("expected PATH=VALUE, such as http.timeout=5s".to_owned()),
    }
}

pub(super) fn users(text: &str) -> Result<u32, String> {
    let users = text.replace('_', "").parse::<u32>().ok();
    users
        .filter(|users| (1..=MAX_USERS).contains(users))
        .ok_or_else(|| {
            format!(
                "`{text}` is not a number of users: expected a whole number from 1 to {MAX_USERS}"
            )
        })
}

pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let rate: Rate = text.parse().map_err(|error| format!("{error}"))?;
    if rate.as_per_second() <= 0.0 || rate.as_per_second() > MAX_RATE {
        return Err(format!(
            "`{text}` is not a possible rate: expected a rate above 0 and at most {}",
            show_rate(MAX_RATE)
        ));
    }
    Ok(rate)
}

/// An address to listen on; `localhost` is 127.0.0.1.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    address
        .parse()
        .map_err(|_| format!("`{text}` is not an address: expected one such as 127.0.0.1:9464"))
}

/// The URL of a receiver. The message does not repeat it, since it may contain a password.
pub fn receiver(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| "expected a URL that begins with http:// or https://".to_owned())
}

/// A number of users that may be 0.
pub(super) fn level_of_users(text: &str) -> Result<u32, String> {
    if text == "0" {
        return Ok(0);
    }
    users(text)
}

/// A rate that may be 0.
pub(super) fn level_of_rate(text: &str) -> Result<Rate, String> {
    match text.parse::<Rate>() {
        Ok(none) if none.as_per_second() == 0.0 => Ok(none),
        _ => rate(text),
    }
}

/// The name of a baseline, which becomes the name of a file.
pub(super) fn baseline_name(text: &str) -> Result<String, String> {
    let is_usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() || text.starts_with('.') || !text.chars().all(is_usable) {
        return Err(
            "expected a name of letters, digits, `.`, `_` and `-`, such as main; --file takes a path".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// A percentage as a fraction: `5%` is 0.05.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').map(str::trim);
    let percent = number.and_then(|number| number.parse::<f64>().ok());
    percent
        .filter(|percent| *percent > 0.0 && *percent <= 1_000.0)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| {
            format!("`{text}` is not a tolerance: expected a percentage above 0, such as 5%")
        })
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// The length of a measurement of this machine.
pub(super) fn measurement(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_mins(10);
    let length = duration(text)?;
    if (SHORTEST..=LONGEST).contains(&length) {
        return Ok(length);
    }
    Err(format!(
        "`{text}` is no length for this measurement: expected {} to {}",
        show_duration(SHORTEST),
        show_duration(LONGEST)
    ))
}

pub(super) fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok();
    factor
        .filter(|factor| *factor > 0.0 && *factor <= LARGEST_TIME_SCALE)
        .ok_or_else(|| {
            format!(
                "`{text}` is not a factor: expected a number above 0 and at most {LARGEST_TIME_SCALE}, such as 0.1"
            )
        })
}

/// A tag and its value.
pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    let is_name = |name: &str| {
        let mut characters = name.chars();
        !name.is_empty() && characters.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    match text.split_once('=') {
        Some((tag, value)) if is_name(tag) && !value.trim().is_empty() => {
            Ok((tag.to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!(
            "`{text}` is not a tag: expected TAG=VALUE, such as area=catalogue"
        )),
    }
}

/// A host name or an address, as in a URL, and nothing else of the URL.
pub(super) fn host(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    let host = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') && port.bytes().all(|b| b.is_ascii_digit()) => {
            name
        }
        _ => host,
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let is_name = !host.is_empty()
        && !host.starts_with('-')
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    let is_host = is_name || bare.parse::<IpAddr>().is_ok();
    if is_host && host == text {
        return Ok(bare.to_owned());
    }
    Err(if is_host {
        format!("`{text}` is more than a host: write `--allow-host {bare}`")
    } else {
        format!(
            "`{text}` is not a host: expected a name such as shop.test, or an address, without wildcards"
        )
    })
}

/// A short text that is shown beside a run.
pub(super) fn label(text: &str) -> Result<String, String> {
    const LONGEST: usize = 100;
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(format!(
            "expected a text of 1 to {LONGEST} characters on one line, such as main; leave the option out if there is none"
        ));
    }
    Ok(text.to_owned())
}

/// A revision of a repository: the hash of a commit, or the name of a branch or a tag.
pub(super) fn revision(text: &str) -> Result<String, String> {
    const LONGEST: usize = 100;
    let is_plain = |c: char| c.is_alphanumeric() || "._/+@#-".contains(c);
    let is_revision = (1..=LONGEST).contains(&text.chars().count()) && text.chars().all(is_plain);
    if is_revision {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "expected the hash of a commit, or the name of a branch or a tag, of at most {LONGEST} characters, such as 1f3c5a9"
        ))
    }
}

/// A page on the web, as a link that everyone may read.
pub(super) fn link(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok();
    let url = url.filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
    });
    let expected = "expected a URL with http or https and without a password, such as https://ci.example.com/jobs/7";
    url.map(String::from).ok_or_else(|| expected.to_owned())
}

/// A scenario file. A text such as `vars.x=1` is a change whose option was left out, unless there is such a file.
pub(super) fn scenario_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if text.contains('=') && !path.exists() {
        return Err(
            "there is no such file; a change of the scenario needs --set before it".to_owned(),
        );
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_a_name_and_a_value() {
        let read = tag("team=shop a=b").expect("a tag");
        assert_eq!(read, ("team".to_owned(), "shop a=b".to_owned()));
        for text in ["team", "=shop", "team=", "a.b=c", "a[0]=c"] {
            let told = tag(text).expect_err(text);
            assert!(told.contains("TAG=VALUE"), "{told}");
        }
    }

    #[test]
    fn a_link_is_a_page_that_everyone_may_read() {
        assert_eq!(
            link("https://ci.test/7").as_deref(),
            Ok("https://ci.test/7")
        );
        for text in [
            "javascript:alert(1)",
            "https://me:secret@ci.test/",
            "ci.test/7",
            "",
        ] {
            assert!(link(text).is_err(), "{text}");
        }
        assert_eq!(label(" main ").as_deref(), Ok("main"));
        for text in ["", " ", "a\nb", &"x".repeat(101)] {
            assert!(label(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_alone() {
        for (text, read) in [
            ("shop.test", Ok("shop.test")),
            ("192.0.2.1", Ok("192.0.2.1")),
            ("::1", Ok("::1")),
            ("[2001:db8::1]", Ok("2001:db8::1")),
            ("http://x", Err("`--allow-host x`")),
            (
                "https://me@shop.test:8443/a?b",
                Err("`--allow-host shop.test`"),
            ),
            ("shop.test:8080", Err("`--allow-host shop.test`")),
            ("[::1]:80", Err("`--allow-host ::1`")),
            ("192.0.2.0/24", Err("`--allow-host 192.0.2.0`")),
            ("*.shop.test", Err("without wildcards")),
            ("--quiet", Err("is not a host")),
            ("a b", Err("is not a host")),
            ("", Err("is not a host")),
        ] {
            match (host(text), read) {
                (Ok(found), Ok(read)) => assert_eq!(found, read),
                (Err(found), Err(part)) => assert!(found.contains(part), "{text}: {found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
