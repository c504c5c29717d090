//! How a build ends: whatever happened, no row stays open, and the answer tells the outcome.

use tokio::sync::oneshot;

use super::begun::Begun;
use super::failure::Failure;
use super::rows::Rows;
use super::work::Work;
use crate::builder::running::Stop;
use crate::release::ReleaseError;
use crate::release::rows::BadEnd;

/// What is told of a panic.
const DEFECT: &str = "The builder has a defect: see its log";

/// Ends a build; `made` is `None` if it panicked.
pub(super) fn end(
    work: &Work,
    rows: Option<Rows>,
    made: Option<Result<(), Failure>>,
    begun: Option<oneshot::Sender<Begun>>,
) {
    let (bad_end, text, outcome) = match &made {
        Some(Ok(())) => (None, String::new(), "success"),
        Some(Err(Failure::Stopped(Stop::Cancelled))) => {
            (Some(BadEnd::Cancelled), text_of(&made), "cancelled")
        }
        Some(Err(_)) => (Some(BadEnd::Failed), text_of(&made), "failed"),
        None => (Some(BadEnd::Failed), DEFECT.to_owned(), "defect"),
    };
    let is_closed = match bad_end {
        Some(bad_end) => close(work, rows.as_ref(), bad_end),
        None => true,
    };
    if is_closed {
        work.service.journal.end(&work.commit);
    }
    work.service.metrics.ended(outcome);
    let (fleet, release) = (&work.caller.fleet.slug, rows.as_ref().map(|rows| rows.release));
    tracing::info!(fleet, release, commit = work.commit, outcome, text, "a build ended");
    if let Some(begun) = begun {
        let _ = begun.send(Begun::Not(text.clone()));
    }
    if bad_end.is_some() {
        work.screen.failed(&text);
    }
}

fn text_of(made: &Option<Result<(), Failure>>) -> String {
    match made {
        Some(Err(failure)) => failure.to_string(),
        _ => String::new(),
    }
}

/// Closes the rows; says whether they are. What stays open is closed at the next start or push.
fn close(work: &Work, rows: Option<&Rows>, end: BadEnd) -> bool {
    let closed = match rows {
        Some(rows) => close_rows(work, rows, end),
        // The answer to the first row may be lost.
        None => close_unknown(work, end),
    };
    if let Err(error) = &closed {
        tracing::warn!(commit = work.commit, %error, "rows of a release stay open");
    }
    closed.is_ok()
}

fn close_rows(work: &Work, rows: &Rows, end: BadEnd) -> Result<(), ReleaseError> {
    let open = rows.images.iter().filter(|row| !row.is_closed);
    for row in open {
        rows.api.image_ended(row.image.id, BadEnd::Cancelled)?;
    }
    rows.api.release_ended(rows.release, end)?;
    rows.api.strays_ended(work.caller.fleet.id, work.started, BadEnd::Cancelled)?;
    match end {
        BadEnd::Cancelled => rows.api.release_taken_back(rows.release),
        BadEnd::Failed => Ok(()),
    }
}

fn close_unknown(work: &Work, end: BadEnd) -> Result<(), ReleaseError> {
    if !work.service.journal.has(&work.commit) {
        return Ok(());
    }
    let (api, fleet) = (work.api()?, work.caller.fleet.id);
    api.close_release(fleet, &work.commit, Some(work.started), end).map(drop)
}
