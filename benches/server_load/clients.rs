//! Very many clients in one process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::installation::{Answer, Pushed};

/// A pause after an answer that is worth none, so that a defect does not become a storm.
const PAUSE: Duration = Duration::from_millis(50);

/// A device that wants a delta.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    request: String,
    server: String,
    /// The address that it comes from.
    address: Ipv4Addr,
}

/// What a device was told, and how long the last answer took.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) asked: usize,
    pub(crate) last: Duration,
}

impl Device {
    pub(crate) fn new(server: &str, (base, target): &(Pushed, Pushed), token: &str) -> Self {
        let (src, dest) = (&base.reference, &target.reference);
        let request = format!(
            "GET /api/v3/delta?src={src}&dest={dest} HTTP/1.1\r\nHost: {server}\r\n\
             Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        Device { request, server: server.to_owned(), address: Ipv4Addr::LOCALHOST }
    }

    /// The same at another address of the loopback network.
    pub(crate) fn from(mut self, address: Ipv4Addr) -> Self {
        self.address = address;
        self
    }

    /// The same with a header that nobody needs, if there is a value.
    pub(crate) fn with_header(mut self, value: &str) -> Self {
        if !value.is_empty() {
            let end = self.request.len() - "\r\n".len();
            self.request.insert_str(end, &format!("X-Nothing: {value}\r\n"));
        }
        self
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((self.address, 0)))?;
        socket.connect(self.server.parse().expect("an address")).await
    }

    /// Asks once.
    pub(crate) async fn ask(&self) -> Option<Answer> {
        let mut stream = self.connect().await.ok()?;
        stream.write_all(self.request.as_bytes()).await.ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.ok()?;
        Answer::parse(&bytes)
    }

    /// Asks until there is a name, at once again after 504 as supervisors do. Fails at any other
    /// answer.
    pub(crate) async fn update(&self) -> Told {
        for asked in 1.. {
            let start = Instant::now();
            let answer = self.ask().await.expect("an answer");
            match answer.status {
                200 => return Told { name: answer.name(), asked, last: start.elapsed() },
                504 => tokio::time::sleep(PAUSE).await,
                status => panic!("{status}: {}", answer.text()),
            }
        }
        unreachable!("a device asks for ever")
    }
}
