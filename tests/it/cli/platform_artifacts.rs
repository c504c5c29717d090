//! `create --platform all` of the formats for hosts: each platform's delta is found beside its image, and by the index.

use serde_json::Value;

use super::platforms::{image_id, in_registry, platforms};
use crate::tools::skopeo;

#[test]
fn each_platform_gets_an_artifact_beside_its_image_and_under_one_index() {
    for format in ["remora", "oci-delta"] {
        let (sandbox, _registry, app) = in_registry();
        let create = format!("create {app}:1 {app}:2 --platform all --format {format}");
        let answer = sandbox.succeed(&format!("{create} -o {app}:for-hosts --json")).json();
        assert_eq!(answer["format"], format);
        assert_eq!(platforms(&answer["deltas"]), ["amd64", "arm64"]);
        assert_eq!(answer["skipped"].as_array().map(Vec::len), Some(2));
        let image = format!("docker://{app}:for-hosts");
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &image]);
        let index: Value = serde_json::from_str(&raw).expect("JSON");
        assert_eq!(platforms(&index["manifests"]), ["amd64", "arm64"]);

        // What is there are deltas, which are replaced, by the same bytes.
        let again = sandbox.succeed(&format!("{create} -o {app}:for-hosts --json")).json();
        assert_eq!(again["delta_digest"], answer["delta_digest"]);
        for architecture in ["amd64", "arm64"] {
            let (platform, store) = (format!("--platform linux/{architecture}"), architecture);
            let wanted = image_id(&format!("docker://{app}:2"), architecture);
            let out = format!("oci:out:{architecture}");
            sandbox.succeed(&format!("apply {app}:1 {app}:for-hosts -o {out} {platform}"));
            let out = format!("oci:{}:{architecture}", sandbox.path("out").display());
            assert_eq!(image_id(&out, architecture), wanted);
            // A host finds its own by itself.
            sandbox.succeed(&format!("pull {app}:1 {platform} --store {store} --quiet"));
            let pull = format!("pull {app}:2 {platform} --store {store} --json");
            let pulled = sandbox.succeed(&pull).json();
            assert_eq!((&pulled["way"], &pulled["id"]), (&"delta".into(), &wanted.into()));
        }
    }
}

#[test]
fn layouts_and_archives_hold_an_index_of_artifacts() {
    let (sandbox, _registry, app) = in_registry();
    let create = format!("create {app}:1 {app}:2 --platform all --format remora --quiet --output");
    for output in ["oci:stick:1-2", "oci-archive:stick.tar:1-2"] {
        sandbox.succeed(&format!("{create} {output}"));
        let platform = "--platform linux/arm64";
        let inspected = sandbox.succeed(&format!("inspect {output} {platform} --json")).json();
        assert_eq!(inspected["target_id"], image_id(&format!("docker://{app}:2"), "arm64"));
        let ran = sandbox.run(&format!("inspect {output} --platform linux/s390x"));
        assert_eq!(ran.code, Some(4), "{}", ran.stderr);
        assert!(ran.stderr.contains("it has linux/amd64, linux/arm64"), "{}", ran.stderr);
    }
}
