//! Images that go from an engine while somebody needs them.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use remora::Cause;
use remora::builder::engine::{EngineError, Line};
use tokio::sync::Notify;

use super::engine_contexts::{BASE, build, build_at, context, engines, place, request, wait};
use super::projects::steps;
use super::scene::Scene;
use crate::docker::Docker;

/// What Docker 20.10 says if an image goes before the image gets the build's tag.
const VANISHED: &str = r#"{"errorDetail":{"message":"failed to get digest sha256:0e57: open /var/lib/docker/image/overlay2/imagedb/content/sha256/0e57: no such file or directory"},"error":"no such file or directory"}"#;

#[test]
fn a_tag_stays_while_something_is_built_on_its_engine() {
    let docker = Docker::shared();
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let engine = place.engine();
        let (first, second) = (request("tag-first"), request("tag-second"));
        build(engine, &first, context(BASE, &[])).await.built();
        let is_there = |name: &str| docker.tags().contains(&format!("{name}:latest"));
        let begun = Notify::new();
        let dockerfile = format!("{BASE}RUN echo asleep; sleep 2\n");
        let tar = futures_util::stream::iter([Ok(Bytes::from(context(&dockerfile, &[])))]);
        let mut sink = |line: Line| {
            if matches!(&line, Line::Text(text) if text == "asleep") {
                begun.notify_one();
            }
        };
        let remove = async {
            begun.notified().await;
            engine.remove_tag(&first.tag, "latest").await.expect("noted");
            is_there(&first.tag)
        };
        let mut fresh = second.clone();
        fresh.no_cache = true;
        let (built, was_there) = tokio::join!(engine.build(&fresh, tar, &mut sink), remove);
        built.expect("built");
        assert!(was_there, "the tag went while another build ran");
        assert!(!is_there(&first.tag), "the tag stayed");
        assert!(is_there(&second.tag));
        engine.remove_tag(&second.tag, "latest").await.expect("removed");
        assert!(!is_there(&second.tag));
    });
}

#[test]
fn an_image_that_is_gone_is_an_error_that_says_to_push_again() {
    let engine = Engine::before(&Docker::shared(), usize::MAX);
    let ended = build_at(&engine.address, "vanished", BASE);
    let error = ended.error();
    assert!(matches!(error, EngineError::Vanished { .. }), "{error:?}");
    assert_eq!(error.cause(), Cause::Passing);
    assert!(error.to_string().contains("push again"), "{error}");
}

#[test]
fn a_build_whose_image_somebody_removed_is_repeated_once() {
    let variable =
        if cfg!(target_arch = "aarch64") { "DOCKER_HOST_ARM64" } else { "DOCKER_HOST_AMD64" };
    for (failures, builds, code) in [(1, 2, 0), (usize::MAX, 2, 1)] {
        let engine = Engine::before(&Docker::shared(), failures);
        let scene = Scene::with(&[(variable, &engine.address)]);
        let answer = scene.push(steps("RUN echo vanished"));
        assert_eq!((answer.is_complete(), answer.exit_code()), (true, code), "{answer:?}");
        assert!(answer.text().contains("building again"), "{answer:?}");
        assert_eq!(engine.builds.load(Ordering::SeqCst), builds, "{answer:?}");
    }
}

/// A way to an engine on which the first builds are answered as if their images had gone.
struct Engine {
    address: String,
    builds: Arc<AtomicUsize>,
}

impl Engine {
    fn before(docker: &Docker, failures: usize) -> Self {
        let address = docker.address();
        let way: u16 = address.rsplit(':').next().expect("a port").parse().expect("a number");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("tcp://{}", listener.local_addr().expect("an address"));
        let builds = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&builds);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || pass(client, way, &counted, failures));
            }
        });
        Engine { address, builds }
    }
}

/// Passes one call on, unless the call is a build that is to fail.
fn pass(mut client: TcpStream, way: u16, builds: &AtomicUsize, failures: usize) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let is_build = String::from_utf8_lossy(&head).contains("/build?");
    if is_build && builds.fetch_add(1, Ordering::SeqCst) < failures {
        let mut body = Vec::new();
        // A context comes in chunks, of which the last is empty.
        while !body.ends_with(b"\r\n0\r\n\r\n") {
            let mut piece = [0; 65_536];
            let len = client.read(&mut piece)?;
            body.extend_from_slice(&piece[..len]);
        }
        let len = VANISHED.len();
        return write!(client, "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{VANISHED}");
    }
    let mut engine = TcpStream::connect(("127.0.0.1", way))?;
    engine.write_all(&head)?;
    let (mut from, mut to) = (client.try_clone()?, engine.try_clone()?);
    std::thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut engine, &mut client).map(drop)
}
