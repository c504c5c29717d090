//! How many connections there are, and whose turn it is to go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ipnet::IpNet;
use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

use crate::serving::network::network_of;
use crate::serving::settings::ListenSettings;

/// Beyond the limit so many more connections are let in, to be told that there are too many; of few an
/// eighth.
const MAX_SURPLUS: usize = 64;
const SURPLUS_SHARE: usize = 8;
/// Descriptors that connections leave to builds, the database and the registry, at most; of few
/// descriptors they leave half.
const MAX_RESERVE: u64 = 1_024;
/// Connections where the system sets no limit.
const MAX_CONNECTIONS: u64 = 65_536;
/// A connection without a request is left alone for so long: a whole fleet may connect at one moment, and
/// each client's request is on the way.
const GRACE: Duration = Duration::from_secs(2);
/// Connections with no request in progress, as a share of all.
const QUIET_SHARE: usize = 2;

/// A connection as those know it who decide which has to go.
pub(super) trait Connection: Send + Sync {
    /// The network whose share the connection counts for while it is quiet; `None`: a trusted proxy's.
    fn network(&self) -> Option<IpAddr>;
    /// Ends the connection: its place is needed.
    fn evict(&self);
}

/// The connections that there are.
pub(crate) struct Connections {
    limits: Limits,
    exempt: Vec<IpNet>,
    now: Mutex<Now>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    open: usize,
    surplus: usize,
    quiet: usize,
    quiet_of_network: usize,
}

#[derive(Default)]
struct Now {
    open: usize,
    next_place: u64,
    /// Listeners that wait for a place.
    waiting: Vec<Waker>,
    /// In the order in which they became quiet, with the time.
    quiet: BTreeMap<u64, (Instant, Arc<dyn Connection>)>,
    quiet_by_network: HashMap<IpAddr, BTreeSet<u64>>,
}

#[derive(Debug, Default)]
struct Counts {
    refused: AtomicU64,
    evicted: AtomicU64,
    timed_out: AtomicU64,
}

/// What happened to connections so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ConnectionCounts {
    /// Connections that there are.
    pub(crate) open: u64,
    /// Those that were told that there were too many.
    pub(crate) refused: u64,
    /// Those that said nothing and made room for others.
    pub(crate) evicted: u64,
    /// Those that said nothing for too long.
    pub(crate) timed_out: u64,
}

impl Connections {
    /// The rules of the settings. Trusted proxies bring many devices: no share of the quiet is theirs.
    pub(crate) fn new(settings: &ListenSettings) -> Arc<Self> {
        let open = settings.max_connections.unwrap_or_else(usual_limit).max(1);
        Arc::new(Connections {
            limits: Limits {
                open,
                surplus: (open / SURPLUS_SHARE).clamp(1, MAX_SURPLUS),
                quiet: (open / QUIET_SHARE).max(1),
                quiet_of_network: settings.max_quiet_connections.max(1),
            },
            exempt: settings.trusted_proxies.clone(),
            now: Mutex::default(),
            counts: Counts::default(),
        })
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when another client may be let in. Whoever says nothing makes room before anybody waits.
    pub(super) fn poll_place(&self, context: &Context<'_>) -> Poll<()> {
        let mut now = self.now();
        if now.open < self.limits.open + self.limits.surplus {
            return Poll::Ready(());
        }
        now.waiting.push(context.waker().clone());
        let oldest = now.oldest(None).and_then(|place| now.take(place));
        drop(now);
        if let Some(connection) = oldest {
            self.evict(&*connection);
        }
        Poll::Pending
    }

    /// Lets a client in. `connection` makes what is told to go later: of the network whose share a
    /// quiet connection counts for, whether there are too many already, and its place among the quiet.
    pub(super) fn admit<C: Connection + 'static>(
        &self,
        address: IpAddr,
        connection: impl FnOnce(Option<IpAddr>, bool, u64) -> Arc<C>,
    ) -> Arc<C> {
        let trusted = self.exempt.iter().any(|network| network.contains(&address));
        let network = (!trusted).then(|| network_of(address));
        let mut now = self.now();
        let is_full = now.open >= self.limits.open;
        let oldest = if is_full { now.idle(None) } else { None };
        let mut going = Vec::from_iter(oldest.and_then(|place| now.take(place)));
        let surplus = is_full && going.is_empty();
        now.open += 1;
        let place = now.next_place();
        let connection = connection(network, surplus, place);
        now.insert(place, Arc::clone(&connection) as Arc<dyn Connection>);
        going.extend(now.beyond(self.limits, network));
        drop(now);
        self.counts.refused.fetch_add(surplus.into(), Relaxed);
        going.iter().for_each(|connection| self.evict(&**connection));
        connection
    }

    /// A client is gone: another may come.
    pub(super) fn left(&self) {
        let mut now = self.now();
        now.open -= 1;
        let waiting = std::mem::take(&mut now.waiting);
        drop(now);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn evict(&self, connection: &dyn Connection) {
        self.counts.evicted.fetch_add(1, Relaxed);
        connection.evict();
    }

    /// Notes that the connection at this place among the quiet is not quiet any more.
    pub(super) fn busy(&self, place: u64, network: Option<IpAddr>) {
        self.now().forget(place, network);
    }

    /// Notes that a connection has no request in progress any more; returns its place.
    pub(super) fn quiet(&self, connection: Arc<dyn Connection>) -> u64 {
        let mut now = self.now();
        let place = now.next_place();
        let network = connection.network();
        now.insert(place, connection);
        let more = now.beyond(self.limits, network);
        drop(now);
        more.iter().for_each(|connection| self.evict(&**connection));
        place
    }

    /// Counts a connection that said nothing for too long.
    pub(super) fn timed_out(&self) {
        self.counts.timed_out.fetch_add(1, Relaxed);
    }

    /// What happened so far.
    pub(crate) fn counts(&self) -> ConnectionCounts {
        let counts = &self.counts;
        ConnectionCounts {
            open: self.now().open as u64,
            refused: counts.refused.load(Relaxed),
            evicted: counts.evicted.load(Relaxed),
            timed_out: counts.timed_out.load(Relaxed),
        }
    }
}

impl Now {
    fn next_place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }

    fn insert(&mut self, place: u64, connection: Arc<dyn Connection>) {
        if let Some(network) = connection.network() {
            self.quiet_by_network.entry(network).or_default().insert(place);
        }
        self.quiet.insert(place, (Instant::now(), connection));
    }

    fn forget(&mut self, place: u64, network: Option<IpAddr>) {
        self.quiet.remove(&place);
        let Some(network) = network else { return };
        let Some(places) = self.quiet_by_network.get_mut(&network) else { return };
        places.remove(&place);
        if places.is_empty() {
            self.quiet_by_network.remove(&network);
        }
    }

    fn take(&mut self, place: u64) -> Option<Arc<dyn Connection>> {
        let (_, connection) = self.quiet.get(&place)?;
        let connection = Arc::clone(connection);
        self.forget(place, connection.network());
        Some(connection)
    }

    /// The one that has been quiet longest, of a network or of all.
    fn oldest(&self, network: Option<IpAddr>) -> Option<u64> {
        match network {
            Some(network) => self.quiet_by_network.get(&network)?.first().copied(),
            None => self.quiet.keys().next().copied(),
        }
    }

    /// The same, if nothing is on the way from it.
    fn idle(&self, network: Option<IpAddr>) -> Option<u64> {
        let place = self.oldest(network)?;
        let (since, _) = self.quiet.get(&place)?;
        (since.elapsed() >= GRACE).then_some(place)
    }

    /// Takes out who has to go, so that the network's share and that of all are kept.
    fn beyond(&mut self, limits: Limits, network: Option<IpAddr>) -> Vec<Arc<dyn Connection>> {
        let share = |now: &Now| {
            network.and_then(|network| now.quiet_by_network.get(&network)).map_or(0, BTreeSet::len)
        };
        let mut going = Vec::new();
        while share(self) > limits.quiet_of_network {
            let Some(place) = self.idle(network) else { break };
            going.extend(self.take(place));
        }
        while self.quiet.len() > limits.quiet {
            let Some(place) = self.idle(None) else { break };
            going.extend(self.take(place));
        }
        going
    }
}

/// As many connections as the limit on open files leaves room for.
fn usual_limit() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let reserve = (files / 2).min(MAX_RESERVE);
    usize::try_from((files - reserve).min(MAX_CONNECTIONS)).unwrap_or(usize::MAX)
}
