//! The watcher: looks for news, and has each release that is news worked on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::changes::Changes;
use super::work::{Step, Work};
use super::{Decision, FinalizeRule, WatchEvent, WatchNews, WatchOptions, WatchedFleets};
use crate::release::model::{Change, Fleet};
use crate::release::{Installation, ReleaseError};

/// How often the list of fleets is read anew.
const FLEETS_LIFE: Duration = Duration::from_secs(300);
/// Looks for news to one look at what they do not show: whether the token still holds, since the API
/// answers others with empty lists, and whether drafts got their tag, which changes no release's time.
const ROUNDS: u32 = 5;

/// Watches fleets.
pub(super) struct Watcher {
    options: WatchOptions,
    fleets: BTreeMap<u64, Fleet>,
    fleets_read: Option<Instant>,
    changes: Changes,
    works: BTreeMap<u64, (u64, Work)>,
    /// Drafts without the tag, by fleet.
    untagged: BTreeMap<u64, BTreeSet<u64>>,
    checked: Instant,
    looked: Option<Instant>,
    /// Releases that this watcher has let out: that change is no news. The oldest go first.
    let_out: BTreeSet<u64>,
}

/// Releases let out that are remembered.
const MAX_LET_OUT: usize = 1000;

/// Hears of news.
pub(super) type Told<'a> = dyn FnMut(WatchNews<'_>) + 'a;

impl Watcher {
    pub(super) fn new(options: WatchOptions) -> Self {
        Watcher {
            options,
            fleets: BTreeMap::new(),
            fleets_read: None,
            changes: Changes::default(),
            works: BTreeMap::new(),
            untagged: BTreeMap::new(),
            checked: Instant::now(),
            looked: None,
            let_out: BTreeSet::new(),
        }
    }

    /// Whether deltas are waited for.
    pub(super) fn is_busy(&self) -> bool {
        !self.works.is_empty()
    }

    /// Looks for news if it is time, and does what is to be done. A release in trouble keeps none of the
    /// others back.
    pub(super) fn step(
        &mut self,
        installation: &mut Installation,
        told: &mut Told<'_>,
    ) -> Result<(), ReleaseError> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= self.options.interval) {
            self.look(installation, told)?;
        }
        let mut trouble = None;
        // The newest first: it is what devices will ask for.
        let releases: Vec<u64> = self.works.keys().rev().copied().collect();
        for release in releases {
            if let Err(error) = self.advance(installation, release, told) {
                trouble.get_or_insert(error);
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    fn look(
        &mut self,
        installation: &Installation,
        told: &mut Told<'_>,
    ) -> Result<(), ReleaseError> {
        if self.fleets_read.is_none_or(|read| read.elapsed() >= FLEETS_LIFE) {
            self.read_fleets(installation)?;
        }
        self.read_changes(installation)?;
        if self.looked.is_none() {
            self.read_links(installation, told)?;
        }
        if self.checked.elapsed() >= self.options.interval * ROUNDS {
            installation.api.check_token()?;
            self.read_tags(installation)?;
            self.read_links(installation, told)?;
            self.checked = Instant::now();
        }
        self.looked = Some(Instant::now());
        Ok(())
    }

    /// Reads which fleets there are, and of those that are new the last releases.
    fn read_fleets(&mut self, installation: &Installation) -> Result<(), ReleaseError> {
        let fleets = match &self.options.fleets {
            WatchedFleets::All => installation.api.fleets()?,
            WatchedFleets::Named(names) => named(installation, names)?,
        };
        let fleets: BTreeMap<u64, Fleet> =
            fleets.into_iter().map(|fleet| (fleet.id, fleet)).collect();
        for fleet in fleets.values() {
            if self.fleets.contains_key(&fleet.id) {
                continue;
            }
            for change in installation.api.recent(fleet.id)? {
                self.changes.note(&change);
                // Of the releases that are final the one that devices are to run.
                if !change.is_final || fleet.tracked == Some(change.id) {
                    self.consider(&change);
                }
            }
            self.fleets.insert(fleet.id, fleet.clone());
        }
        self.fleets = fleets;
        self.works.retain(|_, (fleet, _)| self.fleets.contains_key(fleet));
        self.fleets_read = Some(Instant::now());
        Ok(())
    }

    fn read_changes(&mut self, installation: &Installation) -> Result<(), ReleaseError> {
        if self.fleets.is_empty() {
            return Ok(());
        }
        let fleets: Vec<u64> = self.fleets.keys().copied().collect();
        for change in installation.api.changed(&fleets, &self.changes.since())? {
            if self.changes.note(&change) {
                self.consider(&change);
            }
        }
        self.changes.forget_old();
        Ok(())
    }

    /// Looks whether drafts got their tag.
    fn read_tags(&mut self, installation: &Installation) -> Result<(), ReleaseError> {
        for (fleet, drafts) in std::mem::take(&mut self.untagged) {
            let recent = installation.api.recent(fleet)?;
            for change in recent.iter().filter(|change| drafts.contains(&change.id)) {
                self.consider(change);
            }
        }
        Ok(())
    }

    /// Reads what links the fleets' devices have, where that is set.
    fn read_links(
        &self,
        installation: &Installation,
        told: &mut Told<'_>,
    ) -> Result<(), ReleaseError> {
        let set = installation.api.link_rates()?.into_iter();
        let set: Vec<(String, String)> = set
            .filter_map(|rate| Some((self.fleets.get(&rate.fleet)?.slug.clone(), rate.value)))
            .collect();
        told(WatchNews::Links(&set));
        Ok(())
    }

    fn consider(&mut self, change: &Change) {
        let tagged = !change.tags.is_empty();
        let known = self.options.drafts_only || self.let_out.contains(&change.id);
        if change.is_final && known {
            return;
        }
        let begun = || (change.fleet, Work::new(change.is_final, tagged));
        let (_, work) = self.works.entry(change.id).or_insert_with(begun);
        (work.is_final, work.tagged) = (change.is_final, tagged);
    }

    fn advance(
        &mut self,
        installation: &mut Installation,
        release: u64,
        told: &mut Told<'_>,
    ) -> Result<(), ReleaseError> {
        let Some((fleet, work)) = self.works.get_mut(&release) else { return Ok(()) };
        let Some(fleet) = self.fleets.get(fleet) else { return Ok(()) };
        let mut tell = |decision| {
            told(WatchNews::Decided(&WatchEvent { fleet: fleet.slug.clone(), release, decision }));
        };
        let (min_devices, patience) = (self.options.min_devices, self.options.patience);
        let ended = loop {
            match work.advance(installation, fleet, release, min_devices, patience)? {
                Step::Waits => return Ok(()),
                Step::Asked(decision) => tell(decision),
                Step::Gone => break Decision::Dropped,
                Step::Ended(decision) => break decision,
            }
        };
        let dropped = ended == Decision::Dropped;
        let last = match self.options.finalize {
            _ if work.is_final || dropped => None,
            FinalizeRule::Never => None,
            FinalizeRule::Tagged if !work.tagged => Some(Decision::WaitsForTag),
            FinalizeRule::Tagged | FinalizeRule::Always => Some(let_out(installation, release)?),
        };
        tell(ended);
        match &last {
            Some(Decision::WaitsForTag) => {
                self.untagged.entry(fleet.id).or_default().insert(release);
            }
            Some(Decision::Finalized) => {
                self.let_out.insert(release);
                if self.let_out.len() > MAX_LET_OUT {
                    self.let_out.pop_first();
                }
            }
            _ => {}
        }
        last.map(tell);
        self.works.remove(&release);
        Ok(())
    }
}

/// The fleets of these names. One that is not there keeps none of the others back, unless none is.
fn named(installation: &Installation, names: &[String]) -> Result<Vec<Fleet>, ReleaseError> {
    let (mut found, mut missing) = (Vec::new(), None);
    for name in names {
        match installation.fleet_called(name) {
            Ok(fleet) => found.push(fleet),
            Err(error @ (ReleaseError::NoFleet(_) | ReleaseError::Ambiguous { .. })) => {
                missing.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if found.is_empty() => Err(error),
        Some(error) => {
            tracing::warn!(%error, "the other fleets are watched");
            Ok(found)
        }
        None => Ok(found),
    }
}

/// Lets a draft out, unless it is not a good release any more.
fn let_out(installation: &Installation, release: u64) -> Result<Decision, ReleaseError> {
    match installation.good_release(release)? {
        Some(_) => installation.finalize(release).map(|_| Decision::Finalized),
        None => Ok(Decision::Dropped),
    }
}
