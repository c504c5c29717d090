//! A client of registries for tests: impatient, with no credentials but those of the test.

use std::time::Duration;

use remora::image::{TransportSettings, Transports};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A client that asks so many times at most and has the credentials `auths`, and the folder of the
/// file that they are in.
pub(crate) fn client(attempts: u32, auths: &Value) -> (Transports, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let authfile = folder.path().join("auth.json");
    std::fs::write(&authfile, json!({ "auths": auths }).to_string()).expect("written");
    let settings = TransportSettings::default().changed(|settings| {
        settings.authfile = Some(authfile);
        settings.max_attempts = attempts;
        settings.retry_pause = Duration::from_millis(1);
    });
    (Transports::new(settings).expect("readable files"), folder)
}
