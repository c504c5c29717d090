//! What fuzzing reaches of this room's parsers; built for nothing else.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use super::limits::{MAX_TOKEN_LIFE, TOKEN_LIFE};
use super::{challenge, token_answer};

pub use super::credentials::find_in_file;

/// Reads a challenge, and says whether it is one that is known.
pub fn read_challenge(text: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(text) else { return false };
    challenge::parse(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)])).is_some()
}

/// Reads a token server's answer, and returns how long its token lives and the bounds of that.
pub fn read_token_answer(body: &[u8], now: SystemTime) -> Option<(Duration, Duration, Duration)> {
    let answer = token_answer::parse(body, now)?;
    Some((TOKEN_LIFE, answer.lifetime, MAX_TOKEN_LIFE))
}
