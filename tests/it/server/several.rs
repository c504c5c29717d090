//! Several servers over one PostgreSQL and one registry.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{SIZE, ask_on, assert_applies, usual_name};
use crate::installation::{Fault, Installation, Pair, Pushed, ServerProcess};
use crate::postgres_server::{certificate, new_database, sql};

/// What is in every address that these tests make.
const PASSWORD: &str = "hush-5432";

pub(super) struct Servers {
    pub(super) installation: Installation,
    pub(super) database: String,
    pub(super) base: Pushed,
    pub(super) target: Pushed,
    pub(super) token: String,
}

impl Servers {
    pub(super) fn new() -> Self {
        let installation = Installation::new();
        let (base, target) = installation.push_pair(0, &Pair::similar(1, SIZE));
        let token = installation.token(&[&base.repository, &target.repository]);
        Servers { installation, database: new_database(), base, target, token }
    }

    /// A server with a data folder of this name.
    pub(super) fn start(&self, name: &str) -> ServerProcess {
        self.start_with(name, &[])
    }

    /// The same with further settings.
    pub(super) fn start_with(&self, name: &str, settings: &[(&str, &str)]) -> ServerProcess {
        let data = self.installation.path(name).display().to_string();
        let shared = [("REMORA_DATA", &*data), ("REMORA_DATABASE", &*self.database)];
        self.installation.serve(&[&shared, settings].concat())
    }

    fn state(&self, server: &ServerProcess) -> String {
        self.status(server)["status"].as_str().expect("a state").to_owned()
    }

    /// What a server says of the pair.
    pub(super) fn status(&self, server: &ServerProcess) -> Value {
        let (base, target) = (&self.base.reference, &self.target.reference);
        let path = format!("/api/v3/status?src={base}&dest={target}");
        let answer =
            server.ask("GET", &path, &[("Authorization", &format!("Bearer {}", self.token))]);
        answer.json()
    }

    pub(super) fn until_state(&self, server: &ServerProcess, state: &str) {
        while self.state(server) != state {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How often the pair's delta was published.
    fn publications(&self) -> usize {
        let name = usual_name(&self.installation, &self.base, &self.target);
        let (_, tag) = name.rsplit_once(':').expect("a tag");
        let put = format!("PUT /v2/{}/manifests/{tag}", self.target.repository);
        self.installation.proxy.count(&put)
    }

    pub(super) fn assert_right(&self, name: &str) {
        assert_eq!(name, usual_name(&self.installation, &self.base, &self.target));
        assert_applies(&self.installation, name, &self.base, &self.target);
    }
}

pub(super) fn built(server: &ServerProcess) -> usize {
    server.log().matches("job done").count()
}

#[test]
fn a_long_poll_at_one_server_ends_when_another_has_built() {
    let servers = Servers::new();
    // Whoever hears of a job first builds it: only one of the two is to.
    let (waits, builds) =
        (servers.start_with("a", &[("REMORA_MAX_BUILDS", "0")]), servers.start("b"));
    servers.installation.proxy.set(Fault::HoldLayers);
    let (base, target, token) = (&servers.base, &servers.target, &servers.token);
    let asked = builds.begin_delta(3, &base.reference, &target.reference, token);
    servers.until_state(&waits, "preparing");
    let waiting = waits.begin_delta(3, &base.reference, &target.reference, token);
    servers.installation.proxy.set(Fault::None);
    let (here, there) = (waiting.answer(), asked.answer());
    assert_eq!((here.status, there.status), (200, 200), "{} {}", here.text(), there.text());
    assert_eq!(here.name(), there.name());
    servers.assert_right(&here.name());
    assert_eq!((built(&waits), built(&builds)), (0, 1));
    for log in [waits.log(), builds.log()] {
        assert!(!log.contains(PASSWORD), "{log}");
    }
}

#[test]
fn a_pair_that_both_are_asked_for_is_built_once() {
    let servers = Servers::new();
    let started = [servers.start("a"), servers.start("b")];
    let (base, target, token) = (&servers.base, &servers.target, &servers.token);
    let asked: Vec<_> = (0..20)
        .map(|number| started[number % 2].begin_delta(3, &base.reference, &target.reference, token))
        .collect();
    for asked in asked {
        let answer = asked.answer();
        assert_eq!(answer.status, 200, "{}", answer.text());
        servers.assert_right(&answer.name());
    }
    assert_eq!(servers.publications(), 1);
    assert_eq!(started.iter().map(built).sum::<usize>(), 1);
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_a_build_loses_nothing() {
    let servers = Servers::new();
    let (mut dies, lives) = (servers.start("a"), servers.start("b"));
    servers.installation.proxy.set(Fault::HoldLayers);
    let (base, target, token) = (&servers.base, &servers.target, &servers.token);
    let _waiting = dies.begin_delta(3, &base.reference, &target.reference, token);
    servers.until_state(&lives, "preparing");
    dies.kill();
    servers.installation.proxy.set(Fault::None);
    // Nobody asks but at the other one, whose turn comes when the lease has run out.
    let answer = ask_on(&lives, 3, (base, target), token);
    servers.assert_right(&answer.name());
    assert_eq!(built(&lives), 1);
    assert!(!dies.log().contains("job done"), "{}", dies.log());
    assert_eq!(servers.publications(), 1);
    // The one that comes back knows of it.
    let back = servers.start("a");
    assert_eq!(servers.state(&back), "ready");
    assert_eq!(built(&back), 0);
}

#[test]
fn a_builder_that_comes_late_does_no_harm() {
    let servers = Servers::new();
    let (stalls, lives) = (servers.start("a"), servers.start("b"));
    servers.installation.proxy.set(Fault::HoldLayers);
    let (base, target, token) = (&servers.base, &servers.target, &servers.token);
    let waiting = stalls.begin_delta(3, &base.reference, &target.reference, token);
    servers.until_state(&lives, "preparing");
    stalls.signal(Signal::STOP);
    servers.installation.proxy.set(Fault::None);
    let answer = ask_on(&lives, 3, (base, target), token);
    servers.assert_right(&answer.name());
    stalls.signal(Signal::CONT);
    let late = waiting.answer();
    assert!([200, 504].contains(&late.status), "{}", late.text());
    servers.until_state(&stalls, "ready");
    let again = ask_on(&stalls, 3, (base, target), token);
    assert_eq!(again.name(), answer.name());
    servers.assert_right(&again.name());
    assert_eq!(built(&lives), 1);
}

#[test]
fn each_server_gives_out_v2_deltas_of_its_own() {
    let servers = Servers::new();
    let (base, target, token) = (&servers.base, &servers.target, &servers.token);
    for server in [servers.start("a"), servers.start("b")] {
        let answer = ask_on(&server, 2, (base, target), token);
        assert_eq!(answer.status, 302, "{}", answer.text());
        let place = answer.header("location").expect("a place").to_owned();
        let path = place.splitn(4, '/').nth(3).expect("a path");
        assert_eq!(server.ask("GET", &format!("/{path}"), &[]).status, 200);
        assert_eq!(built(&server), 1);
    }
}

#[test]
fn the_queue_is_seen_from_everywhere_and_an_address_is_nobodys_to_see() {
    let servers = Servers::new();
    let one = servers.start("a");
    let other = servers.start("b");
    let pair = json!({ "src": servers.base.reference, "dest": servers.target.reference });
    let body = json!({ "pairs": [pair] }).to_string();
    servers.installation.proxy.set(Fault::HoldLayers);
    let builder = format!("Bearer {}", crate::installation::BUILDER_TOKEN);
    let headers = [("Authorization", &*builder), ("Content-Type", "application/json")];
    assert_eq!(one.post("/api/v3/prepare", &headers, &body).status, 200);
    servers.until_state(&other, "preparing");
    servers.installation.proxy.set(Fault::None);
    servers.until_state(&other, "ready");
    let printed = Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["serve", "--registry", "r.example", "--print-config"])
        .env("REMORA_DATABASE", &servers.database)
        .output()
        .expect("remora starts");
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert!(printed.contains("database") && !printed.contains(PASSWORD), "{printed}");
}

#[test]
fn the_way_to_the_database_may_be_proved_and_nobody_else_is_trusted() {
    let mut servers = Servers::new();
    let plain = servers.database.replace("127.0.0.1", "localhost");
    servers.database =
        format!("{plain}?sslmode=verify-full&sslrootcert={}", certificate().display());
    let server = servers.start("a");
    let answer = ask_on(&server, 3, (&servers.base, &servers.target), &servers.token);
    servers.assert_right(&answer.name());
    let open = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE datname = current_database() AND ssl AND pid <> pg_backend_pid()";
    assert_eq!(sql(&plain, open), "2");
    let unknown = format!("{plain}?sslmode=verify-full");
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["serve", "--registry", "r.example", "--insecure-no-auth", "--data"])
        .arg(folder.path())
        .env("REMORA_DATABASE", unknown)
        .output()
        .expect("remora starts");
    let errors = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(errors.contains("certificate") && errors.contains("sslrootcert"), "{errors}");
}

#[test]
fn an_address_that_does_not_work_is_told_without_its_password() {
    let database = new_database();
    for (address, status, told) in [
        ("mysql://u:hush-5432@h/d".to_owned(), 2, "does not begin with postgres://"),
        ("postgres://u@h/d?passwd=hush-5432".to_owned(), 2, "a parameter that is not known"),
        (format!("{database}-nowhere"), 3, "does not exist"),
        (database.replace(PASSWORD, "x-hush-5432"), 3, "password authentication failed"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = Command::new(env!("CARGO_BIN_EXE_remora"))
            .args(["serve", "--registry", "r.example", "--insecure-no-auth"])
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .env("REMORA_DATABASE", &address)
            .output()
            .expect("remora starts");
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(status), "{errors}");
        assert!(errors.contains(told) && !errors.contains(PASSWORD), "{errors}");
    }
}
