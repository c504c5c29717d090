//! Lists of pairs, as `prepare` and `status` get them in a request's body.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest as _, Request};
use axum::http::StatusCode;
use futures_util::{StreamExt as _, stream};

use super::answer::Answer;
use super::asked::Asked;
use super::service::Service;
use crate::api::{DeltaQuery, Listed, PairStatus, Pairs, WantedPair};
use crate::server::access::{Caller, Permits};
use crate::{Dialect, UnknownDialect};

/// Pairs that one request may name: a release of a dozen services from some hundred earlier ones.
const MAX_PAIRS: usize = 5_000;

/// Tokens that one request may hold: enough for so many pairs, and few enough to check.
const MAX_TOKENS: usize = 100;

/// Pairs of one request that are looked up at the same time.
const AT_ONCE: usize = 16;

/// How long a list may take to come.
const BODY_TIME: Duration = Duration::from_secs(60);

/// A list of pairs from somebody who may ask about some.
pub(super) struct PairList {
    pub(super) wanted: Vec<WantedPair>,
    pub(super) fleet: Option<String>,
    pub(super) permits: Permits,
}

/// A pair that was understood.
pub(super) struct ReadPair {
    pub(super) format: Dialect,
    pub(super) query: DeltaQuery,
}

impl PairList {
    /// The list of somebody who may ask for anything.
    pub(super) fn of_builder(pairs: &[WantedPair], fleet: Option<&str>) -> Self {
        let (wanted, fleet) = (pairs.to_vec(), fleet.map(str::to_owned));
        PairList { wanted, fleet, permits: Permits::of(Caller::Builder) }
    }

    /// Reads the list of whoever may ask; nobody else's is read.
    pub(super) async fn read(
        service: &Service,
        asked: Asked,
        request: Request,
    ) -> Result<Self, Answer> {
        let mut permits = service.guard.admit(&asked.headers, asked.peer)?;
        let body = Json::<Pairs>::from_request(request, &());
        let body = tokio::time::timeout(BODY_TIME, body).await;
        let endless = "the list does not come to an end".to_owned();
        let body = body.map_err(|_| Answer::BadBody(StatusCode::REQUEST_TIMEOUT, endless))?;
        let Json(list) = body.map_err(|error| unreadable(&error))?;
        if list.pairs.len() > MAX_PAIRS || list.tokens.len() > MAX_TOKENS {
            return Err(bad(&format!(
                "there are more than {MAX_PAIRS} pairs or {MAX_TOKENS} tokens"
            )));
        }
        service.guard.admit_more(&mut permits, &list.tokens, &asked.headers, asked.peer)?;
        Ok(PairList { wanted: list.pairs, fleet: list.fleet, permits })
    }

    /// Answers each pair by itself: with what `look` finds out, of many pairs at the same time, and what `tell`
    /// makes of that, which begins in the list's order. Refuses the whole list if `permitted` does not let the
    /// caller have a pair.
    pub(super) async fn answered<L, T, X>(
        self,
        service: &Service,
        permitted: impl Fn(&Permits, &ReadPair) -> Result<(), Answer>,
        look: impl Fn(ReadPair) -> L,
        tell: impl Fn(X) -> T,
    ) -> Result<Listed, Answer>
    where
        L: Future<Output = Result<X, Answer>>,
        T: Future<Output = Result<PairStatus, Answer>>,
    {
        let registry = service.registry();
        let read = self.wanted.iter().map(|wanted| ReadPair::read(wanted, registry));
        let read: Vec<Result<ReadPair, Answer>> = read.collect();
        read.iter().flatten().try_for_each(|pair| permitted(&self.permits, pair))?;
        let seen = stream::iter(read).map(async |pair| look(pair?).await).buffered(AT_ONCE);
        let states = seen.map(async |seen| match seen {
            Ok(seen) => tell(seen).await.unwrap_or_else(|answer| PairStatus::refused(&answer)),
            Err(answer) => PairStatus::refused(&answer),
        });
        let states: Vec<PairStatus> = states.buffered(AT_ONCE).collect().await;
        let told = |(status, wanted): (PairStatus, &WantedPair)| {
            let format = wanted.format.as_deref().unwrap_or(Dialect::default().name());
            status.of(format, &wanted.src, &wanted.dest)
        };
        Ok(Listed { pairs: states.into_iter().zip(&self.wanted).map(told).collect() })
    }
}

impl ReadPair {
    fn read(wanted: &WantedPair, registry: &str) -> Result<Self, Answer> {
        let format = wanted.format.as_deref().map_or(Ok(Dialect::default()), str::parse);
        let format = format.map_err(|error: UnknownDialect| bad(&error.to_string()))?;
        let query = DeltaQuery::of(&wanted.src, &wanted.dest, registry);
        Ok(ReadPair { format, query: query.map_err(|error| bad(&error.to_string()))? })
    }

    /// The repositories of both images.
    pub(super) fn repositories(&self) -> (&str, &str) {
        (&self.query.source.repository, &self.query.target.repository)
    }
}

/// A device takes 422 for a delta that cannot be made: nothing else may be answered so.
fn unreadable(error: &JsonRejection) -> Answer {
    match error.status() {
        StatusCode::UNPROCESSABLE_ENTITY => Answer::BadQuery(error.body_text()),
        status => Answer::BadBody(status, error.body_text()),
    }
}

fn bad(text: &str) -> Answer {
    Answer::BadQuery(text.to_owned())
}
