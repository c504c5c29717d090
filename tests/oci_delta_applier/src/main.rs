//! Applies an oci-delta with the crate `oci-delta`, which bootc and composefs use: oci-delta-applier LAYOUT TREE
//!
//! LAYOUT is an OCI layout that holds the artifact, TREE the base's files. Every layer that the artifact brings is rebuilt,
//! and the crate compares its diff ID. A line for each layer of the target says how it is had, and which it is.

mod layout;
mod tree;

use std::io::sink;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, Result, ensure};
use oci_delta::{ParsedDelta, is_delta_artifact, parse_delta_manifest, reconstruct_layer_to};
use oci_spec::image::{Descriptor, Digest};

use layout::Layout;
use tree::Tree;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [layout, tree] = &arguments[..] else {
        anyhow::bail!("usage: oci-delta-applier LAYOUT TREE")
    };
    let (layout, mut tree) = (Layout::of(Path::new(layout)), Tree::of(Path::new(tree)));
    let manifest = layout.manifest()?;
    ensure!(is_delta_artifact(&manifest), "the layout's image is no oci-delta");
    let delta = at_once(parse_delta_manifest(&manifest, &layout))?;
    let layers = delta.target_manifest.layers().iter();
    for (layer, diff_id) in layers.zip(delta.target_config.rootfs().diff_ids()) {
        let how = had(&delta, layer, &diff_id.parse()?, &layout, &mut tree)
            .with_context(|| format!("layer {diff_id}"))?;
        println!("{how} {diff_id}");
    }
    Ok(())
}

/// Rebuilds `layer` if the delta brings it; says how it is had.
fn had(
    delta: &ParsedDelta,
    layer: &Descriptor,
    diff_id: &Digest,
    layout: &Layout,
    tree: &mut Tree,
) -> Result<String> {
    let Some(blob) = delta.delta_layer_by_to.get(layer.digest()) else {
        return Ok("kept".to_owned());
    };
    let media_type = blob.media_type();
    reconstruct_layer_to(layout.blob(blob)?, media_type, tree, diff_id, &mut sink())?;
    Ok(media_type.to_string())
}

/// The outcome of `future`, which waits for nothing: the layout's blobs are files.
fn at_once<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => anyhow::bail!("the crate waits for something"),
    }
}
