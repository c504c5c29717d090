//! What documents and deployments say of the settings, against the options themselves.

use remora::delta::{Effort, Options};
use remora::image::UnpackLimits;

use crate::cli::documented_settings::{assert_deployed, assert_documented, settings};
use crate::cli::units::parse_size;

const DOCUMENT: &str = include_str!("../../../docs/server.md");

#[test]
fn the_document_has_every_setting_with_its_default() {
    assert!(settings("serve").len() > 40);
    // Two existing variables have their defaults in prose, as has what other settings decide.
    assert_documented("serve", DOCUMENT, &["REMORA_TOKEN_ALGORITHM"]);
}

#[test]
fn deployments_set_what_there_is() {
    assert_deployed(
        "serve",
        &[
            "helm/remora/templates/_settings.tpl",
            "helm/remora/templates/_shared.tpl",
            "helm/remora/templates/workers.yaml",
            "helm/remora/templates/deployment.yaml",
            "helm/remora/values.yaml",
            "systemd/remora.env",
            "compose/docker-compose.remora.yml",
        ],
    );
}

#[test]
fn the_chart_leaves_room_beside_the_budget() {
    let values = include_str!("../../../deploy/helm/remora/values.yaml");
    let value = |key: &str| {
        let line = values.lines().find_map(|line| line.trim().strip_prefix(key));
        line.unwrap_or_else(|| panic!("{key} is in values.yaml")).trim().to_owned()
    };
    let budget = parse_size(&value("budget:")).expect("a size");
    // Kubernetes leaves the B out.
    let size = parse_size(&format!("{}B", value("size:"))).expect("a size");
    assert!(budget * 5 / 4 <= size, "{budget} of {size}");
}

#[test]
fn defaults_are_those_of_the_library() {
    let settings = settings("serve");
    let default = |name: &str| settings[name].clone().expect(name);
    let limits = UnpackLimits::default();
    for (name, bytes) in [
        ("REMORA_MAX_LAYER_SIZE", limits.layer_bytes),
        ("REMORA_MAX_IMAGE_SIZE", limits.image_bytes),
        ("REMORA_BUILD_MEMORY", Options::default().memory),
    ] {
        assert_eq!(parse_size(&default(name)), Ok(bytes), "{name}");
    }
    assert_eq!(default("REMORA_MAX_RATIO"), limits.ratio.to_string());
    assert_eq!(default("REMORA_EFFORT"), Effort::default().level().to_string());
}
