//! A mount of the configuration (OCI runtime spec, "Mounts").

use serde_json::{Value, json};

pub(super) fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Value {
    json!({ "destination": destination, "type": kind, "source": source, "options": options })
}
