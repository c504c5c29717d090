//! What fuzzing reaches of this room's parsers; built for nothing else.

use super::model::{Change, Device, Fleet, FleetVariable, Release, Rows, Variable};
use super::odata::{Query, text};
use super::session_token;
use crate::api::Secret;

/// Reads an answer of openBalena's API as each of the lists that are asked for. Returns how many it is.
pub fn read_rows(body: &[u8]) -> usize {
    fn is<T: serde::de::DeserializeOwned>(body: &[u8]) -> bool {
        serde_json::from_slice::<Rows<T>>(body).is_ok()
    }
    let kinds = [is::<Release>, is::<Fleet>, is::<Change>, is::<Device>, is::<FleetVariable>];
    kinds.into_iter().filter(|is| is(body)).count() + usize::from(is::<Variable>(body))
}

/// The URL of a query for what has this value.
pub fn query_for(value: &str) -> String {
    Query::of("release").filter(&format!("commit eq {}", text(value))).url()
}

/// Whether a session's token has ended.
pub fn is_over(token: &str) -> bool {
    session_token::is_over(&Secret::new(token))
}
