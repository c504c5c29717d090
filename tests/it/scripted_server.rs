//! A small HTTP server that answers as a test says, also wrongly: it can cut answers off, and it
//! remembers every request.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::sample_image::SampleImage;

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How many requests of this method and path came before.
    pub(crate) earlier: usize,
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut_to: Option<usize>,
    hung_up: bool,
}

/// A server on a free loopback port. It serves until the process ends.
pub(crate) struct ScriptedServer {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.contains(path)
    }
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Reply { status, headers: Vec::new(), body: Vec::new(), cut_to: None, hung_up: false }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Reply { body: body.into(), ..Reply::status(200) }
    }

    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Reply { body: body.into(), ..self }
    }

    /// Promises the whole body, sends `len` bytes of it and hangs up.
    pub(crate) fn cut_to(self, len: usize) -> Self {
        Reply { cut_to: Some(len), ..self }
    }

    /// The last byte of the body is another.
    pub(crate) fn with_last_byte_changed(mut self) -> Self {
        if let Some(last) = self.body.last_mut() {
            *last ^= 1;
        }
        self
    }

    /// Closes the connection without an answer.
    pub(crate) fn hang_up() -> Self {
        Reply { hung_up: true, ..Reply::status(0) }
    }

    fn send(&self, stream: &mut TcpStream, with_body: bool) -> io::Result<()> {
        if self.hung_up {
            return Ok(());
        }
        let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", self.status);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all((head + "\r\n").as_bytes())?;
        let len = self.cut_to.unwrap_or(self.body.len());
        if with_body { stream.write_all(&self.body[..len]) } else { Ok(()) }
    }
}

impl ScriptedServer {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                // A client that hangs up in the middle is part of some tests.
                std::thread::spawn(move || drop(serve(stream, &*answer, &seen)));
            }
        });
        ScriptedServer { port, requests }
    }

    /// A registry with one image, in any repository and under any tag, that `answer` may spoil: what
    /// it gives is sent instead.
    pub(crate) fn with_image(
        sample: &SampleImage,
        answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let contents = sample.contents.clone();
        let mut blobs: HashMap<String, Vec<u8>> = HashMap::new();
        for (number, layer) in contents.layers.iter().enumerate() {
            blobs.insert(layer.digest.to_string(), sample.blob(number).to_vec());
        }
        blobs.insert(sample.id().to_string(), contents.config.clone());
        Self::start(move |request| {
            answer(request).unwrap_or_else(|| {
                let name = request.path.rsplit('/').next().unwrap_or_default();
                match blobs.get(name) {
                    _ if request.path == "/v2/" => Reply::status(200),
                    Some(blob) => ranged(request, blob),
                    None if request.is("GET", "/manifests/") => {
                        Reply::ok(contents.manifest.clone())
                            .header("Content-Type", &contents.manifest_media_type)
                    }
                    None => Reply::status(404),
                }
            })
        })
    }

    /// A registry that takes everything it is sent, unless `answer` says otherwise.
    pub(crate) fn taking_everything(
        answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |request| {
            answer(request).unwrap_or_else(|| match request.method.as_str() {
                "POST" => Reply::status(202).header("Location", "/upload/1?state=x"),
                "PUT" => Reply::status(201),
                _ if request.path == "/v2/" => Reply::status(200),
                _ => Reply::status(404),
            })
        })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panics").clone()
    }

    /// The requests so far whose path contains `path`.
    pub(crate) fn requests_to(&self, method: &str, path: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.is(method, path)).collect()
    }
}

/// A blob or the end of it, as the request wants.
pub(crate) fn ranged(request: &Request, blob: &[u8]) -> Reply {
    let start = request
        .header("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match start {
        None => Reply::ok(blob),
        Some(start) if start < blob.len() => Reply::status(206)
            .body(&blob[start..])
            .header("Content-Range", format!("bytes {start}-{}/{}", blob.len() - 1, blob.len())),
        Some(_) => Reply::status(416),
    }
}

fn serve(
    stream: TcpStream,
    answer: &(dyn Fn(&Request) -> Reply + Send + Sync),
    seen: &Mutex<Vec<Request>>,
) -> io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    // A TLS handshake: this server has plain HTTP only.
    if input.fill_buf()?.first() == Some(&0x16) {
        return Ok(());
    }
    let mut request = read_request(&mut input)?;
    {
        let mut seen = seen.lock().expect("no panics");
        let same =
            |other: &&Request| (&other.method, &other.path) == (&request.method, &request.path);
        request.earlier = seen.iter().filter(same).count();
        seen.push(request.clone());
    }
    let mut stream = stream;
    answer(&request).send(&mut stream, request.method != "HEAD")
}

fn read_request(input: &mut impl BufRead) -> io::Result<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        // A client that was killed before it had asked for anything.
        if input.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first().map(|line| line.split(' ')).into_iter().flatten();
    let mut word = || first.next().unwrap_or_default().to_owned();
    let (method, path) = (word(), word());
    let header = |line: &String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    let headers = lines.iter().skip(1).filter_map(header).collect();
    let mut request = Request { method, path, headers, body: Vec::new(), earlier: 0 };
    let len = request.header("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    input.take(len).read_to_end(&mut request.body)?;
    Ok(request)
}
