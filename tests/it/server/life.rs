//! Stopping, starting again, and what survives that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use super::{SIZE, Scene, ask_on, assert_applies};
use crate::installation::{Fault, Pair, ServerProcess};

/// Asks for a delta whose making is held, and tells the server to stop.
fn stop_in_a_build(scene: &Scene) {
    scene.fault(Fault::HoldLayers);
    let waiting =
        scene.server.begin_delta(3, &scene.base.reference, &scene.target.reference, &scene.token);
    scene.installation.proxy.until_a_layer_is_read();
    scene.server.terminate();
    assert_eq!(waiting.answer().status, 504);
}

#[test]
fn a_stop_tells_who_waits_to_ask_again_and_parks_the_job() {
    let mut scene = Scene::new(&[("REMORA_STOP_WITHIN", "1s")]);
    scene.fault(Fault::HoldLayers);
    let (src, dest) = (scene.base.reference.clone(), scene.target.reference.clone());
    let waiting: Vec<_> =
        (0..5).map(|_| scene.server.begin_delta(3, &src, &dest, &scene.token)).collect();
    scene.installation.proxy.until_a_layer_is_read();
    scene.server.terminate();
    for exchange in waiting {
        assert_eq!(exchange.answer().status, 504);
    }
    let (status, log) = scene.server.wait();
    assert!(status.success(), "{status}\n{log}");

    // The next start goes on by itself: nobody has to ask.
    scene.fault(Fault::None);
    scene.server = scene.installation.serve(&[]);
    let pushed = || scene.installation.proxy.count("/manifests/delta-");
    let before = pushed();
    while pushed() == before {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let answer = scene.ask_on(3);
    assert_applies(&scene.installation, &answer.name(), &scene.base, &scene.target);
}

#[test]
fn a_stopping_server_tells_whoever_asks_to_ask_again_until_its_end() {
    let mut scene = Scene::new(&[("REMORA_STOP_WITHIN", "3s")]);
    stop_in_a_build(&scene);
    // The build has two seconds left.
    for _ in 0..10 {
        assert_eq!(scene.ask(3).status, 504);
        assert_eq!(scene.server.ask("GET", "/readyz", &[]).status, 503);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    scene.fault(Fault::None);
    let (status, log) = scene.server.wait();
    assert!(status.success(), "{status}\n{log}");
}

/// The head of an answer to a client that would come again over the same connection.
fn kept_alive(server: &ServerProcess) -> String {
    let address = server.address();
    let mut connection = TcpStream::connect(&address).expect("it listens");
    write!(connection, "GET /readyz HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("sent");
    let lines = BufReader::new(connection).lines().map(|line| line.expect("text"));
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n").to_lowercase()
}

#[test]
fn a_server_answers_for_a_while_after_its_stop_began_and_lets_go_of_connections() {
    let mut scene = Scene::new(&[("REMORA_STOP_DELAY", "4s")]);
    assert!(!kept_alive(&scene.server).contains("connection: close"));
    scene.server.terminate();
    while scene.server.ask("GET", "/readyz", &[]).status != 503 {}
    // Nothing is left to be done.
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(scene.ask(3).status, 504);
    assert!(kept_alive(&scene.server).contains("connection: close"));
    let (status, log) = scene.server.wait();
    assert!(status.success(), "{status}\n{log}");
}

#[test]
fn a_stop_lets_a_build_finish_that_has_the_time() {
    let mut scene = Scene::new(&[("REMORA_STOP_WITHIN", "60s")]);
    stop_in_a_build(&scene);
    scene.fault(Fault::None);
    let (status, log) = scene.server.wait();
    assert!(status.success(), "{status}\n{log}");
    assert_applies(&scene.installation, &scene.usual_name(), &scene.base, &scene.target);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut scene = Scene::new(&[("REMORA_STOP_WITHIN", "600s")]);
    stop_in_a_build(&scene);
    scene.server.terminate();
    let (status, log) = scene.server.wait();
    assert_eq!(status.code(), Some(143), "{log}");
    scene.fault(Fault::None);
}

#[test]
fn what_was_made_is_known_after_a_restart_and_not_made_again() {
    let mut scene = Scene::new(&[]);
    let name = scene.ask_on(3).name();
    assert_eq!(scene.ask_on(2).status, 302);
    let unrelated = scene.installation.push_pair(1, &Pair::unrelated(5));
    let token = scene.installation.token(&[&unrelated.0.repository, &unrelated.1.repository]);
    let pair = (&unrelated.0, &unrelated.1);
    assert_eq!(ask_on(&scene.server, 3, pair, &token).name(), unrelated.1.reference);

    scene.restart(&[]);
    let blobs = scene.installation.proxy.count("/blobs/");
    assert_eq!(scene.ask(3).name(), name);
    assert_eq!(scene.ask(2).status, 302);
    assert_eq!(ask_on(&scene.server, 3, pair, &token).name(), unrelated.1.reference);
    assert_eq!(scene.installation.proxy.count("/blobs/"), blobs);
}

#[test]
fn one_folder_is_one_servers_and_a_killed_one_leaves_no_lock() {
    let mut scene = Scene::new(&[]);
    let mut second = ServerProcess::spawn(&scene.installation.environment(&[]));
    let (status, log) = second.wait();
    assert!(status.code().is_some_and(|code| code != 0), "{log}");
    assert!(log.contains("deltas"), "{log}");

    let fresh = scene.installation.environment(&[]);
    std::mem::replace(&mut scene.server, second).kill();
    scene.server = ServerProcess::start(&fresh);
    assert_eq!(scene.ask_on(3).status, 200);
}

#[test]
fn a_pair_that_nobody_waits_for_any_more_is_not_built() {
    let settings = [("REMORA_MAX_BUILDS", "1"), ("REMORA_GRACE", "1s"), ("REMORA_LONG_POLL", "1s")];
    let scene = Scene::new(&settings);
    let second = scene.installation.push_pair(1, &Pair::similar(5, SIZE));
    let token = scene.installation.token(&[&second.0.repository, &second.1.repository]);
    scene.fault(Fault::HoldLayers);
    assert_eq!(scene.ask(3).status, 504);
    assert_eq!(scene.server.delta(3, &second.0.reference, &second.1.reference, &token).status, 504);
    let target = format!("/api/v3/status?src={}&dest={}", second.0.reference, second.1.reference);
    let bearer = format!("Bearer {token}");
    let status =
        || scene.server.ask("GET", &target, &[("Authorization", &bearer)]).json()["status"].clone();
    const TRIES: usize = 500;
    let dropped = (0..TRIES).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        status() == "unknown"
    });
    assert!(dropped, "{}", status());
    scene.fault(Fault::None);
}
