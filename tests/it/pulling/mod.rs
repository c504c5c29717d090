//! `remora pull`, `remora images` and `remora rmi`, beside Debian's registry behind a link that counts.

mod answers;
mod candidates;
mod failing_deltas;
mod interrupted;
mod kept;
mod link;
mod places;
mod ways;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use remora::image::{Digest, ImageContents, ImageId};
use remora::progress::Silent;
use serde_json::Value;
use tempfile::TempDir;

use self::link::Link;
use crate::images::{ImageBuilder, image, noise, parse, tar};
use crate::registry_client;
use crate::registry_server::RegistryServer;

/// Bytes of manifests, configs, lists and heads of answers that a pull takes beside blobs, at most.
const TALK_BYTES: u64 = 40_000;
/// Bytes of what is new in release 2.
const NEW_BYTES: usize = 700_000;

/// A registry with the releases 1 and 2 of an app, the link to it, and a folder with a store.
struct Bench {
    registry: RegistryServer,
    link: Link,
    folder: TempDir,
}

/// What a run came to.
struct Ran {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).expect("JSON")
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ran { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

/// Bytes that a delta between the releases has at most: what is new is noise.
const DELTA_BYTES: u64 = NEW_BYTES as u64 + 20_000;

/// Release 1: a bottom layer and one of the app.
fn release_1() -> ImageBuilder {
    image().layer(&bottom()).layer(&tar(&[("app", &noise(2, 2_000_000)), ("version", b"1")]))
}

/// Release 2: part of the app is new.
fn release_2() -> ImageBuilder {
    let mut app = noise(2, 2_000_000);
    app[900_000..900_000 + NEW_BYTES].copy_from_slice(&noise(3, NEW_BYTES));
    image().layer(&bottom()).layer(&tar(&[("app", &app), ("version", b"2")]))
}

/// Bytes of release 3's lower layer that are new.
const RELEASE_3_BOTTOM: u64 = 300_000;

/// Release 3: part of both layers is new.
fn release_3() -> ImageBuilder {
    let mut changed = noise(1, 400_000);
    changed[..RELEASE_3_BOTTOM as usize].copy_from_slice(&noise(4, RELEASE_3_BOTTOM as usize));
    let mut app = noise(2, 2_000_000);
    app[900_000..900_000 + NEW_BYTES].copy_from_slice(&noise(3, NEW_BYTES));
    image().layer(&tar(&[("bottom", &changed)])).layer(&tar(&[("app", &app)]))
}

fn bottom() -> Vec<u8> {
    tar(&[("bottom", &noise(1, 400_000))])
}

fn id(contents: &ImageContents) -> String {
    ImageId(Digest::of(&contents.config)).to_string()
}

impl Bench {
    /// Both releases, and no delta.
    fn new() -> Self {
        let registry = RegistryServer::open();
        let link = Link::to(&registry.address());
        let folder = tempfile::tempdir().expect("folder");
        let bench = Bench { registry, link, folder };
        bench.push("1", &release_1().build());
        bench.push("2", &release_2().build());
        bench
    }

    /// Both releases, and the delta between them, which refers to release 2.
    fn with_delta() -> Self {
        let bench = Self::new();
        bench.create_delta("1", "2", "from-1", "--manifest oci");
        bench
    }

    /// Both releases, and the delta of `format` between them beside release 2.
    fn with_delta_of(format: &str) -> Self {
        let bench = Self::new();
        bench.create_delta("1", "2", "for-hosts", &format!("--format {format}"));
        bench
    }

    fn push(&self, tag: &str, contents: &ImageContents) {
        let (transports, _settings) = registry_client::client(1, &serde_json::json!({}));
        let place = parse(&format!("{}/app:{tag}", self.registry.address()));
        transports.write(&place, contents, &Silent).expect("pushed");
    }

    /// Makes a delta beside the target, with a store of its own.
    fn create_delta(&self, from: &str, to: &str, tag: &str, options: &str) {
        let app = format!("{}/app", self.registry.address());
        let line = format!(
            "create {app}:{from} {app}:{to} --output {app}:{tag} {options} --quiet --store making"
        );
        self.succeed(&line);
    }

    /// `app:TAG` over the link.
    fn app(&self, tag: &str) -> String {
        format!("{}/app:{tag}", self.link.address())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        command.env_clear().env("REMORA_STORE", "store").env("HOME", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, line: &str) -> Ran {
        self.command(line).output().expect("remora runs").into()
    }

    fn succeed(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, Some(0), "remora {line}\n{}", ran.stderr);
        ran
    }

    /// Pulls `app:TAG` and returns the answer and the bytes that the link carried.
    fn pull(&self, tag: &str, options: &str) -> (Value, u64) {
        self.link.take_received();
        let ran = self.succeed(&format!("pull {} {options} --json", self.app(tag)));
        (ran.json(), self.link.take_received())
    }

    /// The layers that the store has.
    fn layers(&self) -> Vec<String> {
        names(&self.path("store/layers"))
    }
}

/// The names in a folder, in order; none where there is no folder.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("entry").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).into_string().expect("text")).collect();
    names.sort_unstable();
    names
}
