//! What policies may hold, and which rule is the one for an image.

use super::super::document::Document;
use super::super::policy::Policy;
use crate::image::ImageReference;

fn problem(json: &str) -> Option<String> {
    Policy::parse(json.as_bytes(), "policy.json").err().map(|error| error.to_string())
}

fn of_requirement(requirement: &str) -> String {
    format!(r#"{{"default": [{requirement}]}}"#)
}

#[test]
fn policies_as_the_manual_has_them_are_read() {
    let identities = [
        r#"{"type": "matchExact"}"#,
        r#"{"type": "matchRepoDigestOrExact"}"#,
        r#"{"type": "matchRepository"}"#,
        r#"{"type": "exactReference", "dockerReference": "r.example/a:1"}"#,
        r#"{"type": "exactRepository", "dockerRepository": "busybox"}"#,
        r#"{"type": "remapIdentity", "prefix": "r.example:5000", "signedPrefix": "r.example/a"}"#,
    ];
    for identity in identities {
        let requirement = format!(
            r#"{{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": {identity}}}"#
        );
        assert_eq!(problem(&of_requirement(&requirement)), None, "{identity}");
    }
    for requirement in [
        r#"{"type": "insecureAcceptAnything"}"#,
        r#"{"type": "reject"}"#,
        r#"{"type": "sigstoreSigned", "keyData": "aGVs\nbG8="}"#,
        r#"{"type": "sigstoreSigned", "keyPaths": ["/a", "/b"]}"#,
        r#"{"type": "sigstoreSigned", "keyDatas": ["aGVsbG8="]}"#,
        r#"{"type": "sigstoreSigned", "keyPath": "/k", "rekorPublicKeyPath": "/r"}"#,
        r#"{"type": "sigstoreSigned", "fulcio": {"caPath": "/c"}, "rekorPublicKeyData": "aA=="}"#,
        r#"{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}"#,
        r#"{"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}}"#,
    ] {
        assert_eq!(problem(&of_requirement(requirement)), None, "{requirement}");
    }
}

#[test]
fn what_is_misspelt_or_missing_is_refused() {
    let signed = |rest: &str| of_requirement(&format!(r#"{{"type": "sigstoreSigned", {rest}}}"#));
    let identity =
        |identity: &str| signed(&format!(r#""keyPath": "/k", "signedIdentity": {identity}"#));
    let in_transport = |transport: &str, scope: &str| {
        format!(
            r#"{{"default": [{{"type": "reject"}}],
                "transports": {{"{transport}": {{"{scope}": [{{"type": "reject"}}]}}}}}}"#
        )
    };
    for (json, reason) in [
        (String::new(), "EOF"),
        ("[]".to_owned(), "expected an object"),
        (r#"[[{"type": "reject"}], {}]"#.to_owned(), "expected an object"),
        (of_requirement(r#"["reject"]"#), "expected an object"),
        ("{}".to_owned(), "missing field `default`"),
        (r#"{"default": []}"#.to_owned(), "no requirements"),
        (r#"{"default": [{"type": "reject"}], "x": 1}"#.to_owned(), "unknown field `x`"),
        (r#"{"default": [{"type": "reject"}], "default": []}"#.to_owned(), "duplicate field"),
        (r#"{"default": [{"type": "reject"}]} {}"#.to_owned(), "trailing characters"),
        (of_requirement(r#"{"type": "accept"}"#), "unknown variant `accept`"),
        (of_requirement(r#"{"type": "reject", "keyPath": "/k"}"#), "unknown field `keyPath`"),
        (of_requirement(r#"{"type": "reject", "type": "reject"}"#), "duplicate field `type`"),
        (of_requirement(r#"{"type": "insecureAcceptAnything", "x": 1}"#), "unknown field `x`"),
        (of_requirement(r#"{"type": "signedBy", "keyType": "x", "keyPath": "/k"}"#), "keyType"),
        (of_requirement(r#"{"type": "signedBy", "keyType": "GPGKeys"}"#), "one of keyPath"),
        (signed(r#""keypath": "/k""#), "unknown field `keypath`"),
        (signed(r#""keyPath": """#), "one of keyPath"),
        (signed(r#""keyPath": "/a", "keyData": "aA==""#), "one of keyPath"),
        (signed(r#""keyPath": "/a", "fulcio": {}"#), "one of keyPath"),
        (signed(r#""fulcio": {}"#), "needs it with fulcio"),
        (signed(r#""keyPaths": []"#), "names no keys"),
        (signed(r#""keyData": "%""#), "not in base64"),
        (identity("null"), "expected an object"),
        (identity(r#"{"type": "matchNothing"}"#), "unknown variant"),
        (identity(r#"{"type": "matchExact", "prefix": "a"}"#), "unknown field"),
        (identity(r#"{"type": "exactReference", "dockerReference": "a/b"}"#), "by tag or digest"),
        (identity(r#"{"type": "exactRepository", "dockerRepository": "A"}"#), "no repository"),
        (identity(r#"{"type": "remapIdentity", "prefix": "a:1/b"}"#), "missing field"),
        (
            identity(
                r#"{"type": "remapIdentity", "prefix": "r.example/a:1", "signedPrefix": "b.c"}"#,
            ),
            "must be hosts",
        ),
        (in_transport("oci", "relative"), "must be absolute"),
        (in_transport("oci", "/"), "the transport's own scope"),
        (in_transport("oci", "/a/../b"), "without"),
        (in_transport("dir", "/a/"), "without"),
        (in_transport("oci-archive", "//a"), "without"),
        (in_transport("docker-archive", "/a"), "has no scopes"),
        (in_transport("docker-daemon", &format!("sha256:{}", "0".repeat(64))), "by ID"),
        (
            r#"{"default": [{"type": "reject"}], "transports": {"docker": {"a": []}}}"#.to_owned(),
            "no requirements",
        ),
        (
            r#"{"default": [{"type": "reject"}], "transports": {"docker": {}, "docker": {}}}"#
                .to_owned(),
            "stands there twice",
        ),
        (format!("{}{}", r#"{"default":"#, "[".repeat(100_000)), "expected an object"),
    ] {
        let problem = problem(&json).unwrap_or_else(|| panic!("accepted: {json:.200}"));
        assert!(problem.contains(reason), "{json:.200}: {problem}");
    }
}

#[test]
fn the_narrowest_scope_has_the_rule() {
    let scopes = [
        ("docker", "r.example:5000/team/app:1"),
        ("docker", "r.example:5000/team/app"),
        ("docker", "r.example:5000/team"),
        ("docker", "r.example:5000"),
        ("docker", "*.example"),
        ("docker", "deep.wild.example.org"),
        ("docker", "*.example.org"),
        ("docker", "docker.io/library"),
        ("oci", "/tmp"),
        ("oci-archive", ""),
        ("docker-archive", ""),
        ("docker-daemon", "docker.io/library/app"),
    ];
    let mut transports = serde_json::json!({});
    for (transport, scope) in scopes {
        transports[transport][scope] = serde_json::json!([{ "type": "reject" }]);
    }
    let json = serde_json::json!({ "default": [{ "type": "reject" }], "transports": transports });
    let document = Document::parse(json.to_string().as_bytes(), "p").expect("a policy");
    let digest = format!("sha256:{}", "0".repeat(64));
    for (reference, scope) in [
        ("r.example:5000/team/app:1", "r.example:5000/team/app:1"),
        ("r.example:5000/team/app:2", "r.example:5000/team/app"),
        (&format!("r.example:5000/team/app@{digest}"), "r.example:5000/team/app"),
        // A digest decides what the image is, whatever its tag says.
        (&format!("r.example:5000/team/app:1@{digest}"), "r.example:5000/team/app"),
        ("r.example:5000/team/application:1", "r.example:5000/team"),
        ("r.example:5000/team2/app:1", "r.example:5000"),
        ("r.example:6000/team/app:1", "*.example"),
        ("deep.wild.example.org/a:1", "deep.wild.example.org"),
        ("deeper.wild.example.org:1/a:1", "*.example.org"),
        ("busybox", "docker.io/library"),
        ("oci:/tmp/no/such/layout:1", "/tmp"),
        ("oci-archive:-", "oci-archive"),
        ("docker-archive:/tmp/x:app:1", "docker-archive"),
        ("docker-daemon:app:1", "docker.io/library/app"),
    ] {
        let image: ImageReference = reference.parse().expect(reference);
        assert_eq!(
            document.rule(&image).name,
            format!("the rule for {scope:?} in p"),
            "{reference}"
        );
    }
    for reference in [
        "example.org/a:1",
        "docker.io/team/app:1",
        "oci:/var/x",
        &format!("docker-daemon:{digest}"),
    ] {
        let image: ImageReference = reference.parse().expect(reference);
        assert_eq!(document.rule(&image).name, "the default of p", "{reference}");
    }
}
