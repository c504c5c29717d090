//! The replaying client itself, against servers that answer as a test says: what it sends, and what it makes
//! of answers, as the real CLI was seen to do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::push_answers::Answer;
use super::pushes::{Push, replay};

const WHOLE: &str = "[{\"type\":\"metadata\",\"resource\":\"buildLogId\",\"value\":77}\n,\
    {\"message\":\"\\u001b[32m[Success]\\u001b[39m done\\n\",\"isSuccess\":true}\n]\n";

/// A server for one request: it gives the request's head and body as far as they came, after it has sent
/// these bytes.
fn server(answer: String) -> (String, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut input = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            input.read_line(&mut head).expect("a line");
        }
        let body = chunks(&mut input);
        // A client that has gone.
        let _ = input.get_mut().write_all(answer.as_bytes());
        (head, body)
    });
    (address, serving)
}

fn chunks(input: &mut BufReader<std::net::TcpStream>) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        let read = input.read_line(&mut line);
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap_or(0);
        if read.is_err() || size == 0 {
            return body;
        }
        let start = body.len();
        body.resize(start + size, 0);
        input.read_exact(&mut body[start..]).expect("a chunk");
        input.read_line(&mut String::new()).expect("the chunk's end");
    }
}

fn chunked(parts: &[&str], end: &str) -> String {
    let parts = parts.iter().map(|part| format!("{:x}\r\n{part}\r\n", part.len()));
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    head + &parts.collect::<String>() + end
}

/// What a push makes of an answer.
fn answered(push: Push, answer: String) -> Answer {
    let (address, serving) = server(answer);
    let answer = push.send(&address, "secret");
    serving.join().expect("no panic");
    answer
}

#[test]
fn every_recorded_push_is_sent_as_it_was_recorded() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/pushes");
    let names = std::fs::read_dir(folder).expect("recorded pushes").flatten();
    let folders = names.filter(|entry| entry.path().is_dir());
    let names: Vec<String> =
        folders.map(|one| one.file_name().into_string().expect("UTF-8")).collect();
    assert!(names.len() > 7, "{names:?}");
    for name in names {
        let read = |file: &str| std::fs::read(format!("{folder}/{name}/{file}")).expect("a file");
        let request: Value = serde_json::from_slice(&read("request.json")).expect("JSON");
        let (address, serving) = server(chunked(&[WHOLE], "0\r\n\r\n"));
        replay(&name, &address, "secret");
        let (head, body) = serving.join().expect("no panic");
        assert_eq!(head.lines().next(), request["request_line"].as_str(), "{name}");
        assert!(head.contains("authorization: Bearer secret\r\n"), "{head}");
        assert_eq!(body, read("project.tar.gz"), "{name}");
    }
}

#[test]
fn elements_are_read_wherever_the_stream_is_parted() {
    for at in 1..WHOLE.len() - 1 {
        let Some((first, second)) = WHOLE.split_at_checked(at) else { continue };
        let answer = answered(Push::of(&[]), chunked(&[first, second], "0\r\n\r\n"));
        assert!(answer.is_complete(), "{at}: {answer:?}");
        assert_eq!((answer.exit_code(), answer.release_id()), (0, Some(77)));
        assert_eq!(answer.messages(), ["[Success] done"]);
    }
}

#[test]
fn the_exit_code_is_the_clis() {
    let exit_code = |answer: String| answered(Push::of(&[]), answer).exit_code();
    let end = "0\r\n\r\n";
    assert_eq!(exit_code(chunked(&["[{\"message\":\"x\"}"], end)), 0);
    assert_eq!(exit_code(chunked(&["[{\"message\":\"x\"}"], "")), 1);
    assert_eq!(exit_code(chunked(&["[{\"message\":\"x\",\"isError\":true}\n]"], end)), 1);
    for (body, code) in [
        ("[{\"message\":\"x\"}][{\"message\":\"y\",\"isError\":true}]", 1),
        ("[{\"message\":\"x\"}] hello", 1),
        ("[,{\"message\":\"x\"}]", 1),
        ("[{\"message\":\"x\"},{\"mess", 0),
        ("[null,{\"message\":\"x\"}]", 0),
        ("[{\"isError\":true}]", 1),
        ("[{\"type\":\"metadata\",\"isError\":true}]", 0),
        ("[{\"message\":\"x\",\"isError\":\"false\"}]", 1),
        ("", 0),
    ] {
        assert_eq!(exit_code(chunked(&[body], end)), code, "{body}");
    }
    assert_eq!(exit_code(chunked(&["hello"], end)), 1);
    assert_eq!(exit_code(chunked(&["{\"message\":\"x\"}\n{\"message\":\"y\"}\n"], end)), 0);
    assert_eq!(exit_code(chunked(&["{\"message\":{\"message\":\"x\",\"isError\":true}}"], end)), 1);
    assert_eq!(exit_code(String::new()), 1);
    let refused = "HTTP/1.1 401 who are you\r\nContent-Length: 2\r\n\r\n[]".to_owned();
    let answer = answered(Push::of(&[]), refused);
    assert_eq!((answer.exit_code(), answer.status, &*answer.reason), (1, 401, "who are you"));
    let error = answered(Push::of(&[]), chunked(&["[{\"message\":\"no\",\"isError\":true}]"], end));
    assert_eq!((error.errors(), error.text()), (vec!["no".to_owned()], "no".to_owned()));

    let detached = |body: &str| answered(Push::recorded("detached"), chunked(&[body], end));
    let answer = detached("{\"started\":false,\"error\":\"x\",\"message\":\"y\"}");
    assert_eq!(
        (answer.exit_code(), answer.started().expect("JSON")["started"].clone()),
        (0, json!(false))
    );
    assert_eq!(detached("{\"started\":").exit_code(), 1);
}

#[test]
fn a_push_can_be_dropped_in_its_upload_and_at_an_element() {
    let files: &[(&str, &[u8])] = &[("Dockerfile", b"FROM scratch\n")];
    let (address, serving) = server(String::new());
    let dropped = Push::of(files).dropping_upload_after(40).send(&address, "secret");
    assert_eq!((dropped.status, dropped.exit_code()), (0, 1));
    assert_eq!(serving.join().expect("no panic").1.len(), 40);

    let (told, heard) = mpsc::channel();
    let push = Push::of(files).dropping_at("buildLogId").telling(told);
    let answer = answered(push, chunked(&[WHOLE], "0\r\n\r\n"));
    assert_eq!((answer.elements.len(), answer.is_complete()), (1, false));
    assert_eq!(heard.iter().count(), 1);
}

#[test]
fn a_made_up_push_has_the_parameters_and_headers_that_are_wanted() {
    let (address, serving) = server(chunked(&[WHOLE], "0\r\n\r\n"));
    Push::of(&[("a", b"b")])
        .parameter("slug", "ben/other")
        .without_parameter("emulated")
        .header("content-encoding", "identity")
        .without_header("user-agent")
        .send(&address, "secret");
    let (head, _) = serving.join().expect("no panic");
    let line = "POST /v3/build?slug=ben%2Fother&dockerfilePath=&nocache=false&headless=false&isdraft=false ";
    assert!(head.starts_with(line), "{head}");
    assert!(head.contains("content-encoding: identity") && !head.contains("user-agent"), "{head}");
}

#[test]
fn a_stalled_upload_waits_for_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = [0; 100];
        stream.read_exact(&mut head).expect("a head");
        stream.write_all(b"HTTP/1.1 408 too slow\r\nContent-Length: 0\r\n\r\n").expect("sent");
        // Until the client hangs up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let answer = Push::of(&[("a", b"b")]).stalling_upload_after(10).send(&address, "secret");
    assert_eq!((answer.status, &*answer.reason), (408, "too slow"));
    serving.join().expect("no panic");
}
