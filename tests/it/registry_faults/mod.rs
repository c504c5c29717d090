//! Registries and networks that misbehave: what can be saved is saved, the rest is a clear error.

mod content;
mod downloads;
mod redirects;
mod tokens;
mod uploads;

use remora::image::{Image, ImageError, ImageReference, Platform, Transports};
use remora::progress::Silent;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::registry_client;
use crate::sample_image::{SampleImage, Style, layer_tar};
use crate::scripted_server::{Reply, Request, ScriptedServer};

/// Attempts of the clients in these tests.
const ATTEMPTS: u32 = 4;

fn client(auths: &Value) -> (Transports, TempDir) {
    registry_client::client(ATTEMPTS, auths)
}

fn reference(server: &ScriptedServer) -> ImageReference {
    format!("{}/app:1", server.address()).parse().expect("a reference")
}

fn open(server: &ScriptedServer) -> Result<Image, ImageError> {
    let platform: Platform = "linux/amd64".parse().expect("a platform");
    client(&json!({})).0.open(&reference(server), &platform)
}

fn push(server: &ScriptedServer, sample: &SampleImage) -> Result<(), ImageError> {
    client(&json!({})).0.write(&reference(server), &sample.contents, &Silent).map(|_| ())
}

/// Opens the image and reads layer 0.
fn read(server: &ScriptedServer) -> Result<Vec<u8>, ImageError> {
    layer_tar(&open(server)?, 0).map_err(ImageError::from_read)
}

fn sample() -> SampleImage {
    SampleImage::new(Style::Docker, "x")
}

/// The end of the path of layer 0's blob.
fn layer_path(sample: &SampleImage) -> String {
    format!("/blobs/{}", sample.contents.layers[0].digest)
}

/// Asks for a password before it gives anything.
fn guarded(request: &Request) -> Option<Reply> {
    let known = request.header("authorization").is_some();
    (!known).then(|| Reply::status(401).header("WWW-Authenticate", "Basic realm=\"test\""))
}

fn password(server: &ScriptedServer) -> Value {
    json!({ server.address(): { "username": "ann", "password": "secret" } })
}
