//! The way to the registry, which goes wrong when a test says so, and remembers who came.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::registry_server::RegistryServer;
use crate::scripted_server::{Reply, Request, ScriptedServer, ranged};

/// How often a request that is held looks whether it may go on.
const HOLD_PAUSE: Duration = Duration::from_millis(20);

/// Blobs from this size on are layers with data; configs and what is tiny is smaller.
const LAYER_BYTES: u64 = 8 << 10;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Every request is answered with this status.
    Status(u16),
    /// Connections are closed as soon as they are made.
    Down,
    /// Requests are taken, and not answered while this lasts.
    Stall,
    /// Downloads of blobs end after this many bytes.
    CutBlobs(usize),
    /// Downloads of blobs are redirected to another host, as registries with S3 do.
    RedirectBlobs,
    /// Downloads of layers are held while this lasts.
    HoldLayers,
    /// Pushes are answered with this status.
    RefusePushes(u16),
}

/// A proxy on a free port, for as long as the process runs.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    /// The other host that blobs are redirected to.
    pub(crate) storage: ScriptedServer,
}

struct Shared {
    fault: Mutex<Fault>,
    seen: Mutex<Vec<String>>,
    registry: OnceLock<Upstream>,
    storage: String,
}

struct Upstream {
    address: String,
    data: PathBuf,
}

impl Proxy {
    /// A proxy that leads nowhere yet.
    pub(crate) fn bind() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let data = Arc::new(OnceLock::new());
        let of_storage = Arc::clone(&data);
        let storage = ScriptedServer::start(move |request| stored(request, &of_storage));
        let shared = Arc::new(Shared {
            fault: Mutex::new(Fault::None),
            seen: Mutex::default(),
            registry: OnceLock::new(),
            storage: storage.address(),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&of_thread);
                if let Some(upstream) = shared.registry.get() {
                    let _ = data.set(upstream.data.clone());
                }
                // A client that hangs up in the middle is part of some tests.
                std::thread::spawn(move || drop(shared.pass_on(stream)));
            }
        });
        Proxy { port, shared, storage }
    }

    /// Says where it leads.
    pub(crate) fn lead_to(&self, registry: &RegistryServer) {
        let upstream = Upstream { address: registry.address(), data: registry.data() };
        assert!(self.shared.registry.set(upstream).is_ok(), "it leads somewhere already");
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Lets something go wrong from now on, or nothing any more.
    pub(crate) fn set(&self, fault: Fault) {
        *self.shared.fault.lock().expect("no panics") = fault;
    }

    /// Removes a blob from the registry, as its clean-up does with what it takes for garbage.
    pub(crate) fn remove_blob(&self, digest: &str) {
        let registry = self.shared.registry.get().expect("a registry");
        let blob = blob_file(&registry.data, digest.trim_start_matches("sha256:"));
        fs::remove_file(blob.expect("a digest")).expect("removed");
    }

    /// The first lines of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.seen.lock().expect("no panics").clone()
    }

    /// How many downloads of layers there were, configs and tiny ones left out.
    pub(crate) fn layer_reads(&self) -> usize {
        self.requests().iter().filter(|line| self.shared.is_layer(line)).count()
    }

    /// Waits until a layer is asked for: a delta is being made.
    pub(crate) fn until_a_layer_is_read(&self) {
        while self.layer_reads() == 0 {
            std::thread::sleep(HOLD_PAUSE);
        }
    }

    /// How many of them contain `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.requests().iter().filter(|line| line.contains(text)).count()
    }
}

impl Shared {
    fn fault(&self) -> Fault {
        *self.fault.lock().expect("no panics")
    }

    fn pass_on(&self, mut client: TcpStream) -> io::Result<()> {
        let mut input = BufReader::new(client.try_clone()?);
        // A TLS handshake: the registry has plain HTTP only.
        if self.fault() == Fault::Down || input.fill_buf()?.first() == Some(&0x16) {
            return client.shutdown(Shutdown::Both);
        }
        let head = read_head(&mut input)?;
        let Some(first) = head.first().cloned() else { return Ok(()) };
        let blob = first.starts_with("GET ") && first.contains("/blobs/sha256:");
        self.seen.lock().expect("no panics").push(first.clone());
        let layer = self.is_layer(&first);
        while self.fault() == Fault::Stall || (layer && self.fault() == Fault::HoldLayers) {
            std::thread::sleep(HOLD_PAUSE);
        }
        match self.fault() {
            Fault::Down => client.shutdown(Shutdown::Both),
            Fault::Status(status) => client.write_all(empty(status).as_bytes()),
            Fault::RefusePushes(status) if first.starts_with("POST ") => {
                client.write_all(empty(status).as_bytes())
            }
            Fault::RedirectBlobs if blob => client.write_all(self.redirect(&first).as_bytes()),
            Fault::CutBlobs(bytes) if blob => self.relay(client, input, &head, Some(bytes)),
            _ => self.relay(client, input, &head, None),
        }
    }

    /// Whether the request with this first line is the download of a layer.
    fn is_layer(&self, first: &str) -> bool {
        let digest = first.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
        let hex = digest.and_then(|path| path.split_once("/blobs/sha256:")).map(|(_, hex)| hex);
        let size = hex.and_then(|hex| {
            let blob = blob_file(&self.registry.get()?.data, hex)?;
            fs::metadata(blob).ok()
        });
        size.is_some_and(|metadata| metadata.len() >= LAYER_BYTES)
    }

    fn redirect(&self, first: &str) -> String {
        let path = first.split(' ').nth(1).unwrap_or_default();
        let digest = path.rsplit('/').next().unwrap_or_default();
        let location = format!("http://{}/{digest}?signature=for-this-blob", self.storage);
        format!(
            "HTTP/1.1 307 x\r\nConnection: close\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n"
        )
    }

    /// Sends a request on, and the answer back, or the first bytes of it.
    fn relay(
        &self,
        mut client: TcpStream,
        mut input: BufReader<TcpStream>,
        head: &[String],
        limit: Option<usize>,
    ) -> io::Result<()> {
        let upstream = self.registry.get().ok_or(io::ErrorKind::NotConnected)?;
        let mut registry = TcpStream::connect(&upstream.address)?;
        let kept = head.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let lines: Vec<&str> = kept.map(String::as_str).collect();
        registry.write_all((lines.join("\r\n") + "\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut body = registry.try_clone()?;
        std::thread::spawn(move || io::copy(&mut input, &mut body));
        match limit {
            None => io::copy(&mut registry, &mut client)?,
            Some(bytes) => io::copy(&mut registry.take(bytes as u64), &mut client)?,
        };
        client.shutdown(Shutdown::Both)
    }
}

/// An answer that says nothing but its status.
fn empty(status: u16) -> String {
    format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

fn read_head(input: &mut BufReader<TcpStream>) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            return Ok(lines);
        }
        lines.push(line.trim_end().to_owned());
    }
}

/// A blob, as S3 gives it out: to whoever has the signed URL, and to nobody with credentials beside
/// that.
fn stored(request: &Request, data: &OnceLock<PathBuf>) -> Reply {
    let path = request.path.trim_start_matches('/');
    let (digest, query) = path.split_once('?').unwrap_or((path, ""));
    if request.header("authorization").is_some() || query != "signature=for-this-blob" {
        return Reply::status(400);
    }
    let hex = digest.trim_start_matches("sha256:");
    let blob = data.get().and_then(|data| blob_file(data, hex));
    match blob.map(fs::read) {
        Some(Ok(blob)) => ranged(request, &blob),
        _ => Reply::status(404),
    }
}

/// Where a registry keeps a blob.
fn blob_file(data: &Path, hex: &str) -> Option<PathBuf> {
    let folder = data.join("docker/registry/v2/blobs/sha256").join(hex.get(..2)?);
    Some(folder.join(hex).join("data"))
}
