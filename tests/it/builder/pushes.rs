//! Pushes as the real `balena push` sends them: recorded ones (`fixtures/pushes`) and made-up ones in the
//! same form, to a builder that speaks plain HTTP.

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::push_answers::{self, Answer};

/// What a push says of itself where it says nothing else.
const PARAMETERS: [(&str, &str); 6] = [
    ("slug", "org/fleet"),
    ("dockerfilePath", ""),
    ("emulated", "false"),
    ("nocache", "false"),
    ("headless", "false"),
    ("isdraft", "false"),
];
/// How much of the body is sent in one chunk.
const CHUNK: usize = 16 * 1024;
/// Longer than any push of these tests takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// A push that is going to be sent.
#[must_use]
pub(crate) struct Push {
    path: String,
    parameters: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    upload: Upload,
    watcher: Watcher,
}

/// How much of the body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upload {
    Whole,
    /// So many bytes, and the connection is dropped.
    Dropped(usize),
    /// So many bytes, and then nothing more, with the connection open.
    Stalled(usize),
}

/// Who hears of elements while they come.
#[derive(Default)]
pub(super) struct Watcher {
    drop_at: Option<String>,
    told: Option<Sender<Value>>,
}

/// `request.json` of a recorded push.
#[derive(Deserialize)]
struct Recorded {
    request_line: String,
    headers: Vec<(String, String)>,
}

/// Sends a recorded push to a builder at `host:port`.
pub(crate) fn replay(name: &str, builder: &str, token: &str) -> Answer {
    Push::recorded(name).send(builder, token)
}

impl Push {
    /// A push of `fixtures/pushes`, to the fleet `org/fleet`.
    pub(crate) fn recorded(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pushes").join(name);
        let read = |file: &str| {
            std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let request = serde_json::from_slice(&read("request.json")).expect("a recorded request");
        let Recorded { request_line, headers } = request;
        let target = request_line.split(' ').nth(1).expect("a path");
        let (path, query) = target.split_once('?').expect("parameters");
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=').expect("a value");
            (name.to_owned(), value.replace("%2F", "/"))
        };
        Push {
            path: path.to_owned(),
            parameters: query.split('&').map(parameter).collect(),
            headers,
            body: read("project.tar.gz"),
            upload: Upload::Whole,
            watcher: Watcher::default(),
        }
    }

    /// A project of these files, all of which may be run, as the CLI packs one: files only, owner 0, gzip.
    pub(crate) fn of(files: &[(&str, &[u8])]) -> Self {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o755);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).expect("written");
        }
        Self::of_bytes(gzip(&builder.into_inner().expect("written")))
    }

    /// A body as it is, which may be no archive at all.
    pub(crate) fn of_bytes(body: Vec<u8>) -> Self {
        let headers = [
            ("user-agent", "got (https://github.com/sindresorhus/got)"),
            ("authorization", "Bearer <token>"),
            ("content-encoding", "gzip"),
            ("accept-encoding", "gzip, deflate, br"),
            ("Host", "<host>"),
            ("Connection", "keep-alive"),
            ("Transfer-Encoding", "chunked"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Push {
            path: "/v3/build".to_owned(),
            parameters: PARAMETERS.map(owned).to_vec(),
            headers: headers.map(owned).to_vec(),
            body,
            upload: Upload::Whole,
            watcher: Watcher::default(),
        }
    }

    /// Sets one of the request's parameters: `slug`, `dockerfilePath`, `emulated`, `nocache`, `headless`,
    /// `isdraft`, or another.
    pub(crate) fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters = with(self.parameters, name, value);
        self
    }

    pub(crate) fn without_parameter(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    /// Sets a header; `Bearer <token>` and `<host>` are filled in.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers = with(self.headers, name, value);
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Drops the connection when so many bytes of the body are sent.
    pub(crate) fn dropping_upload_after(self, bytes: usize) -> Self {
        Push { upload: Upload::Dropped(bytes), ..self }
    }

    /// Sends nothing more after so many bytes of the body, and waits.
    pub(crate) fn stalling_upload_after(self, bytes: usize) -> Self {
        Push { upload: Upload::Stalled(bytes), ..self }
    }

    /// Drops the connection as soon as an element comes whose JSON contains this text: as Ctrl-C does.
    pub(crate) fn dropping_at(mut self, text: &str) -> Self {
        self.watcher.drop_at = Some(text.to_owned());
        self
    }

    /// Tells elements as they come.
    pub(crate) fn telling(mut self, told: Sender<Value>) -> Self {
        self.watcher.told = Some(told);
        self
    }

    /// Sends it and reads the answer to its end. A builder that cannot be reached is a panic.
    pub(crate) fn send(mut self, builder: &str, token: &str) -> Answer {
        let stream = TcpStream::connect(builder).expect("the builder is there");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let head = self.head(builder, token);
        let detached =
            self.parameters.iter().any(|(name, value)| name == "headless" && value == "true");
        let watcher = std::mem::take(&mut self.watcher);
        let upload = stream.try_clone().expect("a second handle");
        let writing = std::thread::spawn(move || self.write(upload, &head));
        let answer = push_answers::read(&stream, detached, &watcher);
        // An upload that nobody reads any longer ends with this.
        let _ = stream.shutdown(Shutdown::Both);
        // A builder may answer before it has read everything, and hang up.
        drop(writing.join().expect("no panic"));
        answer
    }

    fn head(&self, builder: &str, token: &str) -> String {
        let encoded =
            |value: &str| value.replace('%', "%25").replace('/', "%2F").replace('&', "%26");
        let query: Vec<String> = self
            .parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let mut head = format!("POST {}?{} HTTP/1.1\r\n", self.path, query.join("&"));
        for (name, value) in &self.headers {
            let value = value.replace("<token>", token).replace("<host>", builder);
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    fn write(&self, mut stream: TcpStream, head: &str) -> io::Result<()> {
        stream.write_all(head.as_bytes())?;
        let len = match self.upload {
            Upload::Whole => self.body.len(),
            Upload::Dropped(len) | Upload::Stalled(len) => len.min(self.body.len()),
        };
        for piece in self.body[..len].chunks(CHUNK) {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
            stream.write_all(piece)?;
            stream.write_all(b"\r\n")?;
        }
        match self.upload {
            Upload::Whole => stream.write_all(b"0\r\n\r\n"),
            Upload::Dropped(_) => stream.shutdown(Shutdown::Both),
            Upload::Stalled(_) => Ok(()),
        }
    }
}

impl Watcher {
    /// Whether the answer is to be read further after this element.
    pub(super) fn goes_on_after(&self, element: &Value) -> bool {
        if let Some(told) = &self.told {
            // A test that has heard enough.
            let _ = told.send(element.clone());
        }
        let wanted = |text: &String| element.to_string().contains(text.as_str());
        !self.drop_at.as_ref().is_some_and(wanted)
    }
}

/// At the compression level of the CLI.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("written")
}

fn with(mut list: Vec<(String, String)>, name: &str, value: &str) -> Vec<(String, String)> {
    match list.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, known)) => value.clone_into(known),
        None => list.push((name.to_owned(), value.to_owned())),
    }
    list
}
