//! Lists of pairs: each is answered by itself, also if the registry alone knows of its delta, or nobody.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{SEEN_LIFE, SIZE, Scene};
use crate::installation::{BUILDER_TOKEN, Fault, Pair, Pushed};

fn post(scene: &Scene, path: &str, pairs: &Value) -> Vec<Value> {
    let builder = format!("Basic {}", STANDARD.encode(format!("builder:{BUILDER_TOKEN}")));
    let headers = [("Authorization", builder.as_str()), ("Content-Type", "application/json")];
    let answer = scene.server.post(path, &headers, &json!({ "pairs": pairs }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["pairs"].as_array().expect("a list").clone()
}

fn status(scene: &Scene, pairs: &Value) -> Vec<Value> {
    post(scene, "/api/v3/status", pairs)
}

fn pair(base: &Pushed, target: &Pushed) -> Value {
    json!({ "src": base.reference, "dest": target.reference })
}

/// Starts the server anew with an empty data folder, so that it knows of no delta.
fn forget(scene: &mut Scene) {
    let folder = scene.installation.path("other").display().to_string();
    scene.restart(&[("REMORA_DATA", &folder)]);
}

fn assert_unknown(pairs: &[Value]) {
    for pair in pairs {
        assert_eq!(pair["status"], "unknown", "{pair}");
        assert!(pair["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{pair}");
    }
}

#[test]
fn each_pair_of_a_list_is_answered_by_itself() {
    let scene = Scene::new(&[]);
    scene.ask_on(3);
    let (_, other) = scene.installation.push_pair(1, &Pair::similar(9, SIZE));
    let host = scene.installation.registry_host();
    let missing = format!("{host}/v2/{}", "f".repeat(32));
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let pairs = json!([
        { "src": src, "dest": missing },
        { "src": src, "dest": dest },
        { "src": src, "dest": dest, "format": "v2" },
        { "src": src, "dest": dest, "format": "v9" },
        { "src": src, "dest": other.reference },
        { "src": "elsewhere.test/v2/a", "dest": dest },
        { "src": src, "dest": dest },
    ]);
    let told = status(&scene, &pairs);
    let states: Vec<&Value> = told.iter().map(|pair| &pair["status"]).collect();
    let expected = ["failed", "ready", "unknown", "failed", "unknown", "failed", "ready"];
    assert_eq!(states, expected);
    for (told, asked) in told.iter().zip(pairs.as_array().expect("a list")) {
        assert_eq!((&told["src"], &told["dest"]), (&asked["src"], &asked["dest"]));
    }
    assert!(!scene.server.log().contains(&other.repository), "nothing is begun");
    assert_eq!(status(&scene, &json!([])), [] as [Value; 0]);
}

#[test]
fn a_delta_that_the_registry_alone_knows_of_is_ready_with_its_sizes() {
    let mut scene = Scene::new(&[]);
    let name = scene.ask_on(3).name();
    let pairs = json!([pair(&scene.base, &scene.target)]);
    let before = status(&scene, &pairs).remove(0);
    forget(&mut scene);
    let after = status(&scene, &pairs).remove(0);
    assert_eq!(after["name"], name.as_str(), "{after}");
    for key in ["status", "size", "pull_size", "source", "target"] {
        assert_eq!(after[key], before[key], "{key}: {after}");
        assert!(!after[key].is_null(), "{key}: {after}");
    }
    let one =
        format!("/api/v3/status?src={}&dest={}", scene.base.reference, scene.target.reference);
    let bearer = format!("Bearer {}", scene.token);
    assert_eq!(scene.server.ask("GET", &one, &[("Authorization", &bearer)]).json(), after);
    assert!(!scene.server.log().contains("job queued"), "nothing is begun");
}

#[test]
fn the_delta_of_another_pair_under_the_same_tag_is_not_taken_for_it() {
    let mut scene = Scene::new(&[]);
    let newer = Pair::similar(1, SIZE - 512).base;
    let newer = scene.installation.push(&scene.base.repository, "newer", &newer);
    let answer = scene.server.delta(3, &newer.reference, &scene.target.reference, &scene.token);
    assert_eq!(answer.name(), scene.usual_name());
    forget(&mut scene);
    let pairs = json!([pair(&scene.base, &scene.target), pair(&newer, &scene.target)]);
    let told = status(&scene, &pairs);
    assert_eq!((&told[0]["status"], &told[1]["status"]), (&json!("unknown"), &json!("ready")));
    assert_eq!(told[0].get("size"), None, "{}", told[0]);
}

#[test]
fn nothing_has_failed_because_the_registry_is_away() {
    let scene = Scene::new(&[("REMORA_REGISTRY_PATIENCE", "2s")]);
    let host = scene.installation.registry_host();
    let latest = |image: &Pushed| format!("{host}/{}:latest", image.repository);
    let pairs = json!([
        pair(&scene.base, &scene.target),
        { "src": latest(&scene.base), "dest": latest(&scene.target) },
    ]);
    for fault in [Fault::Down, Fault::Status(503)] {
        scene.fault(fault);
        std::thread::sleep(SEEN_LIFE);
        // Also when that has lasted for longer than devices are held for it.
        for _ in 0..2 {
            for path in ["/api/v3/status", "/api/v3/prepare"] {
                assert_unknown(&post(&scene, path, &pairs));
            }
            std::thread::sleep(SEEN_LIFE);
        }
        scene.fault(Fault::None);
        while status(&scene, &pairs)[1].get("reason").is_some() {
            std::thread::sleep(SEEN_LIFE);
        }
    }
    assert!(!scene.server.log().contains("job queued"));
}

#[test]
fn deltas_that_find_no_place_in_the_queue_are_asked_for_again() {
    let scene = Scene::new(&[("REMORA_MAX_QUEUE", "1"), ("REMORA_MAX_BUILDS", "1")]);
    let mut pairs = vec![(scene.base.clone(), scene.target.clone())];
    let more = (1..4).map(|number| {
        scene.installation.push_pair(number, &Pair::similar(number as u64 * 10, SIZE))
    });
    pairs.extend(more);
    scene.fault(Fault::HoldLayers);
    let asked: Value = pairs.iter().map(|(base, target)| pair(base, target)).collect();
    post(&scene, "/api/v3/prepare", &asked);
    scene.installation.proxy.until_a_layer_is_read();
    let told = post(&scene, "/api/v3/prepare", &asked);
    let full = told.iter().filter(|pair| pair["status"] == "unknown").cloned();
    let full: Vec<Value> = full.collect();
    assert!(full.len() >= 2, "{told:?}");
    assert_unknown(&full);

    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    command.env_clear().env("TOKEN_AUTH_BUILDER_TOKEN", BUILDER_TOKEN);
    command.env("HOME", scene.installation.path(""));
    let server = format!("http://{}", scene.server.address());
    command.args(["prepare", "--server", &server, "--wait"]);
    command.args(
        pairs.iter().map(|(base, target)| format!("{}={}", base.reference, target.reference)),
    );
    scene.fault(Fault::None);
    let output = command.output().expect("remora runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    for told in status(&scene, &asked) {
        assert_eq!(told["status"], "ready", "{told}");
    }
}
