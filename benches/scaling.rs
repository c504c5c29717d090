//! Time and memory of `remora create` as the base grows: both should stay flat for each MiB.
//!
//! ```text
//! cargo bench --bench scaling -- CORPUS_DIR [--sizes 64,256] [--format remora] [--remora PROGRAM]
//! ```
//!
//! `CORPUS_DIR/<pair>/old` and `…/new` are OCI layouts of one image each. The layers of all old
//! images, in order and over again until there are enough bytes, are the base; those of the new
//! ones at the same places are the target. The store is warm; the delta is verified.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Parser;
use remora::image::{Digest, Image, ImageReference, Platform, TransportSettings, Transports};
use remora::progress::Silent;
use remora::store::Store;
use serde_json::{Value, json};

#[path = "peers/process.rs"]
#[allow(dead_code, reason = "the peers use all of it")]
mod process;

/// Any failure: a benchmark's only reader wants its text.
type Failure = Box<dyn Error>;

const MIB: usize = 1 << 20;

/// Measure how time and memory grow with the base.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder with a folder for each pair, in it the OCI layouts old and new
    corpus: PathBuf,
    /// The sizes of the base, in MiB
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256, 1024, 2048])]
    sizes: Vec<usize>,
    /// The format of the deltas
    #[arg(long, default_value = "v3")]
    format: String,
    /// The program to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_remora"))]
    remora: PathBuf,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let work = tempfile::tempdir_in(".")?;
    let store = Store::open(work.path().join("store"))?;
    let mut pairs: Vec<PathBuf> = fs::read_dir(&arguments.corpus)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, Failure>>()?;
    pairs.sort();
    println!(
        "| base MiB | target MiB | delta bytes | s | s per GiB | CPU s | peak MiB | per MiB |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for &size in &arguments.sizes {
        let folder = work.path().join(size.to_string());
        let target = lay_out(&store, &pairs, size * MIB, &folder)?;
        measure(&arguments, work.path(), &folder, size, target)?;
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn measure(
    arguments: &Arguments,
    work: &Path,
    folder: &Path,
    size: usize,
    target: usize,
) -> Result<(), Failure> {
    let place = |name: &str| format!("oci:{}", folder.join(name).display());
    let answer = folder.join("answer.json");
    let mut create = Command::new(&arguments.remora);
    create.args(["create", "--quiet", "--json", "--store"]).arg(work.join("store"));
    create.args([place("old"), place("new"), "--output".into(), place("delta")]);
    create.args(["--format", &arguments.format]);
    create.stdout(fs::File::create(&answer)?);
    let usage = process::run(&mut create, Duration::from_secs(3600))?;
    let answer: Value = serde_json::from_slice(&fs::read(answer)?)?;
    let (seconds, peak) = (usage.seconds, usage.peak_anonymous_bytes as f64 / MIB as f64);
    let gibibytes = size as f64 / 1024.0;
    println!(
        "| {size} | {} | {} | {seconds:.2} | {:.2} | {:.2} | {peak:.0} | {:.3} |",
        target / MIB,
        answer["total"]["delta_bytes"],
        seconds / gibibytes,
        usage.processor_seconds,
        peak / size as f64,
    );
    Ok(())
}

/// Lays out a base of `size` bytes and its target in `folder`, with their layers in the store.
/// Returns the bytes of the target.
fn lay_out(store: &Store, pairs: &[PathBuf], size: usize, folder: &Path) -> Result<usize, Failure> {
    let (mut base, mut target) = (Layout::new(folder, "old")?, Layout::new(folder, "new")?);
    for pair in pairs.iter().cycle() {
        let (old, new) = (open(&pair.join("old"))?, open(&pair.join("new"))?);
        for index in 0..old.layer_count() {
            let layer = store.ensure_layer(&old, index, &Silent)?;
            base.add(&layer[..layer.len().min(size - base.bytes)])?;
            if index < new.layer_count() {
                let layer = store.ensure_layer(&new, index, &Silent)?;
                target.add(&layer[..layer.len().min(size.saturating_sub(target.bytes))])?;
            }
            if base.bytes == size {
                base.finish(store)?;
                return target.finish(store);
            }
        }
    }
    Err("there are no pairs".into())
}

fn open(layout: &Path) -> Result<Image, Failure> {
    let reference = ImageReference::OciLayout { dir: layout.to_owned(), name: None };
    let transports = Transports::new(TransportSettings::default())?;
    Ok(transports.open(&reference, &Platform::host())?)
}

/// An OCI layout in the making, of layers that are not compressed.
struct Layout {
    folder: PathBuf,
    layers: Vec<Value>,
    diff_ids: Vec<String>,
    bytes: usize,
}

impl Layout {
    fn new(folder: &Path, name: &str) -> Result<Self, Failure> {
        let folder = folder.join(name);
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        Ok(Layout { folder, layers: Vec::new(), diff_ids: Vec::new(), bytes: 0 })
    }

    fn add(&mut self, layer: &[u8]) -> Result<(), Failure> {
        if !layer.is_empty() {
            let descriptor = self.blob("application/vnd.oci.image.layer.v1.tar", layer)?;
            self.diff_ids.push(descriptor["digest"].as_str().unwrap_or_default().to_owned());
            self.layers.push(descriptor);
            self.bytes += layer.len();
        }
        Ok(())
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Result<Value, Failure> {
        let digest = Digest::of(bytes).to_string();
        let file = self.folder.join("blobs").join(digest.replace(':', "/"));
        fs::write(file, bytes)?;
        Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
    }

    /// Writes config, manifest and index, and takes the layers into the store.
    fn finish(self, store: &Store) -> Result<usize, Failure> {
        let platform = json!({"architecture": "amd64", "os": "linux"});
        let mut config = platform.clone();
        config["rootfs"] = json!({"type": "layers", "diff_ids": self.diff_ids});
        let config =
            self.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())?;
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": config,
            "layers": self.layers});
        let manifest = self.blob(media_type, manifest.to_string().as_bytes())?;
        let index = json!({"schemaVersion": 2, "manifests": [manifest]});
        fs::write(self.folder.join("index.json"), index.to_string())?;
        fs::write(self.folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let image = open(&self.folder)?;
        (0..image.layer_count())
            .try_for_each(|index| store.ensure_layer(&image, index, &Silent).map(drop))?;
        Ok(self.bytes)
    }
}
