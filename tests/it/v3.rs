//! v3 deltas from end to end, through the library.

mod apply;
mod clients;
mod create;
mod golden;
mod hostile;
mod limits;
mod properties;
mod registries;

use remora::apply::{ApplyError, ApplyOptions, Rebuilt};
use remora::image::Image;
use remora::progress::Silent;
use remora::v3::{self, CreateOptions, Delta, V3Error};

use crate::images::{Bench, ImageBuilder, image, noise, tar};

fn packed() -> ApplyOptions {
    let mut options = ApplyOptions::default();
    options.base_blobs = true;
    options
}

fn create(
    bench: &Bench,
    base: &Image,
    target: &Image,
    options: &CreateOptions,
) -> Result<Delta, V3Error> {
    v3::create(base, target, &bench.store, options, &Silent)
}

pub(crate) fn apply(bench: &Bench, base: &Image, delta: &Image) -> Result<Rebuilt, ApplyError> {
    remora::apply::apply(base, delta, &bench.store, packed(), &Silent)
}

/// A base and a target with a shared layer, a changed, a moved and a new one.
fn release_pair() -> (ImageBuilder, ImageBuilder) {
    let program = noise(1, 200_000);
    let mut patched = program.clone();
    patched[70_000..70_010].copy_from_slice(b"0123456789");
    patched.splice(120_000..120_000, *b"a few bytes more");
    let system = tar(&[("etc/os-release", b"NAME=test"), ("lib/libc.so", &noise(2, 300_000))]);
    let assets = tar(&[("srv/assets", &noise(3, 50_000))]);
    let base = image()
        .layer(&system)
        .layer(&tar(&[("bin/program", &program), ("etc/version", b"1")]))
        .layer(&assets);
    let target = image()
        .layer(&system)
        .layer(&assets)
        .layer(&tar(&[("bin/program", &patched), ("etc/version", b"2")]))
        .layer(&tar(&[("var/new", &noise(4, 5_000))]))
        .with("created", "2026-02-03T04:05:06Z".into());
    (base, target)
}
