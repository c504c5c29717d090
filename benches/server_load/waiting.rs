//! Ten thousand devices that wait: what each costs, and how long an answer takes meanwhile that is
//! known already, with all idle and with one core that builds.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::clients::Device;
use crate::installation::trials::{PushedPair, push_pairs};
use crate::installation::{Claims, Fault, Installation, Pair, ServerProcess};
use crate::load::{Percentiles, READY_PAUSE, percentile};

/// The longest that one ready answer in a hundred may take while nothing is built.
const IDLE_BAR: Duration = Duration::from_millis(10);
/// The same while one core builds.
const BUILDING_BAR: Duration = Duration::from_millis(25);
/// What the server may have in memory that is in no file.
const MEMORY_BAR: u64 = 256 << 20;
/// Pairs that devices wait for.
const PAIRS: usize = 8;
/// Bytes of an image of these pairs.
const SMALL: usize = 60_000;
/// Devices behind one address.
const BEHIND_ONE: usize = 200;
/// How many devices begin at once: fewer than connections that wait to be taken.
const AT_ONCE: usize = 100;
/// How long is measured while nothing is built: less than a silent registry has.
const IDLE: Duration = Duration::from_secs(10);
/// Files that may be open after all is over and were not before: connections to the registry that are kept.
const FEW_FILES: usize = 64;
/// How long the server may take to be done with its clients.
const REST: Duration = Duration::from_secs(60);
/// How long all may take to ask.
const ARRIVAL: Duration = Duration::from_secs(120);

/// How many wait, and for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) clients: usize,
    /// Bytes of an image of the pair that is built meanwhile.
    pub(crate) size: usize,
    /// Bytes of headers that each device sends for nothing.
    pub(crate) head: usize,
}

pub(crate) fn waiting(trial: &Waiting) {
    raise_descriptors();
    let installation = Installation::new();
    let settings = [("REMORA_MAX_BUILDS", "1"), ("RAYON_NUM_THREADS", "1")];
    let server = Arc::new(installation.serve(&settings));
    let pairs = push_pairs(&installation, 0..PAIRS + 1, SMALL);
    let large = installation.push_pair(PAIRS + 1, &Pair::similar(1, trial.size));
    let device = |pair: &PushedPair, number| device(&installation, &server, pair, number, 0);
    let (ready, large) = (device(&pairs[0], 0), device(&large, 1));
    let devices: Vec<Device> = (0..trial.clients)
        .map(|number| {
            let pair = &pairs[1 + number % PAIRS];
            self::device(&installation, &server, pair, number + 2, trial.head)
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(ready.update());
    let (at_rest, files) = (server.memory(), server.descriptors());

    installation.proxy.set(Fault::HoldLayers);
    let building = runtime.spawn(async move { large.update().await });
    let clients = runtime.block_on(arrive(&server, devices));
    let idle = alone().block_on(times(&ready, || false));
    let waiting = server.memory();
    println!("{} wait; a ready delta, nothing is built: {}", trial.clients, Percentiles(&idle));

    installation.proxy.set(Fault::None);
    let while_built = alone().block_on(times(&ready, || building.is_finished()));
    println!("the same while one core builds: {}", Percentiles(&while_built));
    let highest = server.memory().max(waiting);
    let each = waiting.saturating_sub(at_rest) / trial.clients as u64;
    println!(
        "anonymous memory: {} MiB at rest, {} MiB with all waiting ({each} bytes each), {} MiB at most",
        at_rest >> 20,
        waiting >> 20,
        highest >> 20
    );
    for client in clients {
        runtime.block_on(client).expect("a name");
    }
    println!("everybody has a name");
    let files_after = files_at_rest(&server, files);
    println!("open files: {files} at rest, {files_after} after");
    assert!(files_after <= files + FEW_FILES, "{files_after} files are open, {files} were before");
    let (idle, while_built) = (percentile(&idle, 0.99), percentile(&while_built, 0.99));
    assert!(highest < MEMORY_BAR, "{highest} bytes of memory");
    assert!(idle < IDLE_BAR, "a ready delta takes {idle:?} while nothing is built");
    assert!(while_built < BUILDING_BAR, "a ready delta takes {while_built:?} during a build");
}

/// A runtime for one device: its time does not count what thousands of others have to read on this side.
fn alone() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// How many files are open once the server is done with all clients, as far as that comes to be.
fn files_at_rest(server: &ServerProcess, before: usize) -> usize {
    let start = Instant::now();
    while server.descriptors() > before + FEW_FILES && start.elapsed() < REST {
        std::thread::sleep(READY_PAUSE);
    }
    server.descriptors()
}

/// A device with a name of its own, and an address that it shares with some others.
fn device(
    installation: &Installation,
    server: &ServerProcess,
    pair: &PushedPair,
    number: usize,
    head: usize,
) -> Device {
    let repositories = [pair.0.repository.as_str(), &pair.1.repository];
    let claims = Claims::new(&installation.registry_host(), &repositories);
    let token = installation.api.token(&claims.with("sub", json!(format!("d_{number:032x}"))));
    let [.., high, low] = ((number / BEHIND_ONE) as u32 + 1).to_be_bytes();
    let device = Device::new(&server.address(), pair, &token);
    device.from(Ipv4Addr::new(127, 1, high, low)).with_header(&"x".repeat(head))
}

/// Lets all devices ask, and returns when all of them wait.
async fn arrive(
    server: &Arc<ServerProcess>,
    devices: Vec<Device>,
) -> Vec<tokio::task::JoinHandle<String>> {
    let count = devices.len();
    let mut clients = Vec::with_capacity(count);
    let start = Instant::now();
    for (number, device) in devices.into_iter().enumerate() {
        clients.push(tokio::spawn(async move { device.update().await.name }));
        if number % AT_ONCE == AT_ONCE - 1 {
            tokio::time::sleep(READY_PAUSE).await;
        }
    }
    while waiters(server).await < count {
        assert!(start.elapsed() < ARRIVAL, "{} of {count} wait", waiters(server).await);
        tokio::time::sleep(READY_PAUSE * 10).await;
    }
    println!("{count} asked within {:.1} s", start.elapsed().as_secs_f64());
    clients
}

/// How many requests the server holds.
async fn waiters(server: &Arc<ServerProcess>) -> usize {
    let server = Arc::clone(server);
    let asked = tokio::task::spawn_blocking(move || server.ask("GET", "/metrics", &[]).text());
    let text = asked.await.expect("figures");
    let line = text.lines().find_map(|line| line.strip_prefix("remora_waiting "));
    line.and_then(|number| number.trim().parse().ok()).expect("a number")
}

/// How long what is ready takes, for [`IDLE`] or for as long as something goes on.
async fn times(device: &Device, is_over: impl Fn() -> bool) -> Vec<Duration> {
    let (mut times, start) = (Vec::new(), Instant::now());
    while start.elapsed() < IDLE && !is_over() {
        times.push(device.update().await.last);
        tokio::time::sleep(READY_PAUSE).await;
    }
    times
}

/// All descriptors that this process may have: each client takes one.
pub(crate) fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("the soft limit may be raised to the hard one");
}
