//! Long trials of a server, in a length that the caller says: tests take a short one, the benchmark
//! `server_load` the whole.

mod kills;
mod outage;

pub(crate) use self::kills::{Kills, kills};
pub(crate) use self::outage::{Outage, outage};

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use remora::apply::{ApplyOptions, apply};
use remora::progress::Silent;
use remora::store::Store;
use serde_json::{Value, json};

use super::{BUILDER_TOKEN, Installation, Pair, Pushed, ServerProcess};

/// How long a trial waits for a delta before it gives up.
const PATIENCE: Duration = Duration::from_secs(900);
const PAUSE: Duration = Duration::from_millis(20);

/// A pair in the registry.
pub(crate) type PushedPair = (Pushed, Pushed);

/// Pushes pairs with these numbers, of images of `size` bytes.
pub(crate) fn push_pairs(
    installation: &Installation,
    numbers: std::ops::Range<usize>,
    size: usize,
) -> Vec<PushedPair> {
    let push = |number| installation.push_pair(number, &Pair::similar(7 * number as u64 + 1, size));
    numbers.map(push).collect()
}

/// The value of the builder's `Authorization`.
fn builder() -> String {
    format!("Basic {}", STANDARD.encode(format!("builder:{BUILDER_TOKEN}")))
}

/// Asks for all deltas ahead.
fn prepare(server: &ServerProcess, pairs: &[PushedPair]) {
    let pairs: Vec<Value> = pairs
        .iter()
        .map(|(base, target)| json!({ "src": base.reference, "dest": target.reference }))
        .collect();
    let authorization = builder();
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let body = json!({ "pairs": pairs }).to_string();
    let answer = server.post("/api/v3/prepare", &headers, &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    for pair in answer.json()["pairs"].as_array().expect("a list") {
        assert_ne!(pair["status"], "failed", "{pair}");
    }
}

/// What has become of a pair.
fn status(server: &ServerProcess, (base, target): &PushedPair) -> Value {
    let path = format!("/api/v3/status?src={}&dest={}", base.reference, target.reference);
    let answer = server.ask("GET", &path, &[("Authorization", &builder())]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Waits until a pair is ready, without asking for its delta, and gives the delta's name.
fn ready(server: &ServerProcess, pair: &PushedPair) -> String {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let status = status(server, pair);
        match status["status"].as_str() {
            Some("ready") => return status["name"].as_str().expect("a name").to_owned(),
            Some("pending" | "preparing") => std::thread::sleep(PAUSE),
            _ => panic!("the job is lost: {status}\n{}", server.log()),
        }
    }
    panic!("the delta takes for ever:\n{}", server.log());
}

/// Fails unless the delta makes a pair's base its target.
pub(crate) fn assert_applies(installation: &Installation, name: &str, (base, target): &PushedPair) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().join("store")).expect("a store");
    let (base, delta) = (installation.open(&base.reference), installation.open(name));
    let mut options = ApplyOptions::default();
    options.base_blobs = true;
    let rebuilt = apply(&base, &delta, &store, options, &Silent).expect("applies");
    assert_eq!(rebuilt.contents().config, target.image.contents.config, "{name}");
}

/// Fails unless everything in a stopped server's store is what it is called.
fn verify_store(installation: &Installation) {
    let output = Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["store", "verify", "--store"])
        .arg(installation.path("deltas/store"))
        .output()
        .expect("remora runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("layers") && !said.contains(" 0 layers"), "{said}");
}

/// The delta tags in a repository.
pub(crate) fn delta_tags(installation: &Installation, repository: &str) -> Vec<String> {
    let repositories = installation.registry.data().join("docker/registry/v2/repositories");
    let tags = fs::read_dir(repositories.join(repository).join("_manifests/tags"));
    let names = tags.into_iter().flatten().map(|tag| tag.expect("an entry").file_name());
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with("delta-"))
        .collect()
}
