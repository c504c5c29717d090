//! A thousand clients for fifty pairs: each pair is built once, everybody gets the right name, memory
//! stays flat, and what is ready is answered at once while builds run.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clients::Device;
use crate::installation::trials::{PushedPair, push_pairs};
use crate::installation::{Installation, ServerProcess};

/// The longest that one answer in a hundred may take where the delta is ready.
const BAR: Duration = Duration::from_millis(50);
/// How often somebody asks for what is ready.
pub(crate) const READY_PAUSE: Duration = Duration::from_millis(10);
const MEMORY_PAUSE: Duration = Duration::from_millis(100);

/// How many ask for how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    pub(crate) pairs: usize,
    /// Bytes of each image.
    pub(crate) size: usize,
}

pub(crate) fn load(trial: &Load) {
    let installation = Installation::new();
    let server = Arc::new(installation.serve(&[]));
    let pairs = push_pairs(&installation, 0..trial.pairs + 1, trial.size);
    let names: Vec<String> = pairs.iter().map(|pair| name(&installation, pair)).collect();
    let address = server.address();
    let devices: Vec<Device> =
        pairs.iter().map(|pair| device(&installation, &address, pair)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    // One is ready before the others are asked for.
    let (ready, devices) = devices.split_first().expect("a pair");
    let told = runtime.block_on(ready.update());
    assert_eq!(told.name, names[0]);

    let idle = runtime.block_on(times(ready, 300));
    println!("a ready delta, server idle: {}", Percentiles(&idle));
    let at_rest = server.memory();
    let watch = Watch::start(&server);
    let start = Instant::now();
    let times = runtime.block_on(storm(trial, devices, &names[1..], ready));
    let seconds = start.elapsed().as_secs_f64();
    let (highest, while_waiting) = watch.end();
    println!("{} deltas for {} clients in {seconds:.1} s", trial.pairs, trial.clients);
    println!("a ready delta, while they are made: {}", Percentiles(&times));
    println!(
        "anonymous memory: {} MiB at rest, {} MiB with all waiting, {} MiB at most, {} MiB after",
        at_rest >> 20,
        while_waiting >> 20,
        highest >> 20,
        server.memory() >> 20
    );
    assert_built_once(&installation, trial);
    let p99 = percentile(&times, 0.99);
    assert!(p99 < BAR, "a ready delta takes {p99:?}");
}

/// The name that a pair's delta must have.
pub(crate) fn name(installation: &Installation, (base, target): &PushedPair) -> String {
    let hash = base.repository.trim_start_matches("v2/");
    format!("{}/{}:delta-{}", installation.registry_host(), target.repository, &hash[..16])
}

pub(crate) fn device(installation: &Installation, server: &str, pair: &PushedPair) -> Device {
    let token = installation.token(&[&pair.0.repository, &pair.1.repository]);
    Device::new(server, pair, &token)
}

/// Lets all clients ask at once, and one more for what is ready until they have their answers; gives
/// how long that one's took.
pub(crate) async fn storm(
    trial: &Load,
    devices: &[Device],
    names: &[String],
    ready: &Device,
) -> Vec<Duration> {
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..trial.clients)
        .map(|client| {
            let pair = client % devices.len();
            let (device, name) = (devices[pair].clone(), names[pair].clone());
            tokio::spawn(async move {
                let told = device.update().await;
                assert_eq!(told.name, name);
                told.asked
            })
        })
        .collect();
    let (ready, until) = (ready.clone(), Arc::clone(&done));
    let asking = tokio::spawn(async move {
        let mut times = Vec::new();
        while !until.load(Ordering::Relaxed) {
            times.push(ready.update().await.last);
            tokio::time::sleep(READY_PAUSE).await;
        }
        times
    });
    let mut asked = 0;
    for client in clients {
        asked += client.await.expect("the right name");
    }
    done.store(true, Ordering::Relaxed);
    println!("requests: {asked}");
    asking.await.expect("answers")
}

pub(crate) async fn times(device: &Device, count: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..count {
        times.push(device.update().await.last);
    }
    times
}

pub(crate) fn assert_built_once(installation: &Installation, trial: &Load) {
    let mut pushes: HashMap<String, usize> = HashMap::new();
    for line in installation.proxy.requests() {
        if line.starts_with("PUT") && line.contains("/manifests/delta-") {
            *pushes.entry(line).or_default() += 1;
        }
    }
    assert_eq!(pushes.len(), trial.pairs + 1, "a delta for each pair");
    assert!(pushes.values().all(|count| *count == 1), "{pushes:?}");
    println!("every pair built exactly once");
}

/// Looks at a process's memory while something goes on.
struct Watch {
    server: Arc<ServerProcess>,
    highest: Arc<AtomicU64>,
    early: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn start(server: &Arc<ServerProcess>) -> Self {
        let (server, of_thread) = (Arc::clone(server), Arc::clone(server));
        let (highest, early) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let end = Arc::new(AtomicBool::new(false));
        let (high, first, until) = (Arc::clone(&highest), Arc::clone(&early), Arc::clone(&end));
        let thread = std::thread::spawn(move || {
            // After two seconds everybody has asked.
            let mut looks = 0;
            while !until.load(Ordering::Relaxed) {
                let memory = of_thread.memory();
                high.fetch_max(memory, Ordering::Relaxed);
                looks += 1;
                if looks == 20 {
                    first.store(memory, Ordering::Relaxed);
                }
                std::thread::sleep(MEMORY_PAUSE);
            }
        });
        Watch { server, highest, early, end, thread }
    }

    /// The most there was, and what there was after two seconds.
    fn end(self) -> (u64, u64) {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().expect("it watched");
        let now = self.server.memory();
        let early = self.early.load(Ordering::Relaxed);
        (self.highest.load(Ordering::Relaxed).max(now), early)
    }
}

pub(crate) struct Percentiles<'a>(pub(crate) &'a [Duration]);

impl std::fmt::Display for Percentiles<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share| percentile(self.0, share).as_secs_f64() * 1000.0;
        let count = self.0.len();
        write!(
            formatter,
            "p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms ({count})",
            at(0.5),
            at(0.99),
            at(1.0)
        )
    }
}

pub(crate) fn percentile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}
