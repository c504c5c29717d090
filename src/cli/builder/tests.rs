//! What documents and deployments say of the settings, against the options themselves.

use remora::builder::engine::{EngineSettings, Pruning};

use crate::cli::documented_settings::{assert_deployed, assert_documented, settings};
use crate::cli::units::{parse_age, parse_size, parse_time};

const DOCUMENT: &str = include_str!("../../../docs/builder.md");

#[test]
fn the_document_has_every_setting_with_its_default() {
    assert!(settings("builder").len() > 25);
    assert_documented("builder", DOCUMENT, &[]);
}

#[test]
fn deployments_set_what_there_is() {
    assert_deployed(
        "builder",
        &[
            "compose/docker-compose.remora-builder.yml",
            "systemd/remora-builder.env",
            "helm/remora-builder/templates/deployment.yaml",
        ],
    );
}

#[test]
fn defaults_are_those_of_the_library() {
    let settings = settings("builder");
    let default = |name: &str| settings[name].clone().expect(name);
    let (engines, pruning) = (EngineSettings::default(), Pruning::default());
    assert_eq!(default("REMORA_ENGINE_BUILDS"), engines.places.to_string());
    assert_eq!(default("REMORA_MAX_WAITING"), engines.max_waiting.to_string());
    assert_eq!(parse_time(&default("REMORA_BUILD_TIME")), Ok(engines.build));
    assert_eq!(parse_age(&default("REMORA_KEEP_CACHE_FOR")), Ok(pruning.keep_for));
    assert_eq!(parse_size(&default("REMORA_KEEP_CACHE_BYTES")), Ok(pruning.keep_bytes));
}
