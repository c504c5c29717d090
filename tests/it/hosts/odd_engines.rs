//! Engines that are away, refuse, break off or talk nonsense.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use super::{BASE, TARGET, remora, with_delta};

/// An engine's socket that answers every call with the same words; `taking` those that end with `END`.
fn engine(folder: &Path, answer: &'static str) -> String {
    let path = folder.join("sock");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut seen = Vec::new();
            let mut piece = [0; 65536];
            while let Ok(read) = stream.read(&mut piece)
                && read > 0
            {
                seen.extend_from_slice(&piece[..read]);
                let is_load = seen.starts_with(b"POST");
                let ends: &[u8] = if is_load { b"\r\n0\r\n\r\n" } else { b"\r\n\r\n" };
                if seen.ends_with(ends) {
                    break;
                }
            }
            let ping = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
            let words = if seen.starts_with(b"GET /_ping") { ping } else { answer };
            let _ = stream.write_all(words.as_bytes());
        }
    });
    format!("unix://{}", path.display())
}

/// Runs Remora, which must fail with this code; gives what it says.
fn refusal(folder: &Path, host: &str, code: i32, arguments: &[&str]) -> String {
    let output = remora(folder, &[("DOCKER_HOST", host)]).args(arguments).output();
    let output = output.expect("started");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    told
}

#[test]
fn an_engine_that_is_away_or_lacks_the_image_is_named_with_what_helps() {
    let (folder, delta) = with_delta();
    let folder = folder.path();
    let nowhere = format!("unix://{}", folder.join("none").display());
    let place = ["diff", BASE, "docker-daemon:app:1"];
    let told = refusal(folder, &nowhere, 3, &place);
    assert!(told.contains("cannot reach the engine unix://"), "{told}");
    assert!(told.contains("DOCKER_HOST"), "{told}");
    let told =
        refusal(folder, &nowhere, 3, &["apply", BASE, &delta, "--output", "docker-daemon:app:1"]);
    assert!(told.contains("cannot reach the engine unix://"), "{told}");
    assert!(refusal(folder, "ssh://host", 2, &place).contains("does not begin with tcp://"));
    let missing =
        "HTTP/1.1 404 Not Found\r\nContent-Length: 30\r\n\r\n{\"message\":\"no such image: x\"}";
    let told = refusal(folder, &engine(folder, missing), 3, &place);
    assert!(told.contains("docker-daemon:app:1 was not found"), "{told}");
}

#[test]
fn what_an_engine_breaks_off_or_refuses_is_no_image() {
    let (folder, delta) = with_delta();
    let folder = folder.path();
    let read = ["diff", BASE, "docker-daemon:app:1"];
    let broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let told = refusal(folder, &engine(folder, broken), 3, &read);
    assert!(told.contains("the connection to the engine"), "{told}");
    let nonsense = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let told = refusal(folder, &engine(folder, nonsense), 4, &read);
    assert!(told.contains("docker-daemon:app:1"), "{told}");
    let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    refusal(folder, &engine(folder, empty), 4, &read);
    refusal(folder, &engine(folder, "nonsense\r\n\r\n"), 3, &read);

    let write = ["apply", BASE, &delta, "--output", "docker-daemon:app:1"];
    let full =
        "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{\"error\":\"no space left on device\"}";
    let told = refusal(folder, &engine(folder, full), 3, &write);
    assert!(told.contains("does not take the image: \"no space left on device\""), "{told}");
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"error\":\"no";
    refusal(folder, &engine(folder, half), 3, &write);
    let failing = "HTTP/1.1 500 Error\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}";
    let told = refusal(folder, &engine(folder, failing), 3, &write);
    assert!(told.contains("answered 500: \"bad\""), "{told}");
}

#[test]
fn what_engines_have_no_names_for_is_refused_before_anything_is_made() {
    let (folder, delta) = with_delta();
    let digest = format!("sha256:{}", "0".repeat(64));
    let nowhere = format!("unix://{}", folder.path().join("none").display());
    for place in [format!("docker-daemon:{digest}"), format!("docker-daemon:app@{digest}")] {
        refusal(folder.path(), &nowhere, 2, &["apply", BASE, &delta, "--output", &place]);
    }
    let same = ["create", "docker-daemon:app:1", TARGET, "--output", "docker-daemon:app:1"];
    let told = refusal(folder.path(), &nowhere, 2, &same);
    assert!(told.contains("would overwrite the input"), "{told}");
}
