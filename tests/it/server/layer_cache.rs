//! Layers that servers have in a bucket together: what one unpacked comes from there to the others.

use std::time::Duration;

use super::ask_on;
use crate::installation::{Installation, Pair, Pushed, ServerProcess};
use crate::s3_server::{BUCKET, S3Server};

/// A layer of a size that is worth a look into the bucket.
const SIZE: usize = 600_000;

struct Scene {
    installation: Installation,
    s3: S3Server,
    base: Pushed,
    target: Pushed,
    token: String,
}

impl Scene {
    fn new() -> Self {
        let (installation, s3) = (Installation::new(), S3Server::start());
        let (base, target) = installation.push_pair(0, &Pair::similar(1, SIZE));
        let token = installation.token(&[&base.repository, &target.repository]);
        Scene { installation, s3, base, target, token }
    }

    /// A server with a data folder of this name, its own queue, and the layer cache.
    fn start(&self, name: &str) -> ServerProcess {
        let data = self.installation.path(name).display().to_string();
        let variables = S3Server::variables(&self.s3.address());
        let place = format!("s3://{BUCKET}/layers");
        let mut all: Vec<(&str, &str)> = vec![
            ("REMORA_DATA", &data),
            ("REMORA_LAYER_CACHE", &place),
            ("REMORA_LAYER_CACHE_PLAIN_HTTP", "true"),
        ];
        all.extend(variables.iter().map(|(name, value)| (&**name, &**value)));
        self.installation.serve(&all)
    }

    /// Has a v2 delta made, and gives the file.
    fn make(&self, server: &ServerProcess) -> Vec<u8> {
        let answer = ask_on(server, 2, (&self.base, &self.target), &self.token);
        assert_eq!(answer.status, 302, "{}", answer.text());
        let url = answer.header("location").expect("a location").to_owned();
        let path = format!("/{}", url.splitn(4, '/').nth(3).expect("a path"));
        let file = server.ask("GET", &path, &[]);
        assert_eq!(file.status, 200);
        file.body
    }

    /// Has the delta made by a server that puts both layers into the bucket.
    fn fill(&self, server: &ServerProcess) -> Vec<u8> {
        let file = self.make(server);
        while self.s3.keys().len() < 2 {
            std::thread::sleep(Duration::from_millis(20));
        }
        file
    }

    fn layer_reads(&self) -> usize {
        self.installation.proxy.layer_reads()
    }
}

#[test]
fn what_one_server_unpacked_the_others_have_from_the_bucket() {
    let scene = Scene::new();
    let file = scene.fill(&scene.start("a"));
    let before = scene.layer_reads();
    assert_eq!(before, 2);
    let other = scene.start("b");
    assert_eq!(scene.make(&other), file);
    assert_eq!(scene.layer_reads(), before, "nothing comes from the registry");
    assert_eq!(other.log().matches("came from the layer cache").count(), 2);
    let keys = scene.s3.keys();
    assert!(keys.iter().all(|key| key.starts_with("layers/") && key.ends_with(".tar.zst")));
}

#[test]
fn a_damaged_object_is_refused_fetched_from_the_registry_and_replaced() {
    let scene = Scene::new();
    let file = scene.fill(&scene.start("a"));
    let keys = scene.s3.keys();
    let whole: Vec<Vec<u8>> = keys.iter().map(|key| scene.s3.get(key)).collect();
    // One object is another layer's, the other is cut.
    scene.s3.put(&keys[0], &whole[1]);
    scene.s3.put(&keys[1], &whole[1][..whole[1].len() / 2]);
    let before = scene.layer_reads();
    let other = scene.start("b");
    assert_eq!(scene.make(&other), file);
    assert_eq!(scene.layer_reads(), before + 2);
    let log = other.log();
    assert_eq!(log.matches("has something else").count(), 2, "{log}");
    assert!(!log.contains("came from the layer cache"), "{log}");
    while keys.iter().zip(&whole).any(|(key, whole)| scene.s3.get(key) != *whole) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_bucket_that_is_away_or_silent_is_told_once_and_layers_come_from_the_registry() {
    let scene = Scene::new();
    let file = scene.fill(&scene.start("a"));
    let before = scene.layer_reads();
    scene.s3.stall();
    let waits = scene.start("b");
    assert_eq!(scene.make(&waits), file);
    assert_eq!(scene.layer_reads(), before + 2);
    scene.s3.go_on();
    let Scene { installation, s3, base, target, token } = scene;
    let address = s3.address();
    drop(s3);
    let variables = S3Server::variables(&address);
    let data = installation.path("c").display().to_string();
    let place = format!("s3://{BUCKET}/layers");
    let mut all: Vec<(&str, &str)> = vec![
        ("REMORA_DATA", &data),
        ("REMORA_LAYER_CACHE", &place),
        ("REMORA_LAYER_CACHE_PLAIN_HTTP", "true"),
    ];
    all.extend(variables.iter().map(|(name, value)| (&**name, &**value)));
    let refused = installation.serve(&all);
    let answer = ask_on(&refused, 2, (&base, &target), &token);
    assert_eq!(answer.status, 302);
    assert_eq!(installation.proxy.layer_reads(), before + 4);
    for server in [&waits, &refused] {
        let log = server.log();
        assert_eq!(log.matches("layers come from the registry").count(), 1, "{log}");
        assert!(!log.contains("hush-s3"));
    }
}

#[test]
fn a_layer_cache_that_makes_no_sense_is_refused_at_the_start() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["serve", "--registry", "r.example", "--insecure-no-auth", "--data"])
        .arg(tempfile::tempdir().expect("a folder").path())
        .args(["--layer-cache", "nowhere"])
        .output()
        .expect("remora starts");
    let errors = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("layer cache") && errors.contains("s3://"), "{errors}");
}
