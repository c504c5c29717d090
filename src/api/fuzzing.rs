//! What fuzzing reaches of this room's parsers; built for nothing else.

use super::PairStatus;
use super::events::Events;
use super::wire::Listed;

/// Reads an answer to a list of pairs.
pub fn read_answer(body: &[u8]) -> bool {
    serde_json::from_slice::<Listed>(body).is_ok()
}

/// Reads server-sent events that come in two pieces, and says what they hold and how many are statuses.
/// `None` if one is too long.
pub fn read_events(pieces: [&[u8]; 2]) -> Option<(Vec<(String, String)>, usize)> {
    let mut events = Events::default();
    let mut found = Vec::new();
    for piece in pieces {
        found.extend(events.read(piece)?);
    }
    let statuses =
        found.iter().filter(|event| serde_json::from_str::<PairStatus>(&event.data).is_ok());
    let statuses = statuses.count();
    Some((found.into_iter().map(|event| (event.kind, event.data)).collect(), statuses))
}
