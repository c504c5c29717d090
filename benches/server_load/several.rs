//! Several servers over one PostgreSQL, one registry and one haproxy: each pair is built exactly once however devices
//! are spread, everybody gets the right name, and what is ready is answered at once while all of them build.

use std::time::{Duration, Instant};

use crate::balancer::Balancer;
use crate::clients::Device;
use crate::installation::trials::push_pairs;
use crate::installation::{Installation, ServerProcess};
use crate::load::{Load, Percentiles, assert_built_once, device, name, percentile, storm, times};
use crate::postgres_server::{new_database, sql};
use crate::waiting::raise_descriptors;

/// How many ask how many servers for how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Several {
    pub(crate) clients: usize,
    pub(crate) pairs: usize,
    /// Bytes of each image.
    pub(crate) size: usize,
    pub(crate) servers: usize,
    /// The longest that one ready answer in a hundred may take while all build.
    pub(crate) bar: Duration,
}

pub(crate) fn several(trial: &Several) {
    raise_descriptors();
    let installation = Installation::new();
    let database = new_database();
    let servers: Vec<ServerProcess> =
        (0..trial.servers).map(|number| serve(&installation, &database, number)).collect();
    let addresses: Vec<String> = servers.iter().map(ServerProcess::address).collect();
    let balancer = Balancer::start(&installation.path(""), &addresses);
    let pairs = push_pairs(&installation, 0..trial.pairs + 1, trial.size);
    let names: Vec<String> = pairs.iter().map(|pair| name(&installation, pair)).collect();
    let address = balancer.address();
    let devices: Vec<Device> =
        pairs.iter().map(|pair| device(&installation, &address, pair)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    // One is ready before the others are asked for.
    let (ready, devices) = devices.split_first().expect("a pair");
    assert_eq!(runtime.block_on(ready.update()).name, names[0]);
    let idle = runtime.block_on(times(ready, 300));
    println!("a ready delta through haproxy, servers idle: {}", Percentiles(&idle));

    let load = Load { clients: trial.clients, pairs: trial.pairs, size: trial.size };
    let start = Instant::now();
    let times = runtime.block_on(storm(&load, devices, &names[1..], ready));
    let seconds = start.elapsed().as_secs_f64();
    println!("{} deltas for {} clients in {seconds:.1} s", trial.pairs, trial.clients);
    println!("a ready delta, while they are made: {}", Percentiles(&times));
    assert_built_once(&installation, &load);
    print_shares(&servers);
    print_rows(&database);
    let p99 = percentile(&times, 0.99);
    assert!(p99 < trial.bar, "a ready delta takes {p99:?}");
}

/// A server with a data folder of its own.
fn serve(installation: &Installation, database: &str, number: usize) -> ServerProcess {
    let data = installation.path(&format!("deltas{number}")).display().to_string();
    installation.serve(&[
        ("REMORA_DATA", &data),
        ("REMORA_DATABASE", database),
        // All devices of the trial are one caller.
        ("REMORA_MAX_CALLER_QUEUE", "10000"),
    ])
}

fn print_shares(servers: &[ServerProcess]) {
    for (number, server) in servers.iter().enumerate() {
        let built = server.log().matches("job done").count();
        let (memory, files) = (server.memory() >> 20, server.descriptors());
        println!("server {number} built {built}; {memory} MiB anonymous, {files} open files after");
    }
}

fn print_rows(database: &str) {
    let size = "SELECT count(*) || ' jobs, ' || pg_total_relation_size('remora.jobs') / count(*)
        || ' bytes each with indexes' FROM remora.jobs";
    println!("PostgreSQL: {}", sql(database, size));
}
