//! What engines build in tests: contexts around a static busybox, and builds that are watched.

use std::fs;
use std::io;
use std::sync::OnceLock;

use bytes::Bytes;
use remora::builder::engine::{
    Architecture, BuildRequest, Built, Engine, EngineAddress, EngineError, EngineSettings, Engines,
    Line, Place, Wanted,
};

use crate::tools;

/// The first lines of most Dockerfiles here: a shell, and the one program that is needed beside it.
pub(super) const BASE: &str = "FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/sleep\n";

/// This machine's architecture.
pub(super) fn native() -> Architecture {
    match std::env::consts::ARCH {
        "aarch64" => Architecture::Aarch64,
        _ => Architecture::Amd64,
    }
}

/// A tar with this Dockerfile, busybox and `files`.
pub(super) fn context(dockerfile: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut put = |name: &str, content: &[u8], mode| {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        tar.append_data(&mut header, name, content).expect("appended");
    };
    put("Dockerfile", dockerfile.as_bytes(), 0o644);
    put("busybox", busybox(), 0o755);
    files.iter().for_each(|(name, content)| put(name, content, 0o755));
    tar.into_inner().expect("a tar")
}

/// Debian's busybox that needs no library.
pub(super) fn busybox() -> &'static [u8] {
    static BUSYBOX: OnceLock<Vec<u8>> = OnceLock::new();
    BUSYBOX.get_or_init(|| {
        let path = tools::run("sh", &["-c", "command -v busybox || :"]);
        let found = fs::read(path.trim());
        found.unwrap_or_else(|error| tools::missing("busybox", &error))
    })
}

/// Runs what waits.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(future)
}

/// Settings with engines of this machine's architecture.
pub(super) fn settings(addresses: &[&str]) -> EngineSettings {
    let addresses = EngineAddress::list(&addresses.join(","), false).expect("addresses");
    let network_mode = Some("none".to_owned());
    let mut settings = EngineSettings { network_mode, ..EngineSettings::default() };
    match native() {
        Architecture::Aarch64 => settings.arm64 = addresses,
        _ => settings.amd64 = addresses,
    }
    settings
}

/// Engines of this machine's architecture.
pub(super) fn engines(addresses: &[&str]) -> Engines {
    Engines::new(settings(addresses)).expect("engines")
}

/// A build of `user` for this machine's architecture.
pub(super) fn wanted(user: &str) -> Wanted {
    Wanted {
        architecture: native(),
        emulated: false,
        user: user.to_owned(),
        fleet: format!("{user}/fleet"),
        images: Vec::new(),
    }
}

/// A place at once.
pub(super) async fn place(engines: &Engines) -> Place {
    engines.place(&wanted("ann"), &|_| ()).await.expect("a place")
}

/// A request for an image that no other test names.
pub(super) fn request(name: &str) -> BuildRequest {
    BuildRequest::new(&format!("127.0.0.1:9/v2/{name}"), "Dockerfile", native())
}

/// How a build ended, and what it said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: Result<Built, EngineError>,
    pub(super) lines: Vec<Line>,
}

impl Ended {
    /// Lines that stay, together.
    pub(super) fn text(&self) -> String {
        let texts = self.lines.iter().filter_map(|line| match line {
            Line::Text(text) => Some(text.as_str()),
            Line::Replace(_) => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// What was built.
    #[track_caller]
    pub(super) fn built(&self) -> &Built {
        match &self.outcome {
            Ok(built) => built,
            Err(error) => panic!("{error}: {}", self.text()),
        }
    }

    /// Why nothing was.
    #[track_caller]
    pub(super) fn error(&self) -> &EngineError {
        self.outcome.as_ref().expect_err("a failure")
    }
}

/// Builds a context at an engine.
pub(super) async fn build(engine: &Engine, request: &BuildRequest, tar: Vec<u8>) -> Ended {
    let mut lines = Vec::new();
    let pieces: Vec<io::Result<Bytes>> =
        tar.chunks(64 << 10).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let stream = futures_util::stream::iter(pieces);
    let outcome = engine.build(request, stream, &mut |line| lines.push(line)).await;
    Ended { outcome, lines }
}

/// Builds a Dockerfile that needs no files at an engine of its own choice.
pub(super) fn build_at(address: &str, name: &str, dockerfile: &str) -> Ended {
    wait(async {
        let place = place(&engines(&[address])).await;
        build(place.engine(), &request(name), context(dockerfile, &[])).await
    })
}
