//! The stand-in's answers are those that open-balena-api 49 gave to the same queries on the same rows.

use serde::Deserialize;
use serde_json::Value;

use super::USER;
use super::trials::send;
use crate::installation::Api;

/// A query and what came.
#[derive(Deserialize)]
struct Recorded {
    path: String,
    status: u16,
    rows: Value,
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("recorded/answers.json")).expect("recorded answers")
}

fn digest(number: u64) -> String {
    format!("sha256:{number:064x}")
}

fn commit(letter: char) -> String {
    format!("aaa{letter:0<37}")
}

/// The rows that the answers were recorded with.
fn fill(api: &Api) {
    let api = &api.openbalena;
    let [first, other, third] = ["org/fleet", "org/other", "org/third"].map(|slug| api.fleet(slug));
    api.archive_fleet(other);
    let location = |number: u64| format!("registry.example.com/v2/{number:032x}");
    let release = |fleet, letter, second: &str| {
        let updated = format!("2026-11-28T12:48:{second}Z");
        api.release(fleet, &commit(letter)).version("1.0.0").updated(&updated)
    };
    let one = release(first, 'b', "50.756")
        .image("web", &location(1), Some(&digest(1)), 123_456)
        .image("db", &location(2), None, 0)
        .without_size()
        .add();
    let two = release(first, 'c', "50.936")
        .image("web", &location(3), Some(&digest(2)), 5_000_000_000)
        .image("db", &location(4), Some(&digest(3)), 77)
        .add();
    release(first, 'd', "51.010")
        .version("1.2.0")
        .draft()
        .created(1_795_870_131_010)
        .image("web", &location(5), Some(&digest(4)), 9)
        .tag("remora-finalize")
        .tag("other")
        .add();
    release(first, 'e', "51.100").version("1.3.0").status("failed").add();
    let last = release(third, 'b', "51.166").image("web", &location(6), Some(&digest(1)), 1).add();
    api.device(first)
        .runs(one)
        .os("balenaOS 2.50.1+rev1")
        .config_variable("BALENA_SUPERVISOR_DELTA_VERSION", "3")
        .config_variable("BALENA_SUPERVISOR_DELTA", "1")
        .add();
    api.device(first).runs(two).pinned(one).add();
    api.device(first).add();
    api.device(third).runs(last).add();
    api.config_variable(first, "BALENA_SUPERVISOR_DELTA_VERSION", "2");
    api.config_variable(first, "BALENA_SUPERVISOR_DELTA", "1");
    api.environment_variable(third, "REMORA_LINK_RATE", "1M");
    api.environment_variable(first, "REMORA_LINK_RATE", "2M");
    api.environment_variable(first, "OTHER", "x");
}

#[test]
fn answers_are_those_of_the_real_api() {
    let api = Api::start();
    fill(&api);
    let token = api.openbalena.api_key(USER);
    for Recorded { path, status, rows } in recorded() {
        let (given, text) = send(&api, &token, "GET", &path, "");
        assert_eq!(given, status, "{path}: {text}");
        if given == 200 {
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(answer["d"], rows, "{path}");
        }
    }
}

#[test]
fn strangers_see_no_releases_and_may_not_ask_for_devices() {
    let api = Api::start();
    fill(&api);
    for Recorded { path, status, .. } in recorded() {
        let (given, text) = send(&api, "x", "GET", &path, "");
        let public = ["release", "application("].iter().any(|name| path[4..].starts_with(name))
            || path[4..].starts_with("application?");
        let expected = if public { (200, r#"{"d":[]}"#) } else { (401, "") };
        if status == 200 {
            assert_eq!((given, text.as_str()), expected, "{path}");
        }
    }
}
