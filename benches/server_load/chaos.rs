//! Three servers that are killed at random, while their PostgreSQL is restarted and the way to it is cut: every
//! device gets its delta in the end, and every delta applies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::clients::Device;
use crate::installation::trials::{PushedPair, assert_applies, push_pairs};
use crate::installation::{Installation, ServerProcess};
use crate::load::name;
use crate::postgres_server::{OwnPostgres, sql};
use crate::tcp_proxy::{TcpProxy, Way};

const SERVERS: usize = 3;
/// Devices that ask for each pair.
const DEVICES: usize = 2;
/// The longest that nothing happens.
const QUIET: Duration = Duration::from_millis(1500);
/// How long PostgreSQL and the way to it are away, at most.
const AWAY: Duration = Duration::from_secs(4);
/// How long a device waits after an answer that is no delta, or none at all.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the last devices may take once all is quiet.
const PATIENCE: Duration = Duration::from_secs(900);

/// How much goes wrong while how much is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chaos {
    pub(crate) pairs: usize,
    pub(crate) kills: usize,
    pub(crate) restarts: usize,
    pub(crate) cuts: usize,
    /// Bytes of each image.
    pub(crate) size: usize,
    /// Decides what happens when.
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Kill,
    Restart,
    Cut,
}

struct Scene {
    installation: Installation,
    postgres: OwnPostgres,
    way: TcpProxy,
    servers: Vec<ServerProcess>,
    /// Where the servers are that live, as devices know.
    addresses: Arc<Mutex<Vec<String>>>,
    random: u64,
}

pub(crate) fn chaos(trial: &Chaos) {
    let mut scene = Scene::new(trial.seed);
    let pairs = push_pairs(&scene.installation, 0..trial.pairs, trial.size);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let troubles = scene.troubles(trial);
    let mut devices = Vec::new();
    let start = Instant::now();
    for (number, trouble) in troubles.iter().enumerate() {
        // There is always something to build.
        let asked = devices.len() / DEVICES;
        let until = (number + 1) * pairs.len() / troubles.len();
        for pair in &pairs[asked..until.max(asked)] {
            devices.extend((0..DEVICES).map(|_| runtime.spawn(scene.update(pair))));
        }
        scene.meet(*trouble);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{} troubles in {seconds:.0} s", troubles.len());
    let answers = runtime.block_on(all(devices));
    println!(
        "all {} devices have their delta after {:.0} s",
        pairs.len() * DEVICES,
        start.elapsed().as_secs_f64()
    );
    println!("answers on the way: {answers:?} (0: none)");
    scene.assert_whole(&pairs);
}

impl Scene {
    fn new(seed: u64) -> Self {
        let installation = Installation::new();
        let postgres = OwnPostgres::start_in(&std::env::temp_dir());
        let way = TcpProxy::to(postgres.port());
        let addresses = Arc::default();
        let mut scene =
            Scene { installation, postgres, way, servers: Vec::new(), addresses, random: seed };
        scene.servers = (0..SERVERS).map(|number| scene.serve(number)).collect();
        scene.publish();
        scene
    }

    fn serve(&self, number: usize) -> ServerProcess {
        let data = self.installation.path(&format!("deltas{number}")).display().to_string();
        let database = self.postgres.address_through(self.way.port());
        self.installation.serve(&[
            ("REMORA_DATA", &*data),
            ("REMORA_DATABASE", &*database),
            ("REMORA_LONG_POLL", "5s"),
            // All devices of the trial are one caller.
            ("REMORA_MAX_CALLER_QUEUE", "10000"),
        ])
    }

    /// Tells devices where the servers are.
    fn publish(&self) {
        let addresses = self.servers.iter().map(ServerProcess::address).collect();
        *self.addresses.lock().expect("nobody panics with it") = addresses;
    }

    fn next(&mut self) -> u64 {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.random = self.random.wrapping_mul(FACTOR).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    fn moment(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.next() as f64 / f64::from(1u32 << 31))
    }

    /// All that goes wrong, in an order that the seed decides.
    fn troubles(&mut self, trial: &Chaos) -> Vec<Trouble> {
        let mut troubles = vec![Trouble::Kill; trial.kills];
        troubles.extend(vec![Trouble::Restart; trial.restarts]);
        troubles.extend(vec![Trouble::Cut; trial.cuts]);
        for place in (1..troubles.len()).rev() {
            let other = self.next() as usize % (place + 1);
            troubles.swap(place, other);
        }
        troubles
    }

    fn meet(&mut self, trouble: Trouble) {
        let quiet = self.moment(QUIET);
        std::thread::sleep(quiet);
        match trouble {
            Trouble::Kill => {
                let number = self.next() as usize % SERVERS;
                self.servers[number].kill();
                self.servers[number] = self.serve(number);
                self.publish();
            }
            Trouble::Restart => {
                let mode = ["fast", "immediate"][self.next() as usize % 2];
                self.postgres.stop(mode);
                let away = self.moment(AWAY);
                std::thread::sleep(away);
                self.postgres.start_again();
            }
            Trouble::Cut => {
                let way = [Way::Cut, Way::Held][self.next() as usize % 2];
                self.way.set(way);
                let away = self.moment(AWAY);
                std::thread::sleep(away);
                self.way.set(Way::Open);
            }
        }
    }

    /// A device that wants a delta and knows all servers; gives the answers that were none.
    fn update(&mut self, pair: &PushedPair) -> impl Future<Output = HashMap<u16, usize>> + use<> {
        let token = self.installation.token(&[&pair.0.repository, &pair.1.repository]);
        let (pair, expected) = (pair.clone(), name(&self.installation, pair));
        let (addresses, mut turn) = (Arc::clone(&self.addresses), self.next() as usize);
        async move {
            let mut answers: HashMap<u16, usize> = HashMap::new();
            loop {
                let address = {
                    let addresses = addresses.lock().expect("nobody panics with it");
                    addresses[turn % addresses.len()].clone()
                };
                turn += 1;
                let answer = Device::new(&address, &pair, &token).ask().await;
                match answer.as_ref().map_or(0, |answer| answer.status) {
                    200 => {
                        assert_eq!(answer.expect("an answer").name(), expected);
                        return answers;
                    }
                    status @ (0 | 503 | 504) => *answers.entry(status).or_default() += 1,
                    status => panic!("{status}: {}", answer.expect("an answer").text()),
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Every pair is ready in the database, and its delta applies.
    fn assert_whole(&self, pairs: &[PushedPair]) {
        let database = self.postgres.address_through(self.postgres.port());
        let states = "SELECT state, count(*) FROM remora.jobs GROUP BY state ORDER BY state";
        let states = sql(&database, states);
        println!("jobs in the database: {states}");
        assert_eq!(states, format!("ready|{}", pairs.len()));
        for pair in pairs {
            assert_applies(&self.installation, &name(&self.installation, pair), pair);
        }
        let requests = self.installation.proxy.requests();
        let publishes =
            |line: &&String| line.starts_with("PUT") && line.contains("/manifests/delta-");
        let published = requests.iter().filter(publishes).count();
        println!("every delta applies; {published} were published for {} pairs", pairs.len());
    }
}

/// Waits for all devices, and adds up what they heard.
async fn all(devices: Vec<JoinHandle<HashMap<u16, usize>>>) -> HashMap<u16, usize> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut answers: HashMap<u16, usize> = HashMap::new();
    for device in devices {
        let heard = tokio::time::timeout_at(deadline, device).await;
        let heard = heard.expect("every device gets an answer").expect("the right name");
        for (status, count) in heard {
            *answers.entry(status).or_default() += count;
        }
    }
    answers
}
