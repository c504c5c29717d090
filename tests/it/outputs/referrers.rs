//! A delta that is pushed is pushed, whatever becomes of the list that leads from its target to it.

use std::process::{Command, Output};

use crate::images::{Bench, image, noise, tar};
use crate::scripted_server::{Reply, Request, ScriptedServer};

/// What a registry answers, where it is not what usually is.
type Answer = fn(&Request) -> Option<Reply>;

/// How a registry can fail to keep a list of referrers.
const TROUBLE: &[(&str, Answer)] = &[
    ("the tag can't be written", |request| on_list(request, "PUT", Reply::status(403))),
    ("the tag is immutable", |request| on_list(request, "PUT", Reply::status(400))),
    ("the tag can't be read", |request| on_list(request, "GET", Reply::status(403))),
    ("reading fails", |request| on_list(request, "GET", Reply::status(418))),
    ("no JSON is there", |request| on_list(request, "GET", Reply::ok("<html>"))),
    ("an image is there", |request| on_list(request, "GET", Reply::ok(IMAGE))),
    ("a huge list is there", |request| on_list(request, "GET", Reply::ok(vec![b' '; 5 << 20]))),
];

const IMAGE: &str = r#"{"schemaVersion":2,"layers":[],"config":{"size":2,
    "mediaType":"application/vnd.oci.image.config.v1+json","digest":
    "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}}"#;

fn on_list(request: &Request, method: &str, reply: Reply) -> Option<Reply> {
    request.is(method, "/manifests/sha256-").then_some(reply)
}

fn create(bench: &Bench, output: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    command.arg("create").args(["base", "target"].map(|tag| bench.reference(tag).to_string()));
    command.args(["--output", output, "--manifest", "oci", "--json", "--store"]);
    command.arg(bench.store.path()).output().expect("remora runs")
}

#[test]
fn trouble_with_the_list_of_referrers_is_a_note() {
    let bench = Bench::new();
    for (tag, seed) in [("base", 1), ("target", 2)] {
        bench.put(tag, &image().layer(&tar(&[("file", &noise(seed, 1_000))])).build());
    }
    for (why, trouble) in TROUBLE {
        let server = ScriptedServer::taking_everything(trouble);
        let output = format!("{}/app:delta", server.address());
        let ran = create(&bench, &output);
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(0), "{why}: {stderr}");
        assert!(stderr.starts_with("note: ") && stderr.contains("not listed"), "{why}: {stderr}");
        let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        assert_eq!(answer["output"], output, "{why}");
        assert_eq!(server.requests_to("PUT", "/manifests/delta").len(), 1, "{why}");
    }
}
