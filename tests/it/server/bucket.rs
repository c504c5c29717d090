//! v2 deltas of several servers in one bucket.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::several::{Servers, built};
use super::{ask_on, usual_name};
use crate::installation::{Answer, ServerProcess};
use crate::postgres_server::sql;
use crate::s3_server::{BUCKET, S3Server};

/// Who holds the lock of the one that leads: the number's two halves are the database's way to show one.
const LEADER: &str = "\
    SELECT home FROM remora.servers JOIN pg_stat_activity ON application_name = name JOIN pg_locks USING (pid) \
    WHERE locktype = 'advisory' AND classid = 1 AND objid = 3587871931";

struct Scene {
    servers: Servers,
    s3: S3Server,
}

impl Scene {
    fn new() -> Self {
        Scene { servers: Servers::new(), s3: S3Server::start() }
    }

    fn start(&self, name: &str, settings: &[(&str, &str)]) -> ServerProcess {
        let variables = S3Server::variables(&self.s3.address());
        let place = format!("s3://{BUCKET}/v2");
        let mut all: Vec<(&str, &str)> =
            vec![("REMORA_ARTIFACTS", &place), ("REMORA_ARTIFACTS_PLAIN_HTTP", "true")];
        all.extend(variables.iter().map(|(name, value)| (&**name, &**value)));
        self.servers.start_with(name, &[&all, settings].concat())
    }

    /// Asks for the v2 delta, and gives the path and query of its URL.
    fn location(&self, server: &ServerProcess) -> String {
        let Servers { base, target, token, .. } = &self.servers;
        let answer = ask_on(server, 2, (base, target), token);
        assert_eq!(answer.status, 302, "{}", answer.text());
        let url = answer.header("location").expect("a location");
        format!("/{}", url.splitn(4, '/').nth(3).expect("a path"))
    }

    /// The server that leads, by the name of its data folder.
    fn leader(&self) -> String {
        sql(&self.servers.database, LEADER)
    }

    fn owner(&self, name: &str) -> String {
        let file = self.servers.installation.path(name).join("owner");
        std::fs::read_to_string(file).expect("a name")
    }
}

fn fetch(server: &ServerProcess, target: &str, range: Option<&str>) -> Answer {
    let headers: Vec<_> = range.iter().map(|range| ("Range", *range)).collect();
    server.ask("GET", target, &headers)
}

#[test]
fn what_one_server_made_another_names_and_serves_also_when_the_first_is_gone() {
    let scene = Scene::new();
    let (mut makes, serves) = (scene.start("a", &[]), scene.start("b", &[]));
    let url = scene.location(&makes);
    let whole = fetch(&makes, &url, None);
    assert_eq!(whole.status, 200);
    let size = whole.body.len();
    assert!(size > 20);
    for range in [None, Some("bytes=10-"), Some("bytes=5-9"), Some("bytes=-3")] {
        let [one, other] = [&makes, &serves].map(|server| fetch(server, &url, range));
        assert_eq!((one.status, &one.body), (other.status, &other.body), "{range:?}");
        assert_eq!(one.status, if range.is_some() { 206 } else { 200 });
        assert_eq!(one.header("content-range"), other.header("content-range"));
    }
    let path = |url: &str| url.split('?').next().expect("a path").to_owned();
    assert_eq!(path(&scene.location(&serves)), path(&url));
    // Whoever is asked may leave the job to the other.
    let by_other = built(&serves);
    assert_eq!(built(&makes) + by_other, 1);
    let keys = scene.s3.keys();
    assert_eq!((keys.len(), scene.s3.count("?uploads")), (1, 1), "{keys:?}");
    assert_eq!(scene.s3.get(&keys[0]), whole.body);
    makes.kill();
    assert_eq!(fetch(&serves, &url, Some("bytes=10-")).body, whole.body[10..]);
    assert_eq!(path(&scene.location(&serves)), path(&url));
    // A third one, with nothing of its own.
    let new = scene.start("c", &[]);
    assert_eq!(fetch(&new, &scene.location(&new), None).body, whole.body);
    assert_eq!((built(&serves), built(&new)), (by_other, 0));
}

#[test]
fn an_object_that_somebody_removed_or_cut_short_is_made_again() {
    let scene = Scene::new();
    let (makes, names) = (scene.start("a", &[]), scene.start("b", &[]));
    let whole = fetch(&makes, &scene.location(&makes), None).body;
    let key = scene.s3.keys().pop().expect("an object");
    for content in [&whole[..whole.len() / 2], b"", &[&whole[..], b"more"].concat()] {
        scene.s3.put(&key, content);
        // Whoever is told of a URL gets the delta from it.
        let url = scene.location(&names);
        for server in [&makes, &names] {
            assert!(fetch(server, &url, None).body == whole, "{} bytes", content.len());
        }
    }
    assert_eq!(scene.s3.keys(), [key]);
    assert_eq!(built(&makes) + built(&names), 4);
}

#[test]
fn who_only_answers_and_who_only_builds_have_one_bucket() {
    let scene = Scene::new();
    let answers = scene.start("a", &[("REMORA_MAX_BUILDS", "0")]);
    let builds = scene.start("b", &[("REMORA_ROLE", "worker")]);
    let url = scene.location(&answers);
    assert_eq!(fetch(&answers, &url, None).status, 200);
    assert_eq!((built(&answers), built(&builds)), (0, 1));
}

#[test]
fn another_leads_when_the_leader_is_killed_or_stops() {
    let scene = Scene::new();
    let mut first = scene.start("a", &[]);
    while scene.leader() != scene.owner("a") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let second = scene.start("b", &[]);
    assert_eq!(scene.leader(), scene.owner("a"));
    first.kill();
    while scene.leader() != scene.owner("b") {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The first one comes back, and follows; the second one stops in the ordinary way.
    let _first = scene.start("a", &[]);
    assert_eq!(scene.leader(), scene.owner("b"));
    second.signal(Signal::TERM);
    while scene.leader() != scene.owner("a") {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_bucket_that_is_away_keeps_v2_waiting_and_v3_goes_on() {
    let scene = Scene::new();
    let server = scene.start("a", &[("AWS_TIMEOUT", "1s"), ("REMORA_LONG_POLL", "3s")]);
    let url = scene.location(&server);
    let Servers { installation, base, target, token, .. } = &scene.servers;
    scene.s3.stall();
    let answer = server.delta(2, &base.reference, &target.reference, token);
    assert_eq!(answer.status, 504, "{}", answer.text());
    let answer = fetch(&server, &url, None);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")));
    let answer = ask_on(&server, 3, (base, target), token);
    assert_eq!(answer.name(), usual_name(installation, base, target));
    scene.s3.go_on();
    assert_eq!(fetch(&server, &scene.location(&server), None).status, 200);
    assert!(!server.log().contains("hush-s3"));
}

#[test]
fn a_server_that_comes_back_while_the_database_is_away_knows_the_key_and_the_folder() {
    let mut scene = Scene::new();
    let server = scene.start("a", &[]);
    let url = scene.location(&server);
    let file = fetch(&server, &url, None).body;
    drop(server);
    scene.servers.database = "postgres://remora@127.0.0.1:1/deltas".to_owned();
    let server = scene.start("a", &[]);
    assert_eq!(fetch(&server, &url, None).body, file);
}

#[test]
fn a_bucket_that_is_not_there_is_told_of_before_anybody_asks() {
    let scene = Scene::new();
    let server = scene.start("a", &[("REMORA_ARTIFACTS", "s3://missing/v2")]);
    let start = Instant::now();
    while !server.log().contains("cannot list v2 deltas") {
        assert!(start.elapsed() < Duration::from_secs(30), "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(server.log().contains("REMORA_ARTIFACTS"), "{}", server.log());
}
