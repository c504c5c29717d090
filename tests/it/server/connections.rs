//! Connections: those that say nothing go, and there are never more than the machine bears.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::{SIZE, Scene, assert_applies};
use crate::installation::{Exchange, Fault, Installation, Pair, ServerProcess};
use crate::registry_server::free_port;
use crate::tools;

/// A little longer than whoever connects is left alone.
const GRACE: Duration = Duration::from_millis(2_200);
/// Longer than any silent connection is kept, and shorter than a test may hang.
const PATIENCE: Duration = Duration::from_secs(90);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame (RFC 9113, section 6.5).
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

fn connect(server: &ServerProcess) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

/// Whether the server ends the connection within the test's patience, whatever it says before.
fn is_closed(mut stream: TcpStream) -> bool {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => true,
        Err(error) => {
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        }
    }
}

#[test]
fn a_connection_that_makes_no_request_is_closed() {
    let installation = Installation::new();
    let server = installation.serve(&[]);
    let openings: [&[u8]; 7] = [
        b"",
        b"G",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n",
        &PREFACE[..9],
        PREFACE,
        &[PREFACE, SETTINGS].concat(),
        // A TLS client's hello, where plain HTTP is spoken.
        b"\x16\x03\x01\x00\xff\x01",
    ];
    let silent = openings.map(|opening| {
        let mut stream = connect(&server);
        stream.write_all(opening).expect("sent");
        stream
    });
    let mut trickling = connect(&server);
    let trickle = std::thread::spawn(move || {
        trickling.set_read_timeout(Some(Duration::from_millis(500))).expect("set");
        (0..PATIENCE.as_secs() * 2).any(|_| {
            trickling.write_all(b"A").is_err() || matches!(trickling.read(&mut [0]), Ok(0))
        })
    });
    std::thread::scope(|scope| {
        for (stream, opening) in silent.into_iter().zip(openings) {
            scope.spawn(move || assert!(is_closed(stream), "{opening:?}"));
        }
    });
    assert!(trickle.join().expect("no panic"), "a byte now and then");
    let metrics = server.ask("GET", "/metrics", &[]).text();
    let line =
        metrics.lines().find(|line| line.contains("connections_closed_total{reason=\"silent"));
    assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
}

#[test]
fn a_connection_that_is_kept_for_a_request_that_never_comes_is_closed() {
    let installation = Installation::new();
    let server = installation.serve(&[]);
    let mut stream = connect(&server);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server closes it");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_request_is_answered_however_its_first_bytes_come() {
    let installation = Installation::new();
    let server = installation.serve(&[]);
    // The last one begins as HTTP/2 does.
    for method in ["GET", "POST", "PRINT"] {
        for first in 1..=3 {
            let mut stream = connect(&server);
            stream.set_nodelay(true).expect("set");
            let head =
                format!("{method} /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let (start, rest) = head.split_at(first);
            stream.write_all(start.as_bytes()).expect("sent");
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(rest.as_bytes()).expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("answered");
            assert!(answer.starts_with("HTTP/1.1 404"), "{method} {first}: {answer}");
        }
    }
    let url = format!("http://{}/healthz", server.address());
    for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let written =
            ["--silent", "--write-out", "\n%{http_version} %{http_code}", option, url.as_str()];
        let said = tools::run("curl", &written);
        assert_eq!(said.lines().last(), Some(format!("{version} 200").as_str()));
    }
}

#[test]
fn a_handshake_that_stops_half_way_is_closed() {
    let installation = Installation::new();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let chain = installation.write("chain.pem", &certificate.cert.pem());
    let key = installation.write("key.pem", &certificate.signing_key.serialize_pem());
    let mut environment = installation.environment(&[]);
    for (name, file) in [("REMORA_TLS_CERTIFICATE", chain), ("REMORA_TLS_KEY", key)] {
        environment.push((name.to_owned(), file.to_str().expect("text").to_owned()));
    }
    let server = ServerProcess::spawn(&environment);
    let stream = (0..400).find_map(|_| {
        std::thread::sleep(Duration::from_millis(25));
        TcpStream::connect(server.address()).ok()
    });
    let mut stream = stream.unwrap_or_else(|| panic!("{}", server.log()));
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.write_all(b"\x16\x03\x01\x00\xff\x01").expect("sent");
    assert!(is_closed(stream));
}

#[test]
fn whoever_says_nothing_makes_room_for_who_asks() {
    let installation = Installation::new();
    let by_address = installation.serve(&[("REMORA_MAX_QUIET_CONNECTIONS", "5")]);
    let of_all = installation_with_few_connections();
    for server in [&by_address, &of_all.server] {
        let first = connect(server);
        let is_well = || assert_eq!(server.ask("GET", "/healthz", &[]).status, 200);
        is_well();
        let silent: Vec<TcpStream> = (0..7).map(|_| connect(server)).collect();
        // Nobody is taken for silent who may have a request on the way.
        std::thread::sleep(GRACE);
        let mut youngest = connect(server);
        is_well();
        assert!(is_closed(first), "the one that was silent longest");
        drop(silent);
        youngest
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .expect("sent");
        let mut answer = String::new();
        youngest.read_to_string(&mut answer).expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn installation_with_few_connections() -> Scene {
    Scene::new(&[("REMORA_MAX_CONNECTIONS", "8")])
}

#[test]
fn a_trusted_proxy_may_have_any_number_of_quiet_connections() {
    let installation = Installation::new();
    let server = installation
        .serve(&[("REMORA_MAX_QUIET_CONNECTIONS", "2"), ("REMORA_TRUSTED_PROXIES", "127.0.0.0/8")]);
    let quiet: Vec<TcpStream> = (0..20).map(|_| connect(&server)).collect();
    assert_eq!(server.ask("GET", "/healthz", &[]).status, 200);
    for mut stream in quiet {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn beyond_the_limit_who_asks_is_told_to_come_again_and_who_waits_is_answered() {
    let scene = installation_with_few_connections();
    scene.fault(Fault::HoldLayers);
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let waiting: Vec<Exchange> =
        (0..8).map(|_| scene.server.begin_delta(3, src, dest, &scene.token)).collect();
    scene.installation.proxy.until_a_layer_is_read();
    let refused = scene.ask(3);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    scene.fault(Fault::None);
    for exchange in waiting {
        assert_eq!(exchange.answer().status, 200);
    }
    assert_eq!(scene.ask(3).status, 200);
}

#[test]
fn many_who_wait_leave_files_enough_to_build() {
    const FILES: u32 = 128;
    let installation = Installation::new();
    let (base, target) = installation.push_pair(0, &Pair::similar(1, SIZE));
    let token = installation.token(&[&base.repository, &target.repository]);
    let environment = installation.environment(&[("REMORA_RATE_LIMIT", "0")]);
    let server = ServerProcess::start_with_files(FILES, &environment);
    installation.proxy.set(Fault::HoldLayers);
    let waiting: Vec<Exchange> = (0..FILES * 2)
        .map(|_| server.begin_delta(3, &base.reference, &target.reference, &token))
        .collect();
    installation.proxy.until_a_layer_is_read();
    installation.proxy.set(Fault::None);
    let mut answered = 0;
    for exchange in waiting {
        let mut bytes = Vec::new();
        // Those beyond the limit are told so, or not even that.
        let _ = exchange.into_stream().read_to_end(&mut bytes);
        match bytes.get(9..12) {
            Some(b"200") => answered += 1,
            Some(b"503") | None => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(answered >= FILES / 4, "{answered} of those who waited");
    let answer = server.delta(3, &base.reference, &target.reference, &token);
    assert_applies(&installation, &answer.name(), &base, &target);
    assert!(!server.log().contains("Too many open files"), "{}", server.log());
}

#[test]
fn figures_can_have_an_address_of_their_own() {
    let installation = Installation::new();
    let own = format!("127.0.0.1:{}", free_port());
    let server = installation.serve(&[("REMORA_METRICS_LISTEN", &own)]);
    assert_eq!(server.ask("GET", "/metrics", &[]).status, 404);
    let ask =
        |target: &str| Exchange::send(&own, "GET", target, &[], b"").expect("listens").answer();
    let figures = ask("/metrics");
    assert_eq!(figures.status, 200);
    assert!(figures.text().contains("remora_connections "), "{}", figures.text());
    assert_eq!(ask("/api/v3/delta").status, 404);
    assert_eq!(ask("/healthz").status, 404);
}
