//! All engines: which one builds next, and for whom.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::watch;

use super::architecture::{Architecture, Machine};
use super::error::{Away, EngineError};
use super::queue::Queue;
use super::remote::Engine;
use super::settings::{EngineSettings, Pruning};
use crate::engine::EngineAddress;

/// Fleets whose engine is remembered.
const MAX_FLEETS: usize = 10_000;
/// The longest pause until engines that are away are looked for again by a build that waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How often engines are looked at for something to prune.
const IDLE_LOOK: Duration = Duration::from_secs(60);

/// A build that needs a place.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The fleet's architecture.
    pub architecture: Architecture,
    /// Whether an engine on x86 is to build for other processors.
    pub emulated: bool,
    /// Who waits: users get places in turn.
    pub user: String,
    /// What is built: the engine that built it last has its layers.
    pub fleet: String,
    /// Images of the fleet's last release. Engines that have one are preferred.
    pub images: Vec<String>,
}

/// What an engine does at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The engine's address.
    pub engine: String,
    /// Builds that run.
    pub running: usize,
    /// Builds that wait and may run there.
    pub waiting: usize,
    /// Why it is away, if it is.
    pub away: Option<String>,
}

/// All engines.
#[derive(Debug, Clone)]
pub struct Engines(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engines: Vec<Arc<Engine>>,
    amd64: Vec<usize>,
    arm64: Vec<usize>,
    max_waiting: usize,
    pruning: Option<Pruning>,
    queue: Mutex<Queue>,
    built: Mutex<Built>,
    /// Changes with the queue, so that those who wait look again.
    changes: watch::Sender<()>,
}

/// Which engine built each fleet last.
#[derive(Debug, Default)]
struct Built {
    engines: HashMap<String, usize>,
    order: VecDeque<String>,
}

impl Built {
    fn note(&mut self, fleet: &str, engine: usize) {
        if self.engines.insert(fleet.to_owned(), engine).is_none() {
            self.order.push_back(fleet.to_owned());
        }
        if self.order.len() > MAX_FLEETS
            && let Some(oldest) = self.order.pop_front()
        {
            self.engines.remove(&oldest);
        }
    }
}

impl Engines {
    /// Takes the engines of `settings`. Nobody is contacted yet.
    ///
    /// # Errors
    /// If there are none, or a setting or certificate can't be used.
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        if settings.places == 0 || settings.places_of_a_user == Some(0) {
            return Err(EngineError::Setting("engines need at least one place for builds"));
        }
        if settings.network_mode.as_deref().is_some_and(|mode| mode.starts_with("container:")) {
            return Err(EngineError::Setting("builds can't share the network of a container"));
        }
        let mut addresses: Vec<EngineAddress> = Vec::new();
        let mut numbers = |list: &[EngineAddress]| {
            list.iter().map(|address| number(&mut addresses, address)).collect::<Vec<_>>()
        };
        let (amd64, arm64) = (numbers(&settings.amd64), numbers(&settings.arm64));
        if addresses.is_empty() {
            return Err(EngineError::NoEngines);
        }
        let engines = addresses.iter().map(|address| Engine::new(address, &settings));
        let engines = engines.map(|engine| engine.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let queue = Queue::new(engines.len(), settings.places, settings.places_of_a_user);
        Ok(Engines(Arc::new(Inner {
            engines,
            amd64,
            arm64,
            max_waiting: settings.max_waiting,
            pruning: settings.pruning,
            queue: Mutex::new(queue),
            built: Mutex::new(Built::default()),
            changes: watch::Sender::new(()),
        })))
    }

    /// Waits for a place. `waiting` is told how many builds are before this one, whenever that changes. Whoever drops the
    /// future gives up.
    ///
    /// # Errors
    /// If no engine that could build can be reached, or too many builds wait.
    pub async fn place(
        &self,
        wanted: &Wanted,
        waiting: &(dyn Fn(usize) + Send + Sync),
    ) -> Result<Place, EngineError> {
        let candidates = self.0.candidates(wanted);
        self.0.look(&candidates, false).await;
        self.0.someone(&candidates).await?;
        let warm = self.0.warm(&candidates, wanted).await;
        let ticket = self.join(wanted, candidates.clone(), warm)?;
        let mut changes = self.0.changes.subscribe();
        let mut told = None;
        loop {
            changes.borrow_and_update();
            if let Some(engine) = ticket.granted() {
                if self.0.is_there(engine).await {
                    return Ok(ticket.into_place(engine, wanted));
                }
                ticket.take_back();
                self.0.someone(&candidates).await?;
                continue;
            }
            let before = self.0.queue().before(ticket.id);
            if told.replace(before) != Some(before) {
                waiting(before);
            }
            let _ = tokio::time::timeout(self.0.pause(&candidates), changes.changed()).await;
            self.0.look(&candidates, false).await;
            self.0.someone(&candidates).await?;
        }
    }

    /// Returns what every engine does.
    pub fn overview(&self) -> Vec<Overview> {
        let queue = self.0.queue();
        let one = |(number, engine): (usize, &Arc<Engine>)| {
            let (running, waiting) = queue.load(number);
            let away = engine.away().map(|away| away.reason);
            Overview { engine: engine.name(), running, waiting, away }
        };
        self.0.engines.iter().enumerate().map(one).collect()
    }

    /// Prunes engines that have nothing to do, as long as somebody polls the future.
    pub async fn keep_house(&self) {
        let Some(pruning) = &self.0.pruning else { return };
        let mut pruned: Vec<Option<Instant>> = vec![None; self.0.engines.len()];
        loop {
            tokio::time::sleep(IDLE_LOOK).await;
            for (number, last) in pruned.iter_mut().enumerate() {
                let is_due = last.is_none_or(|last| last.elapsed() >= pruning.every);
                if is_due && self.0.is_idle(number) {
                    *last = Some(Instant::now());
                    self.0.prune(number, pruning).await;
                }
            }
        }
    }

    fn join(
        &self,
        wanted: &Wanted,
        candidates: Vec<usize>,
        warm: Vec<usize>,
    ) -> Result<Ticket, EngineError> {
        let mut queue = self.0.queue();
        if queue.waiting() >= self.0.max_waiting {
            return Err(EngineError::TooManyWaiting(self.0.max_waiting));
        }
        let id = queue.join(&wanted.user, candidates, warm);
        drop(queue);
        let ticket = Ticket { inner: Arc::clone(&self.0), id, is_used: false };
        self.0.change(Queue::assign);
        Ok(ticket)
    }
}

/// The number of an engine; one in two lists has one number, and one set of places.
fn number(addresses: &mut Vec<EngineAddress>, address: &EngineAddress) -> usize {
    addresses.iter().position(|known| known == address).unwrap_or_else(|| {
        addresses.push(address.clone());
        addresses.len() - 1
    })
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue, gives away what is free, and wakes those who wait.
    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.queue();
        change(&mut queue);
        queue.assign();
        drop(queue);
        self.changes.send_replace(());
    }

    /// The engines that build it without emulation; those of the other kind where there are none.
    fn candidates(&self, wanted: &Wanted) -> Vec<usize> {
        let (first, second) = match wanted.architecture.machine() {
            Machine::Arm64 if !wanted.emulated => (&self.arm64, &self.amd64),
            _ => (&self.amd64, &self.arm64),
        };
        if first.is_empty() { second.clone() } else { first.clone() }
    }

    /// Looks for those engines of which nothing young is known.
    async fn look(&self, candidates: &[usize], is_urgent: bool) {
        let looks = candidates.iter().map(|number| async {
            let is_away = self.engines[*number].look(is_urgent).await.is_err();
            (*number, is_away)
        });
        let found = join_all(looks).await;
        let mut queue = self.queue();
        let is_news = found
            .iter()
            .fold(false, |is_news, (number, is_away)| queue.set_away(*number, *is_away) || is_news);
        drop(queue);
        if is_news {
            self.change(|_| ());
        }
    }

    /// Makes sure that one of the engines is there, if need be by another look at all.
    async fn someone(&self, candidates: &[usize]) -> Result<(), EngineError> {
        if candidates.iter().any(|number| self.engines[*number].away().is_none()) {
            return Ok(());
        }
        self.look(candidates, true).await;
        let away: Vec<Away> =
            candidates.iter().filter_map(|number| self.engines[*number].away()).collect();
        if away.len() < candidates.len() { Ok(()) } else { Err(EngineError::AllAway(away)) }
    }

    async fn is_there(&self, engine: usize) -> bool {
        let is_there = self.engines[engine].look(true).await.is_ok();
        if !is_there {
            self.change(|queue| {
                queue.set_away(engine, true);
            });
        }
        is_there
    }

    /// The engines that have an image of the fleet's last release, or built the fleet last.
    async fn warm(&self, candidates: &[usize], wanted: &Wanted) -> Vec<usize> {
        let last = self.built().engines.get(&wanted.fleet).copied();
        if candidates.len() == 1 {
            return Vec::new();
        }
        let looks = candidates.iter().map(|number| async {
            let is_warm = Some(*number) == last || self.has_one(*number, &wanted.images).await;
            is_warm.then_some(*number)
        });
        join_all(looks).await.into_iter().flatten().collect()
    }

    async fn has_one(&self, engine: usize, images: &[String]) -> bool {
        let engine = &self.engines[engine];
        if engine.away().is_some() {
            return false;
        }
        for image in images {
            match engine.has_image(image).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn built(&self) -> MutexGuard<'_, Built> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a build waits until it looks for engines that are away.
    fn pause(&self, candidates: &[usize]) -> Duration {
        let times = candidates.iter().filter_map(|number| self.engines[*number].again());
        let next = times.min().map(|again| again.saturating_duration_since(Instant::now()));
        // A moment more, so that the time has surely come.
        next.map_or(LONGEST_WAIT, |pause| pause + Duration::from_millis(10)).min(LONGEST_WAIT)
    }

    fn is_idle(&self, engine: usize) -> bool {
        self.queue().load(engine) == (0, 0)
    }

    async fn prune(&self, engine: usize, pruning: &Pruning) {
        let engine = &self.engines[engine];
        if let Err(error) = engine.prune(pruning).await {
            tracing::warn!(engine = engine.name(), %error, "an engine was not pruned");
        }
    }
}

/// A build's place in the queue; it is given up when this is dropped.
struct Ticket {
    inner: Arc<Inner>,
    id: u64,
    is_used: bool,
}

impl Ticket {
    fn granted(&self) -> Option<usize> {
        self.inner.queue().granted(self.id)
    }

    fn take_back(&self) {
        self.inner.change(|queue| queue.take_back(self.id));
    }

    fn into_place(mut self, engine: usize, wanted: &Wanted) -> Place {
        self.is_used = true;
        self.inner.queue().begin(self.id);
        self.inner.built().note(&wanted.fleet, engine);
        let inner = Arc::clone(&self.inner);
        Place { inner, number: engine, user: wanted.user.clone() }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_used {
            self.inner.change(|queue| queue.leave(self.id));
        }
    }
}

/// A place at an engine, free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    inner: Arc<Inner>,
    number: usize,
    user: String,
}

impl Place {
    /// Returns the engine.
    pub fn engine(&self) -> &Engine {
        &self.inner.engines[self.number]
    }

    /// Returns the engine's address.
    pub fn host(&self) -> String {
        self.engine().name()
    }

    /// Returns the engines that are away.
    pub fn away(&self) -> Vec<Away> {
        self.inner.engines.iter().filter_map(|engine| engine.away()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.change(|queue| queue.release(self.number, &self.user));
    }
}
