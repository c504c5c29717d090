//! The delta server, asked with the builder credential or with the user's own tokens.

use std::time::Duration;

use super::model::ServiceImage;
use super::{ReleaseError, ReleaseSettings};
use crate::Dialect;
use crate::api::{ApiError, Client, Credential, PairStatus, Secret, WantedPair};

/// Pairs asked about in one request; a server takes 5,000.
const PAIRS_AT_ONCE: usize = 5_000;
/// HTTP's "unauthorized".
const UNAUTHORIZED: u16 = 401;

/// A delta that is wanted: the images, and the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted<'a> {
    pub(super) source: &'a ServiceImage,
    pub(super) target: &'a ServiceImage,
    pub(super) format: Dialect,
}

/// Whoever has deltas made: a server elsewhere, or the one that this process is.
pub(crate) trait DeltaMaker: Send {
    /// How it stands with each pair, in their order.
    fn status(&self, pairs: &[WantedPair]) -> Result<Vec<PairStatus>, ApiError>;

    /// Asks for each pair and says what has become of it, in their order.
    fn prepare(&self, pairs: &[WantedPair], fleet: &str) -> Result<Vec<PairStatus>, ApiError>;

    /// From now on shows these tokens for the registry, if any are needed.
    fn show(&mut self, tokens: Vec<Secret>);

    /// From now on answers within this time, or the usual one, if that may be long.
    fn answer_within(&mut self, _time: Option<Duration>) {}
}

impl DeltaMaker for Client {
    fn status(&self, pairs: &[WantedPair]) -> Result<Vec<PairStatus>, ApiError> {
        Client::status(self, pairs)
    }

    fn prepare(&self, pairs: &[WantedPair], fleet: &str) -> Result<Vec<PairStatus>, ApiError> {
        Client::prepare(self, pairs, Some(fleet))
    }

    fn show(&mut self, tokens: Vec<Secret>) {
        Client::show(self, Credential::RegistryTokens(tokens));
    }

    fn answer_within(&mut self, time: Option<Duration>) {
        Client::answer_within(self, time);
    }
}

/// The delta server of an installation.
pub(super) struct DeltaServer {
    maker: Box<dyn DeltaMaker>,
}

impl DeltaServer {
    /// The server that lets deltas be made by `maker`.
    pub(super) fn of(maker: Box<dyn DeltaMaker>) -> Self {
        DeltaServer { maker }
    }

    /// Contacts nobody.
    pub(super) fn new(settings: &ReleaseSettings) -> Result<Self, ReleaseError> {
        let ca_file = settings.ca_file.as_deref();
        let client = Client::new(&settings.delta_server, settings.builder.clone(), ca_file)?;
        Ok(Self::of(Box::new(client)))
    }

    /// From now on shows these tokens for the registry.
    pub(super) fn show(&mut self, tokens: Vec<Secret>) {
        self.maker.show(tokens);
    }

    /// From now on waits for an answer for so long, or as long as usual.
    pub(super) fn answer_within(&mut self, time: Option<Duration>) {
        self.maker.answer_within(time);
    }

    /// How it stands with each pair, in their order.
    pub(super) fn status(&self, wanted: &[Wanted<'_>]) -> Result<Vec<PairStatus>, ReleaseError> {
        in_parts(wanted, |pairs| self.maker.status(pairs))
    }

    /// Asks for each pair and says what has become of it, in their order.
    pub(super) fn prepare(
        &self,
        wanted: &[Wanted<'_>],
        fleet: &str,
    ) -> Result<Vec<PairStatus>, ReleaseError> {
        in_parts(wanted, |pairs| self.maker.prepare(pairs, fleet))
    }
}

fn in_parts(
    wanted: &[Wanted<'_>],
    ask: impl Fn(&[WantedPair]) -> Result<Vec<PairStatus>, ApiError>,
) -> Result<Vec<PairStatus>, ReleaseError> {
    let mut statuses = Vec::with_capacity(wanted.len());
    for part in wanted.chunks(PAIRS_AT_ONCE) {
        let pairs: Vec<WantedPair> = part.iter().map(Wanted::asked).collect();
        statuses.extend(ask(&pairs)?);
    }
    Ok(statuses)
}

impl Wanted<'_> {
    fn asked(&self) -> WantedPair {
        let mut pair = WantedPair::new(&self.source.reference(), &self.target.reference());
        pair.format = Some(self.format.name().to_owned());
        pair
    }
}

/// Whether a server refused for want of a token that holds.
pub(super) fn wants_other_token(error: &ReleaseError) -> bool {
    matches!(error, ReleaseError::DeltaServer(ApiError::Answer { status: UNAUTHORIZED, .. }))
}
