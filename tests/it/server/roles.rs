//! Servers that only answer, and servers that only build.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::ask_on;
use super::several::{Servers, built};
use crate::installation::{BUILDER_TOKEN, Claims, Fault};

const ANSWERS: [(&str, &str); 1] = [("REMORA_MAX_BUILDS", "0")];
const BUILDS: [(&str, &str); 1] = [("REMORA_ROLE", "worker")];

#[test]
fn a_worker_builds_what_others_are_asked_for_and_they_see_how_far_it_is() {
    let servers = Servers::new();
    let (answers, worker) = (servers.start_with("a", &ANSWERS), servers.start_with("b", &BUILDS));
    servers.installation.proxy.set(Fault::HoldLayers);
    let (base, target, token) = (&servers.base, &servers.target, &servers.token);
    let asked = answers.begin_delta(3, &base.reference, &target.reference, token);
    while servers.status(&answers)["stage"] != "fetch" {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(servers.status(&answers)["status"], "preparing");
    servers.installation.proxy.set(Fault::None);
    let answer = asked.answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
    servers.assert_right(&answer.name());
    assert_eq!((built(&answers), built(&worker)), (0, 1));
}

#[test]
fn a_worker_answers_whoever_operates_it_and_nobody_else() {
    let servers = Servers::new();
    let worker = servers.start_with("a", &BUILDS);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(worker.ask("GET", path, &[]).status, 200, "{path}");
    }
    let builder = format!("Bearer {BUILDER_TOKEN}");
    let delta = ask_on(&worker, 3, (&servers.base, &servers.target), &servers.token);
    let events = worker.ask("GET", "/api/v3/events", &[("Authorization", &*builder)]);
    for answer in [delta, events, worker.ask("GET", "/", &[])] {
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("30"));
        assert!(answer.text().contains("only builds"), "{}", answer.text());
    }
    assert!(!worker.log().contains("authentication is off"), "{}", worker.log());
}

#[test]
fn roles_that_make_no_sense_are_refused_with_what_to_do() {
    let database = ("REMORA_DATABASE", "postgres://127.0.0.1:1/d");
    for (settings, told) in [
        (vec![("REMORA_ROLE", "worker")], "--database"),
        (vec![("REMORA_MAX_BUILDS", "0")], "--database"),
        (vec![database, ("REMORA_ROLE", "worker"), ("REMORA_MAX_BUILDS", "0")], "--max-builds"),
        (vec![database, ("REMORA_ROLE", "worker"), ("REMORA_WATCH", "all")], "--watch"),
        (vec![database, ("REMORA_ROLE", "both")], "worker"),
        (vec![("REMORA_MAX_BUILDS", "257")], "256"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_remora"))
            .args(["serve", "--registry", "r.example", "--insecure-no-auth"])
            .envs(settings.iter().copied())
            .output()
            .expect("remora starts");
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{settings:?}: {errors}");
        assert!(errors.contains(told), "{settings:?}: {errors}");
    }
}

#[test]
fn servers_that_answer_share_the_limit_of_rate() {
    let servers = Servers::new();
    let limit = [("REMORA_RATE_LIMIT", "1"), ("REMORA_RATE_BURST", "6")];
    let one = servers.start_with("a", &limit);
    let let_in = |token: &str| {
        let headers = [("Authorization", &*format!("Bearer {token}"))];
        let path = format!("/api/v3/status?src={0}&dest={0}", servers.base.reference);
        let statuses = (0..8).map(|_| one.ask("GET", &path, &headers).status);
        statuses.filter(|status| *status != 503).count()
    };
    let token = |subject: &str| {
        let host = servers.installation.registry_host();
        let claims = Claims::new(&host, &[&servers.base.repository]);
        servers.installation.api.token(&claims.with("sub", json!(subject)))
    };
    assert_eq!(let_in(&token("d_alone")), 6);
    let _worker = servers.start_with("b", &BUILDS);
    let _other = servers.start_with("c", &limit);
    // Each sign of life tells how many there are.
    let mut tries = 0;
    while let_in(&token(&format!("d_{tries}"))) != 3 {
        tries += 1;
        assert!(tries < 60, "the limit is not shared");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn one_server_at_a_time_tells_how_long_the_queue_is() {
    let servers = Servers::new();
    let mut started = vec![servers.start_with("a", &ANSWERS), servers.start_with("b", &ANSWERS)];
    let tells = |server: &crate::installation::ServerProcess| {
        server.ask("GET", "/metrics", &[]).text().contains("\nremora_queue ")
    };
    while started.iter().filter(|server| tells(server)).count() != 1 {
        std::thread::sleep(Duration::from_millis(50));
    }
    let place = started.iter().position(tells).expect("one leads");
    started.remove(place).kill();
    while !tells(&started[0]) {
        std::thread::sleep(Duration::from_millis(50));
    }
}
