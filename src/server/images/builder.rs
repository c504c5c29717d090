//! Deltas made out of the registry and put back into it.

use std::sync::Arc;
use std::time::Duration;

use super::blame::push_error;
use super::opened::Opened;
use super::tag::Tag;
use super::transport_settings;
use super::watch::{Budget, Watch};
use super::work_error::WorkError;
use crate::artifact;
use crate::delta::{Goal, Options};
use crate::image::{ImageContents, ImageError, ImageReference, Transports};
use crate::pack::DeltaReport;
use crate::progress::{Progress, Silent};
use crate::server::ServerError;
use crate::server::artifacts::Artifacts;
use crate::server::build::{BuildError, Builder, Built, BuiltPlace, Estimate};
use crate::server::fleet_links::FleetLinks;
use crate::server::link_rates::LinkRates;
use crate::server::pair::Pair;
use crate::server::settings::{RegistrySettings, WorkSettings};
use crate::store::Store;
use crate::v2;
use crate::v3;
use crate::{Cause, Dialect};

/// How often something is done that a registry's garbage collection got in the way of.
const ROUNDS: u32 = 3;
/// The pause before the next round: a collection that takes one blob is soon done with the others.
const ROUND_PAUSE: Duration = Duration::from_secs(2);

/// Makes deltas from images in the configured registry. v3 goes back there, v2 to the artifacts.
pub(crate) struct RegistryBuilder {
    registry: RegistrySettings,
    transports: Transports,
    store: Store,
    artifacts: Arc<Artifacts>,
    encoding: Options,
    link_rates: Option<LinkRates>,
    fleet_links: Arc<FleetLinks>,
    worth_ratio: f64,
}

impl RegistryBuilder {
    /// A builder that keeps layers in `store`. Contacts nobody.
    pub(crate) fn new(
        registry: &RegistrySettings,
        work: &WorkSettings,
        worth_ratio: f64,
        store: Store,
        artifacts: Arc<Artifacts>,
        fleet_links: Arc<FleetLinks>,
    ) -> Result<Self, ServerError> {
        let encoding = Options {
            goal: work.goal,
            effort: work.effort,
            memory: work.build_memory,
            ..Options::default()
        };
        let transports = Transports::new(transport_settings(registry))?;
        // Answers go through them too: they must not get the low priority of a build.
        transports.start_threads()?;
        let registry = registry.clone();
        let link_rates = work.link_rates.as_ref().map(LinkRates::open).transpose()?;
        Ok(RegistryBuilder {
            registry,
            transports,
            store,
            artifacts,
            encoding,
            link_rates,
            fleet_links,
            worth_ratio,
        })
    }

    /// How deltas are made for a fleet.
    fn encoding(&self, pair: &Pair, fleet: &str) -> Options {
        let rate = self.own_link(fleet, &pair.target.repository);
        let goal = rate.map_or(self.encoding.goal, |rate| self.encoding.goal.on_link(rate));
        Options { goal, ..self.encoding }
    }

    /// What a fleet's links carry, in bytes a second, if somebody said so of that fleet or repository.
    fn own_link(&self, fleet: &str, repository: &str) -> Option<f64> {
        let rates = self.link_rates.as_ref();
        let rate = rates.and_then(|rates| rates.of(fleet, repository));
        rate.or_else(|| self.fleet_links.of(fleet)).map(|rate| rate as f64 / 8.0)
    }

    fn open(&self, pair: &Pair, progress: &dyn Progress) -> Result<Opened, WorkError> {
        Ok(Opened::open(&self.transports, &self.registry, pair, progress)?)
    }

    /// Makes what `make` makes of the opened pair. A blob that is not there although its manifest is
    /// has just vanished with it, or comes in again. A stored layer that was damaged has been dropped,
    /// and is fetched in the next round.
    fn rounds<T>(
        &self,
        pair: &Pair,
        progress: &dyn Progress,
        make: impl Fn(&Opened) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let mut round = 1;
        loop {
            let opened = self.open(pair, progress).map_err(Failed::Work);
            let error = match opened.and_then(|opened| make(&opened)) {
                Err(Failed::Work(error)) if round < ROUNDS => error,
                done => return done,
            };
            match error.cause() {
                Cause::MissingBlob => {
                    tracing::warn!(%pair, %error, "trying again");
                    std::thread::sleep(ROUND_PAUSE);
                }
                Cause::DamagedLayer => {
                    tracing::error!(%pair, %error, "fetching it again; check the disk");
                }
                _ => return Err(Failed::Work(error)),
            }
            round += 1;
        }
    }

    /// Makes a delta that goes into the target's repository.
    fn build_beside(
        &self,
        pair: &Pair,
        fleet: &str,
        opened: &Opened,
        progress: &dyn Progress,
    ) -> Result<Built, Failed> {
        let tag = Tag::choose(&self.transports, &self.registry, pair, opened)?;
        if let Some(built) = tag.built {
            tracing::info!(%pair, tag = tag.name, "the registry has this delta already");
            return Ok(built);
        }
        // A delta that cannot be put anywhere is not made.
        self.transports.probe_push(&tag.reference).map_err(Failed::Push)?;
        let delta = self.make(pair.format, self.encoding(pair, fleet), opened, progress)?;
        let report = delta.report();
        if !self.is_worth_it(pair.format, report) {
            return Ok(built(BuiltPlace::NotWorth, report));
        }
        let reference = ImageReference::Registry(tag.reference);
        let digest = self.push(&reference, delta.contents(), progress)?;
        Ok(built(BuiltPlace::Tag { tag: tag.name, digest }, report))
    }

    fn make(
        &self,
        format: Dialect,
        encoding: Options,
        opened: &Opened,
        progress: &dyn Progress,
    ) -> Result<Made, WorkError> {
        let (base, target) = (&opened.base, &opened.target);
        if format == Dialect::V3 {
            let options = v3::CreateOptions { encoding, ..v3::CreateOptions::default() };
            return Ok(Made::V3(v3::create(base, target, &self.store, &options, progress)?));
        }
        let options = artifact::CreateOptions { encoding, ..artifact::CreateOptions::of(format) };
        Ok(Made::Artifact(artifact::create(base, target, &self.store, &options, progress)?))
    }

    fn build_v2(&self, opened: &Opened, progress: &dyn Progress) -> Result<Built, Failed> {
        let Options { effort, memory, .. } = self.encoding;
        let options = v2::CreateOptions { effort, memory, ..v2::CreateOptions::default() };
        let (base, target) = (&opened.base, &opened.target);
        let file = self.artifacts.new_file().map_err(WorkError::from)?;
        let report = v2::create(base, target, &self.store, &options, file.as_file(), progress)
            .map_err(WorkError::from)?;
        Ok(Built {
            place: BuiltPlace::File { key: self.artifacts.publish(file).map_err(WorkError::from)? },
            bytes: report.delta_bytes,
            pull_bytes: opened.pull_bytes(),
            commands: report.sizes.runs,
            seconds: report.seconds,
        })
    }

    /// Whether a host fetches enough less by the delta. One for engines is good also where both are nothing: an engine that asked
    /// for it gets it.
    fn is_worth_it(&self, format: Dialect, report: &DeltaReport) -> bool {
        let delta = report.total.delta_bytes;
        report.total.pull_bytes.is_none_or(|pull| {
            let saves = delta < pull || format == Dialect::V3;
            saves && delta as f64 <= pull as f64 * self.worth_ratio
        })
    }

    /// Pushes all of the delta until its manifest is there.
    fn push(
        &self,
        reference: &ImageReference,
        delta: &ImageContents,
        progress: &dyn Progress,
    ) -> Result<crate::image::Digest, Failed> {
        let mut round = 1;
        loop {
            match self.transports.write(reference, delta, progress) {
                Err(error) if round < ROUNDS && error.may_be_lost_upload() => {
                    tracing::warn!(%reference, %error, "pushing again");
                    std::thread::sleep(ROUND_PAUSE);
                    round += 1;
                }
                done => return done.map_err(Failed::Push),
            }
        }
    }
}

/// A delta that was made and is to go into the registry.
enum Made {
    V3(v3::Delta),
    Artifact(artifact::Delta),
}

impl Made {
    fn contents(&self) -> &ImageContents {
        match self {
            Made::V3(delta) => delta.contents(),
            Made::Artifact(delta) => delta.contents(),
        }
    }

    fn report(&self) -> &DeltaReport {
        match self {
            Made::V3(delta) => delta.report(),
            Made::Artifact(delta) => delta.report(),
        }
    }
}

impl Builder for RegistryBuilder {
    fn estimate(&self, pair: &Pair) -> Result<Estimate, BuildError> {
        let watch = Watch::new(&Silent, Budget::OPEN);
        let opened = self.open(pair, &watch).map_err(|error| watch.explain(error.into()))?;
        Ok(Estimate { memory: opened.memory(pair.format, self.encoding.memory) })
    }

    fn build(
        &self,
        pair: &Pair,
        fleet: &str,
        progress: &dyn Progress,
    ) -> Result<Built, BuildError> {
        let watch = Watch::new(progress, Budget::BUILD);
        let built = self.rounds(pair, &watch, |opened| match pair.format {
            Dialect::V3 | Dialect::Remora | Dialect::OciDelta => {
                self.build_beside(pair, fleet, opened, &watch)
            }
            Dialect::V2 => self.build_v2(opened, &watch),
        });
        built.map_err(|failed| watch.explain(failed.into()))
    }

    fn link(&self, fleet: &str, repository: &str) -> f64 {
        let all = |goal: Goal| match goal {
            Goal::UpdateTime { bytes_per_second, .. } => Some(bytes_per_second),
            Goal::Size => None,
        };
        let own = self.own_link(fleet, repository).filter(|rate| *rate > 0.0);
        let known = own.or_else(|| all(self.encoding.goal)).or_else(|| all(Goal::default()));
        known.unwrap_or(f64::INFINITY)
    }
}

/// The step that a build failed at.
enum Failed {
    /// Reading the images, or making the delta.
    Work(WorkError),
    /// Putting the delta where devices find it.
    Push(ImageError),
}

impl From<WorkError> for Failed {
    fn from(error: WorkError) -> Self {
        Failed::Work(error)
    }
}

impl From<Failed> for BuildError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Work(error) => error.into(),
            Failed::Push(error) => push_error(error),
        }
    }
}

fn built(place: BuiltPlace, report: &DeltaReport) -> Built {
    Built {
        place,
        bytes: report.total.delta_bytes,
        pull_bytes: report.total.pull_bytes,
        commands: report.total.commands,
        seconds: report.total.seconds,
    }
}
