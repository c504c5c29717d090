//! What could not be dealt with while everything else went on, for people: a line for each, and the failure that it is.

use std::fmt::{self, Formatter};

use remora::Remedy;
use remora::store::Trouble;

use super::failure::{Failure, general_hint};
use super::remedies::{Asked, in_words};
use super::units;

/// How many different hints are given.
const SHOWN_HINTS: usize = 3;

/// Lines about troubles, each once: one command may meet the same more than once.
#[derive(Default)]
pub(super) struct Lines<'a> {
    told: Vec<&'a Trouble>,
}

impl<'a> Lines<'a> {
    /// Writes a line after `label` for each trouble that has none yet.
    pub(super) fn write(
        &mut self,
        out: &mut Formatter<'_>,
        label: &str,
        troubles: &'a [Trouble],
    ) -> fmt::Result {
        for trouble in troubles {
            if !self.told.contains(&trouble) {
                writeln!(out, "{label}: {trouble}")?;
                self.told.push(trouble);
            }
        }
        Ok(())
    }
}

/// That `what` is not whole because of `troubles`. If the answer lists them (`are_listed`), they are only counted here.
pub(super) fn failure(what: &str, troubles: &[Trouble], are_listed: bool) -> Option<Failure> {
    let first = troubles.first()?;
    let told = match (are_listed, troubles.len() as u64) {
        (true, count) => units::several(count, "problem"),
        (false, 1) => first.to_string(),
        (false, count) => format!("{first} (and {} more)", units::count(count - 1)),
    };
    Some(Failure::new(first.cause, format!("{what}: {told}"), hints(troubles)))
}

/// What to do about each kind of trouble.
fn hints(troubles: &[Trouble]) -> String {
    let mut hints = Vec::new();
    // What has no other remedy than a repair may need what the others do.
    let (last, first): (Vec<_>, Vec<_>) =
        troubles.iter().partition(|it| it.remedy == Some(Remedy::RepairStore));
    let those = if first.is_empty() { last } else { first };
    for hint in those.into_iter().map(hint) {
        if hints.len() < SHOWN_HINTS && !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints.join("; ")
}

fn hint(trouble: &Trouble) -> String {
    let remedy = trouble.remedy.map(|remedy| in_words(remedy, Asked::Command).to_owned());
    let hint = remedy.or_else(|| trouble.hint.clone());
    hint.unwrap_or_else(|| general_hint(trouble.cause).to_owned())
}
