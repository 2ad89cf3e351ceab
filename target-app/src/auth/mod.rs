//! Who is asking: passwords, tokens and the extractor that turns a bearer token into a user.

mod caller;
mod password;
mod token;

pub(crate) use caller::Caller;
pub use password::PasswordError;
pub(crate) use password::Passwords;
pub(crate) use token::{Token, TokenPair};
