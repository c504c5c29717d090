//! Rows written through openBalena's API: each once, whatever becomes of the answers.

use std::thread::sleep;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ReleaseError;
use super::api::Api;
use super::odata::Query;
use crate::api::{ConnectionError, Reply, RequestDraft};

/// How often a row is written that may be taken a while later.
const ATTEMPTS: u32 = 7;
/// The pause after the first attempt; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The row is there already, and may be there once.
const CONFLICT: u16 = 409;

impl Api {
    /// Writes a row of `resource` and returns what the API makes of it. `known` finds the row if it is there: a lost
    /// answer does not tell.
    pub(super) fn create<T: DeserializeOwned>(
        &self,
        resource: &str,
        row: &Value,
        known: &Query,
    ) -> Result<T, ReleaseError> {
        let path = format!("{}/{resource}", self.version());
        // An API that is away is asked as long as any question.
        let there = || Ok(self.rows::<T>(known)?.pop());
        match self.insist(|| self.connection().post(&path, row.to_string()), there)? {
            Written::Now(reply) => self.read(&reply),
            Written::Before(row) => Ok(row),
        }
    }

    /// Changes fields of the rows that `query` finds: the same fields twice are the same.
    pub(super) fn change(&self, query: &Query, fields: &Value) -> Result<(), ReleaseError> {
        let path = format!("{}/{}", self.version(), query.url());
        let request = || self.connection().patch(&path, fields.to_string());
        self.insist(request, || Ok(None::<()>)).map(drop)
    }

    /// Writes until the API takes it, or `there` finds that it was taken.
    fn insist<T>(
        &self,
        request: impl Fn() -> RequestDraft,
        there: impl Fn() -> Result<Option<T>, ReleaseError>,
    ) -> Result<Written<T>, ReleaseError> {
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            let (error, wanted) = match self.ask_once(request()) {
                Ok(reply) if (200..300).contains(&reply.status) => return Ok(Written::Now(reply)),
                Ok(reply) if may_pass(reply.status) => (self.refused(&reply), reply.retry_after),
                Ok(reply) => return Err(self.refused(&reply)),
                Err(error @ ConnectionError::Unreachable { .. }) => (error.into(), None),
                Err(error) => return Err(error.into()),
            };
            loop {
                let found = there();
                if let Ok(Some(row)) = found {
                    return Ok(Written::Before(row));
                }
                let is_unknown = matches!(&found, Err(error) if error.may_pass());
                if !is_unknown {
                    found?;
                }
                if attempt == ATTEMPTS {
                    return Err(error);
                }
                tracing::warn!(%error, "openBalena's API is written to again");
                sleep(wanted.unwrap_or(pause).min(LONGEST_PAUSE));
                (attempt, pause) = (attempt + 1, pause * 2);
                // As long as nobody can say whether the row is there, a second one may be one too many.
                if !is_unknown {
                    break;
                }
            }
        }
    }
}

/// How a row came to be.
enum Written<T> {
    Now(Reply),
    /// By an attempt whose answer was lost, or by somebody else.
    Before(T),
}

/// Whether an answer may be another one later, or the row may be there.
fn may_pass(status: u16) -> bool {
    status == CONFLICT || status == 429 || status >= 500
}
