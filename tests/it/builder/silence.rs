//! Builds that say nothing for longer than a proxy in front of the builder waits.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use super::projects::steps;
use super::scene::Scene;

/// How long the proxy waits for another byte; openBalena's waits for 63 s.
const PATIENCE: Duration = Duration::from_secs(1);

/// A proxy for one connection, which it cuts when nothing came from the server for too long.
fn impatient_proxy(server: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().expect("a client");
        let server = TcpStream::connect(server).expect("the server is there");
        let (mut from, mut to) = (clone(&client), clone(&server));
        std::thread::spawn(move || io::copy(&mut from, &mut to));
        pass(&server, &client);
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    });
    address
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a second handle")
}

/// Passes on what comes, as long as something does.
fn pass(mut server: &TcpStream, mut client: &TcpStream) {
    server.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = server.read(&mut piece) {
        if client.write_all(&piece[..length]).is_err() {
            return;
        }
    }
}

#[test]
fn a_silent_step_outlasts_a_proxy_that_cuts_silent_connections() {
    let scene = Scene::with(&[("REMORA_HEARTBEAT", "200ms")]);
    let push = || steps("RUN echo before; sleep 3; echo after");
    let answer = push().send(&impatient_proxy(scene.builder.address()), &scene.key);
    assert!(answer.is_complete() && answer.exit_code() == 0, "{answer:?}");
    assert!(answer.text().contains("after"), "{answer:?}");
    scene.assert_ended(answer.release_id().expect("a release"), "success");

    let scene = Scene::with(&[("REMORA_HEARTBEAT", "1h")]);
    let answer = push().parameter("nocache", "true");
    let answer = answer.send(&impatient_proxy(scene.builder.address()), &scene.key);
    assert!(!answer.delivered, "the proxy does not cut: {answer:?}");
    scene.ends(answer.release_id().expect("a release"), "cancelled");
}
