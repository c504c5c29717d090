//! Deltas asked for ahead of the devices.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{SIZE, Scene, assert_applies};
use crate::installation::{BUILDER_TOKEN, Fault, Pair};

fn builder() -> String {
    format!("Basic {}", STANDARD.encode(format!("builder:{BUILDER_TOKEN}")))
}

fn prepare(scene: &Scene, pairs: &Value) -> Value {
    let builder = builder();
    let headers = [("Authorization", builder.as_str()), ("Content-Type", "application/json")];
    let answer =
        scene.server.post("/api/v3/prepare", &headers, &json!({ "pairs": pairs }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn status(scene: &Scene, more: &str) -> Value {
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let target = format!("/api/v3/status?src={src}&dest={dest}{more}");
    let bearer = format!("Bearer {}", scene.token);
    scene.server.ask("GET", &target, &[("Authorization", &bearer)]).json()
}

/// The status as soon as it is none of these.
fn status_after(scene: &Scene, more: &str, passing: &[&str]) -> Value {
    loop {
        let status = status(scene, more);
        if !passing.iter().any(|passing| status["status"] == *passing) {
            return status;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_prepared_delta_is_ready_before_anybody_asks() {
    let scene = Scene::new(&[("REMORA_GRACE", "1s")]);
    assert_eq!(status(&scene, "")["status"], "unknown");
    let pair = json!({ "src": scene.base.reference, "dest": scene.target.reference });
    let missing = format!("{}/v2/{}", scene.installation.registry_host(), "f".repeat(32));
    let pairs = json!([
        pair,
        { "src": scene.base.reference, "dest": scene.target.reference, "format": "v2" },
        { "src": scene.base.reference, "dest": missing },
        { "src": "elsewhere.test/v2/a", "dest": scene.target.reference },
    ]);
    let answer = prepare(&scene, &pairs);
    let states = answer["pairs"].as_array().expect("a list");
    assert_eq!(states.len(), 4);
    assert_eq!(states[0]["src"], scene.base.reference.as_str());
    for bad in &states[2..] {
        assert_eq!(bad["status"], "failed", "{bad}");
        assert!(bad["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    }

    // A release keeps its job although nobody waits for it.
    let ready = status_after(&scene, "", &["pending", "preparing"]);
    assert_eq!(ready["status"], "ready", "{ready}");
    assert_eq!(ready["name"], scene.usual_name().as_str());
    for number in ["size", "pull_size", "commands"] {
        assert!(ready[number].as_u64().is_some_and(|number| number > 0), "{ready}");
    }
    assert!(ready["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0), "{ready}");
    assert!(ready["size"].as_u64() < ready["pull_size"].as_u64());
    let ready = status_after(&scene, "&format=v2", &["pending", "preparing"]);
    assert_eq!(ready["status"], "ready", "{ready}");

    let blobs = scene.installation.proxy.count("/blobs/");
    assert_applies(&scene.installation, &scene.ask(3).name(), &scene.base, &scene.target);
    assert_eq!(scene.ask(2).status, 302);
    assert!(scene.installation.proxy.count("POST") <= blobs);
}

#[test]
fn the_status_says_what_is_going_on() {
    let scene = Scene::new(&[]);
    scene.fault(Fault::HoldLayers);
    prepare(&scene, &json!([{ "src": scene.base.reference, "dest": scene.target.reference }]));
    let running = status_after(&scene, "", &["pending"]);
    assert_eq!(running["status"], "preparing", "{running}");
    scene.fault(Fault::None);
    assert_eq!(status_after(&scene, "", &["preparing"])["status"], "ready");
}

#[test]
fn events_tell_of_every_change() {
    let scene = Scene::new(&[]);
    let builder = builder();
    let headers = [("Authorization", builder.as_str())];
    let stream = scene.server.begin("GET", "/api/v3/events", &headers, b"").into_stream();
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("readable"));
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(head[0].contains(" 200 "), "{head:?}");
    assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")));

    prepare(&scene, &json!([{ "src": scene.base.reference, "dest": scene.target.reference }]));
    let mut seen: Vec<String> = Vec::new();
    let data =
        lines.filter_map(|line| line.strip_prefix("data:").map(|data| data.trim().to_owned()));
    for data in data {
        let event: Value = serde_json::from_str(&data).expect("JSON");
        assert!(event["target"].as_str().expect("a target").contains(&scene.target.repository));
        let state = event["status"].as_str().expect("a state").to_owned();
        if seen.last() != Some(&state) {
            seen.push(state.clone());
        }
        if state == "ready" || state == "failed" {
            break;
        }
    }
    assert_eq!(seen.last().map(String::as_str), Some("ready"), "{seen:?}");
    assert!(seen.contains(&"preparing".to_owned()), "{seen:?}");
}

#[test]
fn a_device_neither_prepares_nor_listens() {
    let scene = Scene::new(&[]);
    let body =
        json!({ "pairs": [{ "src": scene.base.reference, "dest": scene.target.reference }] });
    let device = format!("Bearer {}", scene.token);
    let wrong = format!("Basic {}", STANDARD.encode("builder:wrong"));
    let contacts = scene.installation.proxy.requests().len();
    for (authorization, status) in [(&*device, 403), (&wrong, 401), ("Bearer x", 401), ("", 401)] {
        let headers = [("Authorization", authorization), ("Content-Type", "application/json")];
        let answer = scene.server.post("/api/v3/prepare", &headers, &body.to_string());
        assert_eq!(answer.status, status, "{authorization}: {}", answer.text());
        let answer = scene.server.ask("GET", "/api/v3/events", &headers[..1]);
        assert!([401, 403].contains(&answer.status), "{authorization}: {}", answer.status);
    }
    let target =
        format!("/api/v3/status?src={}&dest={}", scene.base.reference, scene.target.reference);
    let other = scene.installation.token(&[&scene.base.repository]);
    let bearer = format!("Bearer {other}");
    assert_eq!(scene.server.ask("GET", &target, &[("Authorization", &bearer)]).status, 403);
    assert_eq!(scene.server.ask("GET", &target, &[]).status, 401);
    assert_eq!(scene.installation.proxy.requests().len(), contacts);
}

#[test]
fn lists_that_make_no_sense_are_400() {
    let scene = Scene::new(&[]);
    let contacts = scene.installation.proxy.requests().len();
    let builder = builder();
    let headers = [("Authorization", builder.as_str()), ("Content-Type", "application/json")];
    let many: Vec<Value> = (0..6000).map(|_| json!({ "src": "a", "dest": "b" })).collect();
    for body in [
        "x".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        json!({ "pairs": [{ "src": "a" }] }).to_string(),
        json!({ "pairs": "a" }).to_string(),
        json!({ "pairs": many }).to_string(),
        json!({ "pairs": [], "unknown": "x".repeat(3 << 20) }).to_string(),
    ] {
        let status = scene.server.post("/api/v3/prepare", &headers, &body).status;
        assert!([400, 413].contains(&status), "{status}");
    }
    assert_eq!(scene.installation.proxy.requests().len(), contacts);
}

#[test]
fn remora_prepare_says_off_a_terminal_what_goes_on_and_how_far_it_is() {
    let scene = Scene::new(&[]);
    scene.fault(Fault::HoldLayers);
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    command.env_clear().env("TOKEN_AUTH_BUILDER_TOKEN", BUILDER_TOKEN);
    command.env("HOME", scene.installation.path(""));
    let server = format!("http://{}", scene.server.address());
    let pair = format!("{}={}", scene.base.reference, scene.target.reference);
    command.args(["prepare", "--server", &server, "--wait", "--progress", "lines", &pair]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut run = command.spawn().expect("remora runs");
    let mut lines = BufReader::new(run.stderr.take().expect("a pipe")).lines();
    let line = lines.next().expect("a line").expect("text");
    assert!(line.starts_with("prepare: 0 %, 0 of 1 done; "), "{line}");
    assert!(line.ends_with(&format!("{} (v3)", pair.replace('=', " -> "))), "{line}");
    scene.fault(Fault::None);
    assert!(run.wait().expect("it ends").success());
}

#[test]
fn remora_prepare_waits_for_a_release() {
    let scene = Scene::new(&[]);
    let second = scene.installation.push_pair(1, &Pair::similar(9, SIZE));
    let run = |src: &str, dest: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
        command.env_clear().env("TOKEN_AUTH_BUILDER_TOKEN", BUILDER_TOKEN);
        command.env("HOME", scene.installation.path(""));
        let server = format!("http://{}", scene.server.address());
        let pair = format!("{src}={dest}");
        command
            .args(["prepare", "--server", &server, "--wait", &pair, &pair])
            .output()
            .expect("remora runs")
    };
    for (src, dest) in [
        (&scene.base.reference, &scene.target.reference),
        (&second.0.reference, &second.1.reference),
    ] {
        let output = run(src, dest);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8_lossy(&output.stdout);
        // Once, though written twice, and nowhere else.
        assert_eq!(text.matches(&format!("ready     {src} -> {dest} (v3)")).count(), 1, "{text}");
        assert!(text.lines().count() == 1 && !errors.contains("note: "), "{text}{errors}");
        assert!(!errors.contains(BUILDER_TOKEN) && !text.contains(BUILDER_TOKEN));
    }
    assert_eq!(status(&scene, "")["status"], "ready");
    let missing = format!("{}/v2/{}", scene.installation.registry_host(), "e".repeat(32));
    assert!(!run(&missing, &scene.target.reference).status.success());
}
