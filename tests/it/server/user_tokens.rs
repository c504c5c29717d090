//! Deltas that users have made ahead, with tokens of their own for the registry.

use serde_json::{Value, json};

use super::{SIZE, Scene, assert_applies};
use crate::installation::{Answer, Claims, Pair};

const PULL: &[&str] = &["pull"];
const PUSH: &[&str] = &["push"];
const BOTH: &[&str] = &["pull", "push"];

/// A user's token with these actions on repositories.
fn token(scene: &Scene, access: &[(&str, &[&str])]) -> String {
    let granted = access
        .iter()
        .map(|(name, actions)| json!({ "type": "repository", "name": name, "actions": actions }));
    let claims = Claims::new(&scene.installation.registry_host(), &[])
        .with("sub", json!("ann"))
        .with("access", granted.collect());
    scene.installation.api.token(&claims)
}

fn post(scene: &Scene, path: &str, token: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    scene.server.post(path, &headers, &body.to_string())
}

fn pair(scene: &Scene) -> Value {
    json!({ "src": scene.base.reference, "dest": scene.target.reference })
}

/// Asks until a delta is neither queued nor being made.
fn done(scene: &Scene, token: &str, body: &Value) -> Vec<Value> {
    loop {
        let answer = post(scene, "/api/v3/status", token, body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let pairs = answer.json()["pairs"].as_array().expect("a list").clone();
        if !pairs.iter().any(|pair| ["pending", "preparing"].contains(&text(pair))) {
            return pairs;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn text(pair: &Value) -> &str {
    pair["status"].as_str().expect("a state")
}

#[test]
fn whoever_may_push_the_target_has_its_delta_made_ahead() {
    let scene = Scene::new(&[("REMORA_GRACE", "1s")]);
    let (src, dest) = (&*scene.base.repository, &*scene.target.repository);
    let token = token(&scene, &[(src, PULL), (dest, BOTH)]);
    let body = json!({ "pairs": [pair(&scene)] });
    let answer = post(&scene, "/api/v3/prepare", &token, &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(text(&answer.json()["pairs"][0]), "pending");
    let ready = &done(&scene, &token, &body)[0];
    assert_eq!(ready["name"], scene.usual_name().as_str(), "{ready}");
    assert_applies(&scene.installation, &scene.usual_name(), &scene.base, &scene.target);
}

#[test]
fn whoever_may_only_pull_has_no_delta_made_ahead() {
    let scene = Scene::new(&[]);
    let (src, dest) = (&*scene.base.repository, &*scene.target.repository);
    let contacts = scene.installation.proxy.requests().len();
    for (access, may_watch) in [
        (&[(src, PULL), (dest, PULL)][..], 200),
        (&[(src, BOTH), (dest, PULL)][..], 200),
        (&[(src, PUSH), (dest, BOTH)][..], 403),
        (&[(dest, BOTH)][..], 403),
        (&[][..], 403),
    ] {
        let token = token(&scene, access);
        // One that is permitted keeps nobody from hearing of the other.
        let body = json!({ "pairs": [pair(&scene)] });
        let answer = post(&scene, "/api/v3/prepare", &token, &body);
        assert_eq!(answer.status, 403, "{access:?}: {}", answer.text());
        assert_eq!(post(&scene, "/api/v3/status", &token, &body).status, may_watch, "{access:?}");
    }
    assert!(!scene.server.log().contains("job queued"));
    // The status of what may be pulled is looked up in the registry, and nothing else is.
    let repository = |line: &String| line.contains(&scene.target.repository);
    let asked = &scene.installation.proxy.requests()[contacts..];
    assert!(asked.iter().all(repository), "{asked:?}");
}

#[test]
fn several_tokens_count_together() {
    let scene = Scene::new(&[]);
    let second = scene.installation.push_pair(1, &Pair::similar(9, SIZE));
    let tokens = [
        token(&scene, &[(&scene.base.repository, PULL)]),
        token(&scene, &[(&scene.target.repository, BOTH), (&second.0.repository, PULL)]),
        token(&scene, &[(&second.1.repository, PUSH)]),
        token(&scene, &[(&second.1.repository, PULL)]),
    ];
    let pairs = json!([
        pair(&scene),
        { "src": second.0.reference, "dest": second.1.reference },
    ]);
    let body = |tokens: &[String]| json!({ "pairs": pairs, "tokens": tokens });
    let answer = post(&scene, "/api/v3/prepare", &tokens[0], &body(&tokens[1..2]));
    assert_eq!(answer.status, 403, "{}", answer.text());
    let answer = post(&scene, "/api/v3/prepare", &tokens[0], &body(&tokens[1..3]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    // To have a delta made one must push to its place; to hear of it, pull from there.
    assert_eq!(post(&scene, "/api/v3/status", &tokens[0], &body(&tokens[1..3])).status, 403);
    for pair in done(&scene, &tokens[0], &body(&tokens[1..])) {
        assert_eq!(text(&pair), "ready", "{pair}");
    }
}

#[test]
fn one_token_that_does_not_hold_makes_the_list_nobodys() {
    let scene = Scene::new(&[]);
    let good = token(&scene, &[(&scene.base.repository, PULL), (&scene.target.repository, BOTH)]);
    let claims = Claims::new(&scene.installation.registry_host(), &[]);
    let expired = scene.installation.api.token(&claims.with("exp", json!(1_000_000_000)));
    let contacts = scene.installation.proxy.requests().len();
    for bad in [&*expired, "x", "", &format!("{good}x")] {
        let body = json!({ "pairs": [pair(&scene)], "tokens": [good, bad] });
        for path in ["/api/v3/prepare", "/api/v3/status"] {
            let answer = post(&scene, path, &good, &body);
            assert_eq!(answer.status, 401, "{path} {bad}: {}", answer.text());
            assert!(!answer.text().contains(&good));
        }
    }
    let many = json!({ "pairs": [pair(&scene)], "tokens": vec![&good; 101] });
    assert_eq!(post(&scene, "/api/v3/prepare", &good, &many).status, 400);
    assert!(!scene.server.log().contains("job queued"));
    assert_eq!(scene.installation.proxy.requests().len(), contacts);
}

#[test]
fn whoever_has_no_builder_credential_does_not_take_another_fleets_turn() {
    let scene = Scene::new(&[]);
    let good = token(&scene, &[(&scene.base.repository, PULL), (&scene.target.repository, BOTH)]);
    let body = json!({ "pairs": [pair(&scene)], "fleet": "other/fleet" });
    assert_eq!(post(&scene, "/api/v3/prepare", &good, &body).status, 200);
    done(&scene, &good, &body);
    let log = scene.server.log();
    let line = log.lines().find(|line| line.contains("job queued")).expect("a job");
    assert!(line.contains(&format!("\"fleet\":\"{}\"", scene.target.repository)), "{line}");
}
