//! v2 deltas from end to end: made by the library, applied by rsync. Needs root, as devices have it.

mod command_line;
pub(crate) mod device;
pub(crate) mod folder;
mod hostile;
mod images;
pub(crate) mod layers;
mod memory;
mod properties;
mod tree;
mod trees;

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;

use remora::image::{ImageConfig, parse_config};
use remora::progress::Silent;
use remora::v2::{CreateOptions, Layers, V2Error, create_from_layers};
use tempfile::TempDir;

use device::Device;
use folder::differences;
use tree::Tree;

/// Long enough for rsync with any test's batch; only what hangs takes it.
const SECONDS: u32 = 60;

fn config() -> ImageConfig {
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": ["sh"]}, "rootfs": {"type": "layers", "diff_ids": []},
    });
    parse_config(config.to_string().as_bytes()).expect("a config")
}

/// The delta between two stacks of layers.
fn delta_of(base: &[&[u8]], target: &[&[u8]], options: &CreateOptions) -> Result<Vec<u8>, V2Error> {
    let mut file: File = tempfile::tempfile().expect("a file");
    let layers = Layers { base, target, config: &config() };
    let sizes = create_from_layers(&layers, options, &file, &Silent)?;
    let mut delta = Vec::new();
    file.rewind().expect("a file");
    file.read_to_end(&mut delta).expect("readable");
    assert_eq!(sizes.delta_bytes(), delta.len() as u64);
    Ok(delta)
}

/// The delta between two trees.
fn delta(base: &Tree, target: &Tree, options: &CreateOptions) -> Result<Vec<u8>, V2Error> {
    delta_of(&[&base.tar()], &[&target.tar()], options)
}

fn written(tree: &Tree) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    tree.write(folder.path());
    folder
}

/// Applies `delta` to a device with `base`, and compares what it has then with `target`.
fn assert_applies(delta: &[u8], base: &Path, target: &Path) {
    let device = Device::with(base);
    let (code, said) = device.apply(delta, SECONDS);
    assert_eq!(code, Some(0), "{said}");
    let differences = differences(&device.files(), target);
    assert!(differences.is_empty(), "{}\n{said}", differences.join("\n"));
}

/// Makes the delta between two trees with each of the options, and applies it.
fn assert_transfers(base: &Tree, target: &Tree) {
    let (base_folder, target_folder) = (written(base), written(target));
    for options in every_option() {
        let delta = delta(base, target, &options).expect("made");
        assert_applies(&delta, base_folder.path(), target_folder.path());
    }
}

fn every_option() -> Vec<CreateOptions> {
    use remora::v2::ListScope::{Full, Pruned};
    [(Pruned, false), (Full, false), (Pruned, true), (Full, true)]
        .map(|(list, protect_shared)| {
            let mut options = CreateOptions::default();
            (options.list, options.protect_shared) = (list, protect_shared);
            options
        })
        .to_vec()
}

/// How many random cases are tried, where `variable` of the environment does not say.
fn cases(variable: &str, default: u32) -> u32 {
    std::env::var(variable).map_or(default, |cases| cases.parse().expect("a number"))
}
