//! What a ledger is, in memory: any number of servers, a clock that stands still. Databases are
//! compared with it, tests of the table of jobs use it in their place, and so does the simulation of a fleet.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::change::{Change, What};
use super::daily::{DaySum, FleetSum, KEPT_DAYS, MAX_FLEETS, OTHERS, Sum};
use super::interface::{KnownServer, Ledger, News};
use super::record::{Holder, Record, RecordState, Truth};
use super::servers::{Candidate, Report, Sign, Standing, Told};
use crate::image::Digest;
use crate::server::ServerError;
use crate::server::pair::Pair;

/// The ledger that all servers share. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(in crate::server::jobs) struct Model(Arc<Mutex<Rows>>);

#[derive(Debug, Default)]
struct Rows {
    /// In the order in which they came.
    rows: BTreeMap<u64, Row>,
    /// Where the row of each pair is.
    places: HashMap<Arc<Pair>, u64>,
    last: u64,
    /// Sums by day and fleet.
    days: BTreeMap<(u64, String), Sum>,
    /// How many changes there were, and of which pair each was.
    changes: Vec<Arc<Pair>>,
    /// The servers that live, and the images whose layers each has.
    servers: HashMap<u32, Vec<Digest>>,
    leader: Option<u32>,
}

/// How many jobs each server builds at the same time.
pub(in crate::server::jobs) const PLACES: usize = 2;

#[derive(Debug, Clone)]
struct Row {
    record: Record,
    holder: Option<u32>,
    wanted_by: HashSet<u32>,
}

/// The way of one server to the model.
#[derive(Debug)]
pub(in crate::server::jobs) struct ModelLedger {
    model: Model,
    me: u32,
    seen: usize,
}

impl Model {
    /// The way of the server with this number.
    pub(in crate::server::jobs) fn of(&self, me: u32) -> ModelLedger {
        let mut rows = self.rows();
        rows.servers.entry(me).or_default();
        ModelLedger { model: self.clone(), me, seen: rows.changes.len() }
    }

    /// What is in it, as the server with this number sees it.
    pub(in crate::server::jobs) fn records(&self, me: u32) -> Vec<Record> {
        self.rows().rows.values().map(|row| row.seen_by(me)).collect()
    }

    /// The server with this number has given no sign of life for too long.
    pub(in crate::server::jobs) fn crash(&self, server: u32) {
        let mut rows = self.rows();
        rows.leader = rows.leader.filter(|leader| *leader != server);
        let mut released = Vec::new();
        rows.servers.remove(&server);
        for row in rows.rows.values_mut() {
            row.wanted_by.remove(&server);
            if row.holder == Some(server) {
                row.record.crashes += u32::from(row.record.state == RecordState::Preparing);
                (row.holder, row.record.state) = (None, RecordState::Pending);
                released.push(Arc::clone(&row.record.pair));
            }
        }
        rows.changes.extend(released);
    }

    /// The server that leads.
    #[cfg(test)]
    pub(in crate::server::jobs) fn leader(&self) -> Option<u32> {
        self.rows().leader
    }

    /// Time goes by: what is in the model is older by so much.
    #[cfg(test)]
    pub(in crate::server::jobs) fn pass(&self, time: Duration) {
        for row in self.rows().rows.values_mut() {
            row.age(time);
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    fn seen_by(&self, me: u32) -> Record {
        let holder = match self.holder {
            None => Holder::Nobody,
            Some(holder) if holder == me => Holder::This,
            Some(_) => Holder::Another,
        };
        Record { holder, ..self.record.clone() }
    }

    #[cfg(test)]
    fn age(&mut self, time: Duration) {
        let older = |then: &mut SystemTime| *then -= time;
        if let Some(trouble) = &mut self.record.trouble {
            older(&mut trouble.since);
            older(&mut trouble.until);
        }
        match &mut self.record.state {
            RecordState::Ready { last_used, .. } => older(last_used),
            RecordState::Failed { expires, .. } => older(expires),
            RecordState::Pending | RecordState::Preparing => {}
        }
    }

    /// Whether a change takes it away.
    fn goes(&mut self, what: &What, me: u32) -> bool {
        let waits = self.record.state == RecordState::Pending;
        let is_free = !self.record.release && !is_end(&self.record.state);
        match what {
            What::Unwant => {
                self.wanted_by.remove(&me);
                let unwanted = is_free && self.wanted_by.is_empty();
                if unwanted {
                    self.record.wanted = false;
                }
                unwanted && self.holder.is_none_or(|holder| holder == me)
            }
            What::Displace => is_free && waits && self.holder.is_none(),
            What::Expire => match self.record.state {
                RecordState::Failed { expires, .. } => expires <= SystemTime::now(),
                _ => false,
            },
            What::Forget => is_end(&self.record.state),
            _ => false,
        }
    }

    fn change(&mut self, what: &What, me: u32) {
        let held = self.holder == Some(me);
        let record = &mut self.record;
        match what {
            What::Want { fleet, asker, release } => {
                if let RecordState::Failed { expires, .. } = record.state {
                    if expires > SystemTime::now() {
                        return;
                    }
                    record.state = RecordState::Pending;
                    (record.release, record.fleet) = (*release, fleet.clone());
                    record.asker.clone_from(asker);
                } else if is_end(&record.state) {
                    return;
                } else if *release && !record.release {
                    (record.release, record.asker) = (true, asker.clone());
                }
                record.wanted = true;
                self.wanted_by.insert(me);
            }
            What::Begin if held => record.state = RecordState::Preparing,
            What::PutOff(trouble) if held => {
                record.trouble = Some(trouble.clone());
                (record.state, self.holder) = (RecordState::Pending, None);
            }
            What::Return if held => (record.state, self.holder) = (RecordState::Pending, None),
            What::End(state) if held => {
                (record.state, self.holder) = (state.clone(), None);
                (record.trouble, record.crashes, record.wanted) = (None, 0, false);
                self.wanted_by.clear();
            }
            What::Use => {
                if let RecordState::Ready { last_used, .. } = &mut record.state {
                    *last_used = SystemTime::now();
                }
            }
            _ => {}
        }
    }
}

impl Rows {
    fn change(&mut self, Change { pair, what }: &Change, me: u32) {
        self.changes.push(Arc::clone(pair));
        if self.row(pair).is_some_and(|row| row.goes(what, me)) {
            return self.remove(pair);
        }
        match (self.row(pair), what) {
            (Some(row), what) => row.change(what, me),
            (None, What::Want { fleet, asker, release }) => {
                let record = Record {
                    id: self.last + 1,
                    pair: Arc::clone(pair),
                    fleet: fleet.clone(),
                    asker: asker.clone(),
                    release: *release,
                    crashes: 0,
                    holder: Holder::Nobody,
                    wanted: true,
                    trouble: None,
                    state: RecordState::Pending,
                };
                self.add(Row { record, holder: None, wanted_by: HashSet::from([me]) });
            }
            (None, _) => {}
        }
    }

    /// Whether another server has layers of a pair and a free place.
    fn is_left(&self, pair: &Pair, me: u32) -> bool {
        self.servers.iter().any(|(server, images)| {
            let held = || self.rows.values().filter(|row| row.holder == Some(*server)).count();
            let kept = images.contains(&pair.source.digest) || images.contains(&pair.target.digest);
            *server != me && kept && held() < PLACES
        })
    }

    fn row(&mut self, pair: &Pair) -> Option<&mut Row> {
        self.rows.get_mut(self.places.get(pair)?)
    }

    fn add(&mut self, row: Row) {
        self.last += 1;
        self.places.insert(Arc::clone(&row.record.pair), self.last);
        self.rows.insert(self.last, row);
    }

    fn remove(&mut self, pair: &Pair) {
        if let Some(place) = self.places.remove(pair) {
            self.rows.remove(&place);
        }
    }

    fn add_sums(&mut self, sums: &[FleetSum]) {
        let (today, oldest) = (today(), today() + 1 - KEPT_DAYS as u64);
        let mut sums = sums.to_vec();
        sums.sort_by(|one, other| {
            let rank = |it: &FleetSum| std::cmp::Reverse((it.sum.saved_bytes, it.sum.builds));
            rank(one).cmp(&rank(other)).then_with(|| one.fleet.cmp(&other.fleet))
        });
        for FleetSum { fleet, sum } in sums {
            let named = self.days.keys().filter(|(day, fleet)| *day == today && fleet != OTHERS);
            let has_room = (named.count() as i64) < MAX_FLEETS;
            let is_known = self.days.contains_key(&(today, fleet.clone()));
            let fleet = if has_room || is_known { fleet } else { OTHERS.to_owned() };
            let before = self.days.entry((today, fleet)).or_default();
            *before = before.plus(sum);
        }
        self.days.retain(|(day, _), _| *day >= oldest);
    }

    fn truth(&self, pair: &Arc<Pair>, me: u32) -> Truth {
        let row = self.places.get(pair).and_then(|place| self.rows.get(place));
        Truth { pair: Arc::clone(pair), record: row.map(|row| row.seen_by(me)) }
    }
}

/// Days since 1970.
fn today() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / 86_400)
}

fn is_end(state: &RecordState) -> bool {
    matches!(state, RecordState::Ready { .. } | RecordState::Failed { .. })
}

/// The same as the ledger does, at once.
impl ModelLedger {
    pub(in crate::server::jobs) fn write_now(&mut self, changes: &[Change]) -> Vec<Truth> {
        let mut rows = self.model.rows();
        let mut truths = Vec::new();
        for change in changes {
            rows.change(change, self.me);
            truths.push(rows.truth(&change.pair, self.me));
        }
        truths
    }

    pub(in crate::server::jobs) fn claim_now(&mut self, candidates: &[Candidate]) -> Option<Truth> {
        let mut rows = self.model.rows();
        let me = self.me;
        let claimed = candidates.iter().find(|Candidate { pair, patient }| {
            let waits =
                |row: &mut Row| row.holder.is_none() && row.record.state == RecordState::Pending;
            rows.row(pair).is_some_and(waits) && !(*patient && rows.is_left(pair, me))
        })?;
        let pair = &claimed.pair;
        rows.row(pair)?.holder = Some(me);
        rows.changes.push(Arc::clone(pair));
        Some(rows.truth(pair, me))
    }

    pub(in crate::server::jobs) fn news_now(&mut self) -> Vec<Truth> {
        let rows = self.model.rows();
        let truths = rows.changes[self.seen..].iter().map(|pair| rows.truth(pair, self.me));
        let truths = truths.collect();
        self.seen = rows.changes.len();
        truths
    }
}

impl Ledger for ModelLedger {
    async fn load(&mut self) -> Result<Vec<Record>, ServerError> {
        self.model.crash(self.me);
        self.model.rows().servers.insert(self.me, Vec::new());
        self.seen = self.model.rows().changes.len();
        Ok(self.model.records(self.me))
    }

    async fn write(&mut self, changes: &[Change]) -> Result<Vec<Truth>, ServerError> {
        Ok(self.write_now(changes))
    }

    async fn images(&mut self) -> Result<Vec<Digest>, ServerError> {
        Ok(self.model.rows().servers.get(&self.me).cloned().unwrap_or_default())
    }

    async fn claim(&mut self, candidates: &[Candidate]) -> Result<Option<Truth>, ServerError> {
        Ok(self.claim_now(candidates))
    }

    async fn beat(&mut self, sign: Sign<'_>) -> Result<Standing, ServerError> {
        let mut rows = self.model.rows();
        rows.servers.entry(self.me).or_default().extend_from_slice(sign.images);
        rows.leader.get_or_insert(self.me);
        Ok(Standing { answering: rows.servers.len() })
    }

    async fn report(&mut self, _reports: &[Report]) -> Result<(), ServerError> {
        Ok(())
    }

    fn leads(&self) -> bool {
        self.model.rows().leader == Some(self.me)
    }

    async fn news(&mut self) -> Result<News, ServerError> {
        Ok(News::Some(self.news_now()))
    }

    async fn changed(&mut self) -> Told {
        pending().await
    }

    async fn tidy(&mut self, remember: Duration) -> Result<(), ServerError> {
        let now = SystemTime::now();
        let mut rows = self.model.rows();
        rows.rows.retain(|_, row| match &row.record.state {
            RecordState::Ready { last_used, .. } => *last_used + remember >= now,
            RecordState::Failed { expires, .. } => *expires > now,
            RecordState::Pending | RecordState::Preparing => true,
        });
        let Rows { rows, places, .. } = &mut *rows;
        places.retain(|_, place| rows.contains_key(place));
        Ok(())
    }

    async fn add_sums(&mut self, sums: &[FleetSum]) -> Result<(), ServerError> {
        self.model.rows().add_sums(sums);
        Ok(())
    }

    async fn days(&mut self, days: u32) -> Result<Vec<DaySum>, ServerError> {
        let first = (today() + 1).saturating_sub(days.into());
        let rows = self.model.rows();
        let days = rows.days.range((first, String::new())..);
        Ok(days
            .map(|((day, fleet), sum)| DaySum { day: *day, fleet: fleet.clone(), sum: *sum })
            .collect())
    }

    async fn servers(&mut self) -> Result<Vec<KnownServer>, ServerError> {
        let (name, home) = (self.me.to_string(), self.me.to_string());
        Ok(vec![KnownServer { name, home, lease_left: None, is_this: true }])
    }

    async fn probe(&mut self) -> Result<(), ServerError> {
        Ok(())
    }

    async fn close(self) {
        // The way to a database takes its time.
        tokio::task::yield_now().await;
        self.model.crash(self.me);
    }
}
