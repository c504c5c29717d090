//! The config of a delta image.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{BASE_LABEL, TARGET_CONFIG_LABEL, V3Error};
use crate::image::{DiffId, ImageConfig, ImageId};

/// The fields of an image config (OCI image spec, "Image Configuration") that a delta has, in
/// alphabetical order.
#[derive(Serialize)]
struct DeltaConfig<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    architecture: &'a str,
    config: Runtime<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    os: &'a str,
    rootfs: RootFs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime<'a> {
    labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct RootFs<'a> {
    diff_ids: &'a [DiffId],
    r#type: &'a str,
}

/// The config of the delta from `base` to `target` whose layers have `diff_ids`. Nothing in it
/// depends on when or where it is made: `created` is the target's.
pub(super) fn delta_config(
    base: ImageId,
    target: &ImageConfig,
    diff_ids: &[DiffId],
) -> Result<Vec<u8>, V3Error> {
    let target_config = str::from_utf8(target.bytes()).map_err(|_| V3Error::ConfigNotText)?;
    let base = base.to_string();
    let labels = [(BASE_LABEL, base.as_str()), (TARGET_CONFIG_LABEL, target_config)];
    let config = DeltaConfig {
        architecture: target.architecture(),
        config: Runtime { labels: labels.into() },
        created: target.created(),
        os: target.os(),
        rootfs: RootFs { diff_ids, r#type: "layers" },
        variant: target.platform().and_then(|platform| platform.variant),
    };
    Ok(serde_json::to_vec(&config).expect("plain data"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Digest, parse_config};

    #[test]
    fn the_target_config_comes_back_byte_for_byte() {
        let diff_id = DiffId(Digest::of(b"layer"));
        let text = format!(
            "{{ \"created\":\"2026-01-02T03:04:05.6Z\",\t\"os\":\"linux\",\"author\":\"A \\u00e9 é \\\"q\\\" \\ud83d\\ude00\",\n\"rootfs\":{{\"diff_ids\":[\"{diff_id}\"]}}}}"
        );
        let target = parse_config(text.as_bytes()).expect("a config");
        let base = ImageId(Digest::of(b"base"));
        let config = delta_config(base, &target, &[diff_id]).expect("made");
        let parsed = parse_config(&config).expect("a config");
        assert_eq!(parsed.labels()[TARGET_CONFIG_LABEL], text);
        assert_eq!(parsed.labels()[BASE_LABEL], base.to_string());
        assert_eq!(parsed.created(), Some("2026-01-02T03:04:05.6Z"));
        assert_eq!(parsed.diff_ids(), [diff_id]);
    }

    #[test]
    fn a_config_that_is_no_text_is_refused() {
        let text = b"{\"author\":\"\xff\",\"rootfs\":{\"diff_ids\":[]}}";
        let target = parse_config(text).expect("a config whose author nobody reads");
        let base = ImageId(Digest::of(b"base"));
        assert!(matches!(delta_config(base, &target, &[]), Err(V3Error::ConfigNotText)));
    }
}
