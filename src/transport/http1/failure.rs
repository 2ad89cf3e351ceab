//! Converts hyper's errors to failed exchanges.

use std::error::Error;
use std::io;

use crate::outcome::Outcome;
use crate::transport::content::UploadFault;
use crate::transport::failure::ExchangeFailure;

/// A response head that cannot be parsed.
pub(super) fn unparsed(error: &hyper::Error) -> ExchangeFailure {
    if error.is_parse_too_large() {
        return ExchangeFailure::new(
            Outcome::HeadLimit,
            "the response's head has more than 1000 header lines or 256 KiB, which are the limits",
        );
    }
    broken(error)
}

/// A failure on a connection that was open: while sending, waiting or reading.
pub(super) fn broken(error: &hyper::Error) -> ExchangeFailure {
    let fault = find::<io::Error>(error).and_then(|error| error.get_ref()?.downcast_ref());
    if let Some(fault) = fault.map(UploadFault::to_string) {
        return ExchangeFailure::new(Outcome::Unsendable, &fault);
    }
    let outcome = if error.is_parse() {
        Outcome::BadResponse
    } else {
        match find::<io::Error>(error) {
            Some(cause) => of_io(cause),
            None if error.is_user() => Outcome::BadResponse,
            None => Outcome::Reset,
        }
    };
    let chain = chain(error);
    // rustls appends a page of its manual to its message.
    let words = chain.split(": https://docs.rs/").next();
    ExchangeFailure::new(outcome, words.unwrap_or(&chain))
}

/// The outcome of an I/O error during an exchange; hyper reports bad chunks as invalid input.
fn of_io(error: &io::Error) -> Outcome {
    if let Some(inner) = error.get_ref()
        && inner.is::<rustls::Error>()
    {
        return Outcome::Tls;
    }
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Outcome::BadResponse,
        io::ErrorKind::TimedOut => Outcome::Timeout,
        _ => Outcome::Reset,
    }
}

/// The first error of type `T` among an error and its causes.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// An error and its causes in one line, without repetitions.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |&error| error.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
