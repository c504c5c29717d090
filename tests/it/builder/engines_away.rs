//! Engines that are away, go away in a build, or don't trust who asks.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use remora::Cause;
use remora::builder::engine::{EngineAddress, EngineError, Engines, Line};

use super::engine_contexts::{
    BASE, build, context, engines, native, place, request, settings, wait, wanted,
};
use crate::authority::Authority;
use crate::docker::Docker;
use crate::registry_server::free_port;
use crate::scripted_server::{Reply, ScriptedServer};

/// An engine that tells its version, and answers any build with these words and the end of its answer.
fn engine_that_answers(words: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tcp://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(&mut stream.expect("a connection"), words);
        }
    });
    address
}

fn answer(stream: &mut TcpStream, words: &str) -> io::Result<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    let is_version = |request: &[u8]| request.starts_with(b"GET /version ");
    // A build comes in chunks, of which the last is empty.
    while !(request.ends_with(b"\r\n0\r\n\r\n")
        || is_version(&request) && request.ends_with(b"\r\n\r\n"))
    {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let version = r#"{"ApiVersion":"1.41","MinAPIVersion":"1.12"}"#;
    let body = if is_version(&request) { version } else { words };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn nobody() -> String {
    format!("tcp://127.0.0.1:{}", free_port())
}

#[test]
fn engines_that_are_all_away_are_named_with_their_reasons() {
    let odd = ScriptedServer::start(|_| Reply::ok("no JSON"));
    let odd = format!("tcp://{}", odd.address());
    let (first, missing) = (nobody(), "unix:///nowhere/docker.sock");
    let error = wait(async {
        let engines = engines(&[&first, missing, &odd]);
        engines.place(&wanted("ann"), &|_| ()).await.expect_err("nobody is there")
    });
    let EngineError::AllAway(away) = &error else { panic!("{error:?}") };
    assert_eq!(away.len(), 3);
    let told = error.to_string();
    assert!(told.contains(&format!("{first} (Connection refused")), "{told}");
    assert!(told.contains(&format!("{missing} (No such file")), "{told}");
    assert!(told.contains(&format!("{odd} (")), "{told}");
    assert_eq!(error.cause(), Cause::Unreachable);
}

#[test]
fn an_engine_that_is_away_is_left_out_and_named() {
    let docker = Docker::shared();
    let away = nobody();
    wait(async {
        let engines = engines(&[&away, &docker.address()]);
        let place = place(&engines).await;
        assert_eq!(place.host(), docker.address());
        assert_eq!(place.away()[0].engine, away);
        let overview = engines.overview();
        assert_eq!((overview[0].running, overview[1].running), (0, 1));
        assert!(overview[0].away.is_some() && overview[1].away.is_none());
    });
}

#[test]
fn an_engine_that_dies_in_a_build_is_named_and_used_again_once_it_is_back() {
    let mut docker = Docker::start();
    let address = docker.address();
    wait(async {
        let engines = engines(&[&address]);
        let first = place(&engines).await;
        let dockerfile = format!("{BASE}RUN echo begun; sleep 600\n");
        let tar = context(&dockerfile, &[]);
        let (request, engine) = (request("dies"), first.engine());
        let stream = futures_util::stream::iter([Ok(bytes::Bytes::from(tar))]);
        let mut sink = |line| {
            if line == Line::Text("begun".to_owned()) {
                docker.kill();
            }
        };
        match engine.build(&request, stream, &mut sink).await {
            Err(EngineError::Lost { engine, .. }) => assert_eq!(engine, address),
            other => panic!("{other:?}"),
        }
        drop(first);
        let error = engines.place(&wanted("ann"), &|_| ()).await.expect_err("it is dead");
        assert!(matches!(error, EngineError::AllAway(_)), "{error:?}");
        docker.start_again();
        let place = place(&engines).await;
        let request = super::engine_contexts::request("lives");
        build(place.engine(), &request, context(BASE, &[])).await.built();
    });
}

#[test]
fn an_answer_that_ends_without_an_image_is_an_engine_that_went_away() {
    let answer = "{\"stream\":\"Step 1/1 : FROM scratch\"}\r\n{\"stream\":\"\\n\"}\r\n";
    let address = engine_that_answers(answer);
    wait(async {
        let place = place(&engines(&[&address])).await;
        let ended = build(place.engine(), &request("no-image"), context(BASE, &[])).await;
        assert_eq!(ended.text(), "Step 1/1 : FROM scratch");
        assert!(matches!(ended.error(), EngineError::Lost { .. }), "{:?}", ended.error());
    });
}

#[test]
fn tls_is_spoken_with_certificates_of_both_sides() {
    let authority = Authority::new();
    let docker = Docker::with_tls(&authority);
    wait(async {
        let mut settings = settings(&[]);
        let address = EngineAddress::list(&docker.address(), true).expect("an address");
        (settings.amd64, settings.arm64) = (address.clone(), address);
        settings.certificates = Some(docker.client_folder(&authority));
        let engines = Engines::new(settings.clone()).expect("engines");
        let place = place(&engines).await;
        assert!(place.host().starts_with("https://"), "{}", place.host());
        build(place.engine(), &request("by-tls"), context(BASE, &[])).await.built();

        // A client that the engine does not trust, and one that does not trust the engine.
        let stranger = Authority::new();
        let client = stranger.client();
        for (ca, certificate, key) in [
            (&authority.certificate, &client.certificate, &client.key),
            (&stranger.certificate, &client.certificate, &client.key),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            for (name, content) in [("ca.pem", ca), ("cert.pem", certificate), ("key.pem", key)] {
                std::fs::write(folder.path().join(name), content).expect("written");
            }
            settings.certificates = Some(folder.path().to_owned());
            let engines = Engines::new(settings.clone()).expect("engines");
            let error = engines.place(&wanted("ann"), &|_| ()).await.expect_err("no trust");
            let told = error.to_string();
            assert!(told.contains("certificate") || told.contains("alert"), "{told}");
        }
    });
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(&[]);
    settings.amd64 = EngineAddress::list("https://127.0.0.1", false).expect("an address");
    settings.certificates = Some(folder.path().to_owned());
    let error = Engines::new(settings.clone()).expect_err("no authority");
    assert!(error.to_string().contains("ca.pem: "), "{error}");
    let authority = Authority::new();
    std::fs::write(folder.path().join("ca.pem"), &authority.certificate).expect("written");
    Engines::new(settings.clone()).expect("an engine that asks for no certificate");
    std::fs::write(folder.path().join("key.pem"), "nonsense").expect("written");
    let error = Engines::new(settings).expect_err("no certificate");
    assert!(error.to_string().contains("cert.pem: "), "{error}");
}

#[test]
fn engines_of_the_other_machine_build_where_there_are_none() {
    let docker = Docker::shared();
    wait(async {
        let mut settings = settings(&[&docker.address()]);
        std::mem::swap(&mut settings.amd64, &mut settings.arm64);
        let engines = Engines::new(settings).expect("engines");
        let place = place(&engines).await;
        let ended = build(place.engine(), &request("other-list"), context(BASE, &[])).await;
        assert_eq!(ended.built().architecture, native().of_images());
    });
}
