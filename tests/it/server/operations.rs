//! What whoever runs the server sees of it.

use std::io::{Read as _, Write as _};
use std::process::Command;

use serde_json::Value;

use super::Scene;
use crate::installation::{BUILDER_TOKEN, Fault, Installation, ServerProcess};
use crate::registry_server::Identity;

#[test]
fn it_says_whether_it_is_alive_and_ready() {
    let scene = Scene::new(&[]);
    assert_eq!(scene.server.ask("GET", "/readyz", &[]).status, 200);
    scene.fault(Fault::Down);
    // What is known of the registry may be a few seconds old.
    const TRIES: usize = 600;
    let until = |status: u16| {
        (0..TRIES).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            scene.server.ask("GET", "/readyz", &[]).status == status
        })
    };
    assert!(until(503));
    assert_eq!(scene.server.ask("GET", "/healthz", &[]).status, 200);
    scene.fault(Fault::None);
    assert!(until(200));
}

#[test]
fn metrics_tell_what_is_on_disk() {
    let scene = Scene::new(&[]);
    assert_eq!(scene.ask_on(2).status, 302);
    // The disk is looked at some seconds after a build.
    const TRIES: usize = 200;
    let told = (0..TRIES).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let text = scene.server.ask("GET", "/metrics", &[]).text();
        metric(&text, "remora_store_bytes") > 0.0 && metric(&text, "remora_artifacts_bytes") > 0.0
    });
    assert!(told);
}

/// The value of a metric whose line starts like this.
fn metric(text: &str, start: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(start));
    let line = line.unwrap_or_else(|| panic!("no {start} in\n{text}"));
    line.rsplit(' ').next().expect("a value").parse().expect("a number")
}

#[test]
fn metrics_count_what_happens() {
    let scene = Scene::new(&[]);
    assert_eq!(scene.ask_on(3).status, 200);
    assert_eq!(scene.ask_on(2).status, 302);
    assert_eq!(scene.server.delta(3, "1", "2", &scene.token).status, 400);
    assert_eq!(
        scene.server.delta(3, &scene.base.reference, &scene.target.reference, "x").status,
        401
    );
    // Builds are counted a moment after whoever waits is answered.
    const TRIES: usize = 500;
    let text = (0..TRIES).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let answer = scene.server.ask("GET", "/metrics", &[]);
        assert_eq!(answer.status, 200);
        let text = answer.text();
        let counts = |format| text.contains(&format!("build_seconds_count{{format=\"{format}\"}}"));
        (counts("v2") && counts("v3")).then_some(text)
    });
    let text = text.expect("builds are counted");
    let counted = |status: &str| {
        let lines = text.lines().filter(|line| line.starts_with("remora_requests_total{"));
        let lines = lines.filter(|line| line.contains(&format!("status=\"{status}\"")));
        lines
            .map(|line| line.rsplit(' ').next().expect("a value").parse::<u64>().expect("a number"))
            .sum::<u64>()
    };
    assert_eq!((counted("400"), counted("401"), counted("302")), (1, 1, 1), "{text}");
    let builds: f64 = ["v2", "v3"]
        .iter()
        .map(|format| metric(&text, &format!("remora_build_seconds_count{{format=\"{format}\"}}")))
        .sum();
    assert!((builds - 2.0).abs() < f64::EPSILON, "{text}");
    assert!(metric(&text, "remora_saved_bytes_total") > 0.0);
    assert!(metric(&text, "remora_queue ") < 1.0);
    for secret in [BUILDER_TOKEN, &scene.token, &scene.base.repository] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn secrets_are_never_in_logs() {
    let scene = Scene::new(&[
        ("REMORA_DOWNLOAD_KEY", "0123456789-download-key-0123456789"),
        ("REMORA_LOG", "debug"),
    ]);
    assert_eq!(scene.ask_on(3).status, 200);
    let answer = scene.ask_on(2);
    let url = answer.header("location").expect("a location").to_owned();
    let target = url.split_once(&scene.server.address()).expect("an address").1.to_owned();
    assert_eq!(scene.server.ask("GET", &target, &[]).status, 200);
    scene.server.delta(3, &scene.base.reference, &scene.target.reference, "wrong.token.here");
    scene.fault(Fault::Status(500));
    scene.ask(3);
    scene.fault(Fault::Down);
    scene.server.terminate();
    let mut scene = scene;
    let (_, log) = scene.server.wait();
    let signature = target.split("signature=").nth(1).expect("a signature");
    let parts: Vec<&str> = scene.token.split('.').collect();
    for secret in [BUILDER_TOKEN, "download-key", signature, parts[2], parts[1], "wrong.token"] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
    assert!(!log.is_empty());
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn a_server_whose_log_nobody_reads_goes_on_and_counts_what_it_drops() {
    const REQUESTS: usize = 3_000;
    let installation = Installation::new();
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut server = ServerProcess::start_with_log(writer, &installation.environment(&[]));
    for _ in 0..REQUESTS {
        assert_eq!(server.ask("GET", "/nowhere", &[]).status, 404);
    }
    let read = std::thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).map(|_| log).expect("text")
    });
    assert_eq!(server.ask("GET", "/nowhere", &[]).status, 404);
    server.terminate();
    server.wait();
    let log = read.join().expect("no panic");
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let dropped = lines.filter_map(|line| line["lines"].as_u64()).sum::<u64>();
    let told = log.matches("\"answered\"").count() as u64;
    assert!(dropped > 0 && dropped + told > REQUESTS as u64, "{dropped} dropped, {told} told");
}

#[test]
fn a_server_that_cannot_start_ends_though_nobody_reads_its_log() {
    let installation = Installation::new();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let filler = std::thread::spawn({
        let mut writer = writer.try_clone().expect("another end");
        move || while writer.write_all(&[b'x'; 4096]).is_ok() {}
    });
    // The pipe holds 64 KiB; a moment later it is full.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let mut environment = installation.environment(&[]);
    environment.retain(|(name, _)| name != "REMORA_DATA");
    environment.push(("REMORA_DATA".to_owned(), "/proc/nowhere".to_owned()));
    let (status, _) =
        ServerProcess::spawn_with_log(writer.try_clone().expect("another end"), &environment)
            .wait();
    assert_eq!(status.code(), Some(3));
    drop(reader);
    let _ = writer.flush();
    drop(writer);
    filler.join().expect("no panic");
}

#[test]
fn a_request_can_be_followed_into_its_build() {
    let scene = Scene::new(&[]);
    let target =
        format!("/api/v3/delta?src={}&dest={}", scene.base.reference, scene.target.reference);
    let bearer = format!("Bearer {}", scene.token);
    let answer = scene.server.ask("GET", &target, &[("Authorization", &bearer)]);
    assert_eq!(answer.status, 200);
    let id = answer.header("x-request-id").expect("a request ID").to_owned();
    let log = scene.server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id)).collect();
    assert!(!lines.is_empty(), "{id} in\n{log}");
}

#[test]
fn the_openapi_document_names_the_routes() {
    let scene = Scene::new(&[]);
    let document = ["/openapi.json", "/api/openapi.json", "/api/v3/openapi.json"]
        .iter()
        .map(|path| scene.server.ask("GET", path, &[]))
        .find(|answer| answer.status == 200)
        .expect("it is served")
        .json();
    for path in [
        "/api/v3/delta",
        "/api/v2/delta",
        "/api/v3/prepare",
        "/api/v3/status",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    for method in ["get", "post"] {
        assert!(document["paths"]["/api/v3/status"][method].is_object(), "{method}");
    }
}

#[test]
fn the_configuration_is_printed_without_secrets() {
    let installation = Installation::new();
    let key = "0123456789-download-key-0123456789";
    let file = installation.write("remora.toml", "long-poll = \"7s\"\nmax-builds = 5\n");
    let output = Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["serve", "--print-config", "--max-builds", "3", "--config"])
        .arg(&file)
        .env_clear()
        .envs(installation.environment(&[("REMORA_DOWNLOAD_KEY", key)]))
        .output()
        .expect("remora runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(!text.contains(BUILDER_TOKEN) && !text.contains(key), "{text}");
    let host = format!("registry = \"{}\"", installation.registry_host());
    for line in [
        "long-poll = \"7s\"",
        "max-builds = 3",
        "tld = \"openbalena.test\"",
        &host,
        "builder-token = \"(secret)\"",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn defaults_are_those_that_clients_and_installations_count_on() {
    let output = Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["serve", "--print-config"])
        .env_clear()
        .env("BALENA_TLD", "openbalena.test")
        .output()
        .expect("remora runs");
    let text = String::from_utf8(output.stdout).expect("text");
    for line in [
        "listen = \"0.0.0.0:80\"",
        "registry = \"registry.openbalena.test\"",
        "token-audience = \"registry.openbalena.test\"",
        "token-issuer = \"api.openbalena.test\"",
        "token-algorithm = \"ES256\"",
        "data = \"/delta-rsync\"",
        // Clients give up after 30 s, on old devices, and builders after 15 minutes.
        "long-poll = \"25s\"",
        "wait = \"15m\"",
        "insecure-no-auth = false",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

/// Starts a server that must refuse to run, and gives what it said.
fn refusal(installation: &Installation, settings: &[(&str, &str)]) -> String {
    let mut server = ServerProcess::spawn(&installation.environment(settings));
    let (status, log) = server.wait();
    assert!(status.code().is_some_and(|code| code != 0), "{status}\n{log}");
    assert!(!log.contains(BUILDER_TOKEN));
    log
}

#[test]
fn it_does_not_start_without_a_key_or_with_half_of_what_it_needs() {
    let installation = Installation::new();
    installation.write("no.pem", "no key\n");
    let no_key = installation.path("no.pem").display().to_string();
    let gone = installation.path("gone.pem").display().to_string();
    let log = refusal(&installation, &[("REMORA_TOKEN_KEYS", &gone)]);
    assert!(log.contains("gone.pem"), "{log}");
    let log = refusal(&installation, &[("REMORA_TOKEN_KEYS", &no_key)]);
    assert!(log.contains("no.pem"), "{log}");
    refusal(&installation, &[("JWT_ALGO", "none")]);
    refusal(&installation, &[("JWT_ALGO", "HS256")]);
    refusal(&installation, &[("REMORA_TLS_CERTIFICATE", &no_key)]);
    refusal(&installation, &[("REMORA_LONG_POLL", "soon")]);

    // No certificate where openBalena has it: open-balena-delta would let anybody in.
    let environment = installation.environment(&[]);
    let environment: Vec<_> =
        environment.into_iter().filter(|(name, _)| name != "REMORA_TOKEN_KEYS").collect();
    let mut server = ServerProcess::spawn(&environment);
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("/certs/private/api.openbalena.test.pem"), "{log}");
    assert!(log.contains("--insecure-no-auth"), "{log}");
}

#[test]
fn without_authentication_anybody_is_let_in() {
    let installation = Installation::new();
    let (base, target) =
        installation.push_pair(0, &crate::installation::Pair::similar(1, super::SIZE));
    let server = installation.serve(&[("REMORA_INSECURE_NO_AUTH", "true")]);
    let path = format!("/api/v3/delta?src={}&dest={}", base.reference, target.reference);
    assert_eq!(server.ask("GET", &path, &[]).status, 200);
    assert!(server.log().to_lowercase().contains("auth"), "it warns of that");
}

#[test]
fn it_speaks_tls_by_itself() {
    let installation = Installation::new();
    let (base, target) =
        installation.push_pair(0, &crate::installation::Pair::similar(1, super::SIZE));
    let token = installation.token(&[&base.repository, &target.repository]);
    let identity = Identity::new();
    let certificate = installation.write("tls.pem", &identity.certificate).display().to_string();
    let key = installation.write("tls.key", &identity.key).display().to_string();
    let environment = installation
        .environment(&[("REMORA_TLS_CERTIFICATE", &certificate), ("REMORA_TLS_KEY", &key)]);
    let server = ServerProcess::spawn(&environment);
    let url = format!(
        "https://{}/api/v2/delta?src={}&dest={}&wait=true",
        server.address(),
        base.reference,
        target.reference
    );
    let bearer = format!("Authorization: Bearer {token}");
    let printed = crate::tools::run(
        "curl",
        &[
            "--silent",
            "--show-error",
            "--fail",
            "--retry",
            "20",
            "--retry-connrefused",
            "--retry-delay",
            "1",
            "--cacert",
            &certificate,
            "--header",
            &bearer,
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code} %{redirect_url}",
            &url,
        ],
    );
    let origin = format!("302 https://{}/api/v2/", server.address());
    assert!(printed.starts_with(&origin), "{printed}");
}
