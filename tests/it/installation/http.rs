//! A client that sends exactly what it is told to, also what no client library would.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any request of these tests is held.
const PATIENCE: Duration = Duration::from_secs(120);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A request that was sent, and whose answer is still to be read.
pub(crate) struct Exchange {
    stream: TcpStream,
}

impl Exchange {
    /// Sends a request: the first line's method and target, and header lines beside `Host` and
    /// `Connection`.
    pub(crate) fn send(
        address: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {address}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        // A server that refuses a long head may hang up while it is sent.
        let _ = stream.write_all(&[head.as_bytes(), b"\r\n", body].concat());
        Ok(Exchange { stream })
    }

    /// The rest of the answer, or what there was until the server hung up.
    pub(crate) fn answer(mut self) -> Answer {
        let mut bytes = Vec::new();
        let ended = self.stream.read_to_end(&mut bytes);
        Answer::parse(&bytes).unwrap_or_else(|| panic!("no answer: {ended:?}, {bytes:?}"))
    }

    /// Bytes as they come, for a stream without an end.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl Answer {
    /// Reads all that a server sent; `None` if that is less than a head.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        let mut answer =
            Answer { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = joined(&answer.body);
        }
        Some(answer)
    }

    /// The value of a header, named in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}: {}", self.status, self.text()))
    }

    /// The image that a device is told to pull.
    pub(crate) fn name(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["name"].as_str().expect("a name").to_owned()
    }
}

/// A body that came in chunks.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|window| window == b"\r\n") {
        let digits = String::from_utf8_lossy(&chunks[..end]).into_owned();
        let size = usize::from_str_radix(digits.trim(), 16).unwrap_or(0);
        let start = end + 2;
        if size == 0 || start + size > chunks.len() {
            break;
        }
        body.extend_from_slice(&chunks[start..start + size]);
        chunks = chunks.get(start + size + 2..).unwrap_or_default();
    }
    body
}
