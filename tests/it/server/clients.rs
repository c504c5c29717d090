//! The programs that really ask: balenahup's curl, and the packages of balena-supervisor.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Scene, assert_applies};
use crate::installation::{Exchange, Fault, Pair};
use crate::sample_image::SampleImage;
use crate::scripted_server::{Reply, Request, ScriptedServer};
use crate::tools;
use crate::v2::folder::differences;
use crate::v2::layers::Unpacked;

/// The packages that a supervisor applies v2 deltas with.
const PACKAGES: &str = r#"{ "private": true, "dependencies": { "docker-delta": "4.1.0", "resumable-request": "2.0.1" } }"#;

#[test]
fn balenahup_gets_a_name_after_as_many_tries_as_it_takes() {
    let scene = Scene::new(&[("REMORA_LONG_POLL", "1s")]);
    scene.fault(Fault::HoldLayers);
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let url = format!("http://{}/api/v3/delta?src={src}&dest={dest}", scene.server.address());
    let bearer = format!("Authorization: Bearer {}", scene.token);
    let arguments =
        ["--retry", "10", "--fail", "--location", "--silent", "--header", &bearer, &url];
    let mut curl = Command::new("curl");
    let curl = curl.args(arguments).stdout(std::process::Stdio::piped()).spawn();
    let curl = curl.unwrap_or_else(|error| tools::missing("curl", &error));
    while !scene.server.ask("GET", "/metrics", &[]).text().contains("status=\"504\"") {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    scene.fault(Fault::None);
    let output = curl.wait_with_output().expect("curl ran");
    assert!(output.status.success(), "{}", output.status);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    let name = answer["name"].as_str().expect("a name");
    assert_applies(&scene.installation, name, &scene.base, &scene.target);

    // Where there is no delta, it must get nothing that it could read a name from.
    for (src, token, code) in [("1234", scene.token.as_str(), 22), (src, "x", 22)] {
        let url = format!("http://{}/api/v3/delta?src={src}&dest={dest}", scene.server.address());
        let bearer = format!("Authorization: Bearer {token}");
        let output = tools::output(
            "curl",
            &["--retry", "10", "--fail", "--location", "--silent", "--header", &bearer, &url],
        );
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0));
    }
}

#[test]
fn the_supervisors_packages_fetch_and_apply_a_v2_delta() {
    let folder = tempfile::tempdir().expect("a folder");
    install_packages(folder.path());
    let (base, target) = (Pair::similar(1, 400_000).base, Pair::similar(2, 400_000).target);
    let scene = Scene::with(&Pair { base, target }, &[]);
    let answer = scene.ask_on(2);
    let url = answer.header("location").expect("a location").to_owned();
    let unpacked = |image: &SampleImage| {
        let tars: Vec<&[u8]> = image.tars.iter().map(Vec::as_slice).collect();
        Unpacked::new(&tars).expect("a tree")
    };
    let (old, new) = (unpacked(&scene.base.image), unpacked(&scene.target.image));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/server/device.cjs");
    let beside_packages = folder.path().join("device.cjs");
    std::fs::copy(script, &beside_packages).expect("copied");
    let text = |path: &Path| path.display().to_string();
    // docker-delta takes it for a failure if rsync has ended before its pipe is closed, which is a
    // matter of luck; a supervisor tries again, and so do we.
    const TRIES: usize = 5;
    let attempt = |number: usize| {
        let work = folder.path().join(format!("engine-{number}"));
        std::fs::create_dir(&work).expect("created");
        let arguments = [text(&beside_packages), url.clone(), text(&old.root()), text(&work)];
        let output = tools::output("node", &arguments.each_ref().map(String::as_str));
        let errors = String::from_utf8_lossy(&output.stderr);
        let done = output.status.success();
        assert!(done || errors.contains("ERR_STREAM_PREMATURE_CLOSE"), "{errors}");
        done.then(|| (String::from_utf8_lossy(&output.stdout).into_owned(), work))
    };
    let (said, work) = (0..TRIES).find_map(attempt).expect("an update");
    assert!(said.contains("applied ") && said.contains(r#""Cmd":["sh"]"#), "{said}");
    let found = differences(&work.join("target"), &new.root());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_download_that_loses_its_connection_goes_on_where_it_was() {
    let pair =
        Pair { base: Pair::similar(1, 90_000).base, target: Pair::similar(2, 90_000).target };
    let scene = Scene::with(&pair, &[]);
    let url = scene.ask_on(2).header("location").expect("a location").to_owned();
    let address = scene.server.address();
    let target = url.split_once(&address).expect("its own address").1.to_owned();
    let whole = scene.server.ask("GET", &target, &[]).body;
    let link = ScriptedServer::start(move |request| over_a_bad_link(request, &address));

    let file = scene.installation.path("download").display().to_string();
    let url = format!("http://{}{target}", link.address());
    let resume =
        ["--silent", "--show-error", "--fail", "--continue-at", "-", "--output", &file, &url];
    for code in [18, 18, 0] {
        assert_eq!(tools::output("curl", &resume).status.code(), Some(code));
    }
    assert!(std::fs::read(&file).expect("a file") == whole);
    let ranges = link.requests().iter().filter(|request| request.header("range").is_some()).count();
    assert_eq!(ranges, 2);
}

/// Puts the packages into a folder.
fn install_packages(folder: &Path) {
    std::fs::write(folder.join("package.json"), PACKAGES).expect("written");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]);
    let output = npm.current_dir(folder).output();
    let output = output.unwrap_or_else(|error| tools::missing("npm", &error));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm install failed, it needs its registry: {errors}");
}

/// Passes a request on, and loses the connection after a third of the first answers.
fn over_a_bad_link(request: &Request, server: &str) -> Reply {
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("range"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let exchange = Exchange::send(server, &request.method, &request.path, &headers, b"");
    let answer = exchange.expect("the server is there").answer();
    let mut reply = Reply::status(answer.status);
    for (name, value) in &answer.headers {
        if !["connection", "content-length", "date"].contains(&name.as_str()) {
            reply = reply.header(name, value);
        }
    }
    let len = answer.body.len();
    let reply = reply.body(answer.body);
    if request.earlier < 2 { reply.cut_to(len / 3) } else { reply }
}
