//! Policies and signatures with a real registry: keys and signatures by openssl in the form that cosign gives them, and
//! scopes beside skopeo. (Debian's skopeo reads policies and applies scopes, but checks no signatures of sigstore.)

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use remora::Cause;
use remora::image::{
    Blob, Digest, ImageContents, ImageReference, TransportSettings, Transports, media_type,
};
use remora::progress::Silent;
use remora::trust::{Policy, Subject, TrustError, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::registry_server::RegistryServer;
use crate::sample_image::{SampleImage, Style};
use crate::tools;

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURES: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A registry, keys, and images of which some are signed.
pub(super) struct Scene {
    pub(super) folder: TempDir,
    server: RegistryServer,
    transports: Transports,
}

/// How a key is made by openssl.
const KINDS: [(&str, &[&str]); 4] = [
    ("p256", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("p384", &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("rsa", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("ed25519", &["ED25519"]),
];

impl Scene {
    pub(super) fn new() -> Self {
        let settings = TransportSettings::default().changed(|settings| {
            settings.only_given = true;
            settings.max_attempts = 1;
        });
        let transports = Transports::new(settings).expect("no files");
        let folder = tempfile::tempdir().expect("a folder");
        let scene = Scene { folder, server: RegistryServer::open(), transports };
        for (name, kind) in KINDS {
            scene.key(name, kind);
        }
        scene.key("other", KINDS[0].1);
        scene
    }

    fn key(&self, name: &str, kind: &[&str]) {
        let private = self.file(&format!("{name}.key"));
        let public = self.file(&format!("{name}.pub"));
        let arguments = [&["genpkey", "-out", &private, "-algorithm"], kind].concat();
        tools::run("openssl", &arguments);
        tools::run("openssl", &["pkey", "-in", &private, "-pubout", "-out", &public]);
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn public(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pub"))
    }

    /// A name in the registry.
    pub(super) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.server.address())
    }

    /// Pushes an image.
    pub(super) fn push(&self, name: &str, text: &str) -> Digest {
        let sample = SampleImage::new(Style::Oci, text);
        let place: ImageReference = self.at(name).parse().expect(name);
        self.transports.write(&place, &sample.contents, &Silent).expect("pushed")
    }

    /// What openssl makes of a message with a key.
    fn sign(&self, key: &str, message: &[u8]) -> String {
        let (input, output) = (self.file("message"), self.file("signature"));
        fs::write(&input, message).expect("written");
        let private = self.file(&format!("{key}.key"));
        match key {
            "ed25519" => tools::run(
                "openssl",
                &["pkeyutl", "-sign", "-rawin", "-inkey", &private, "-in", &input, "-out", &output],
            ),
            _ => tools::run(
                "openssl",
                &["dgst", "-sha256", "-sign", &private, "-out", &output, &input],
            ),
        };
        STANDARD.encode(fs::read(&output).expect("a signature"))
    }

    /// A layer with a signature of `digest` as `name`.
    fn signature(&self, key: &str, name: &str, digest: Digest) -> (Vec<u8>, Value) {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": name },
                "image": { "docker-manifest-digest": digest.to_string() },
                "type": "cosign container image signature",
            },
            "optional": null,
        });
        let payload = payload.to_string().into_bytes();
        let signature = self.sign(key, &payload);
        let annotations = json!({ "dev.cosignproject.cosign/signature": signature });
        (payload, json!({ "mediaType": PAYLOAD, "annotations": annotations }))
    }

    /// Pushes a manifest with these layers to `place`.
    fn push_layers(&self, place: &str, layers: Vec<(Vec<u8>, Value)>, more: Value) {
        let config = b"{}".to_vec();
        let described: Vec<Value> = layers
            .iter()
            .map(|(bytes, layer)| {
                let mut layer = layer.clone();
                layer["digest"] = json!(Digest::of(bytes));
                layer["size"] = json!(bytes.len());
                layer
            })
            .collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": {
                "mediaType": media_type::OCI_CONFIG, "digest": Digest::of(&config), "size": config.len(),
            },
            "layers": described,
        });
        let more = more.as_object().expect("an object").clone();
        manifest.as_object_mut().expect("an object").extend(more);
        let contents = ImageContents {
            manifest: manifest.to_string().into_bytes(),
            manifest_media_type: media_type::OCI_MANIFEST.to_owned(),
            config,
            layers: layers.into_iter().map(|(bytes, _)| Blob::from_bytes(bytes)).collect(),
            mount_from: Vec::new(),
        };
        let place: ImageReference = place.parse().expect(place);
        self.transports.write(&place, &contents, &Silent).expect("pushed");
    }

    /// Signs what has `digest` in the repository `repository`, by tag: once with each key, as the name with it.
    pub(super) fn sign_by_tag(&self, repository: &str, digest: Digest, signers: &[(&str, &str)]) {
        let layers = signers.iter().map(|(key, name)| self.signature(key, &self.at(name), digest));
        let place = self.at(&format!("{repository}:sha256-{}.sig", digest.hex()));
        self.push_layers(&place, layers.collect(), json!({}));
    }

    /// Signs what has `digest` by a bundle that refers to it, at `place`.
    pub(super) fn sign_by_bundle(&self, place: &str, digest: Digest, key: &str) {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": digest.hex() } }],
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "predicate": {},
        });
        let (statement, kind) = (statement.to_string(), "application/vnd.in-toto+json");
        let message = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
        let bundle = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": { "publicKey": { "hint": "" } },
            "dsseEnvelope": {
                "payload": STANDARD.encode(&statement),
                "payloadType": kind,
                "signatures": [{ "sig": self.sign(key, message.as_bytes()) }],
            },
        });
        let layers = vec![(bundle.to_string().into_bytes(), json!({ "mediaType": BUNDLE }))];
        let subject = json!({
            "mediaType": media_type::OCI_MANIFEST, "digest": digest, "size": 1,
        });
        let more = json!({ "artifactType": BUNDLE, "subject": subject });
        self.push_layers(&self.at(place), layers, more);
    }

    fn verify(&self, policy: &Policy, name: &str, subject: Subject) -> Result<Verdict, TrustError> {
        let reference = self.at(name).parse().expect(name);
        policy.verify(&self.transports, &reference, subject, &Silent)
    }

    /// What a policy says of an image whose rule is this requirement; `@` is the registry, `%` the folder of keys.
    fn judge(&self, requirement: &str, name: &str, digest: Digest) -> Result<Verdict, TrustError> {
        let folder = self.folder.path().display().to_string();
        let requirement = requirement.replace('@', &self.server.address()).replace('%', &folder);
        let json = format!(
            r#"{{"default": [{{"type": "reject"}}],
                "transports": {{"docker": {{"{}/team": [{requirement}]}}}}}}"#,
            self.server.address()
        );
        let policy = Policy::parse(json.as_bytes(), "policy.json").expect("a policy");
        self.verify(&policy, name, Subject { named: digest, manifest: digest })
    }
}

fn refusal(verdict: Result<Verdict, TrustError>) -> String {
    let error = verdict.expect_err("refused");
    assert_eq!(error.cause(), Cause::Untrusted, "{error}");
    error.to_string()
}

#[test]
fn images_are_accepted_by_the_signatures_that_rules_ask_for() {
    let scene = Scene::new();
    let one = scene.push("team/app:1", "one");
    let two = scene.push("team/app:2", "two");
    let bare = scene.push("team/bare:1", "bare");
    scene.push("team/stolen:1", "one");
    scene.sign_by_tag("team/app", one, &[("p256", "team/app:1")]);
    // Cosign names the repository alone.
    scene.sign_by_tag("team/app", two, &[("other", "team/app"), ("p256", "team/app")]);
    scene.sign_by_tag("team/stolen", one, &[("p256", "team/app:1")]);
    let by_digest = format!("team/app@{one}");
    let key = r#"{"type": "sigstoreSigned", "keyPath": "%/p256.pub"}"#;
    let with = |identity: &str| key.replace('}', &format!(r#", "signedIdentity": {identity}}}"#));
    let repository = with(r#"{"type": "matchRepository"}"#);
    let exact = with(r#"{"type": "matchExact"}"#);
    let both = format!(r#"{repository}, {}"#, repository.replace("p256.pub", "other.pub"));
    let data = STANDARD.encode(fs::read(scene.public("p256")).expect("a key"));
    let inline = format!(r#"{{"type": "sigstoreSigned", "keyData": "{data}"}}"#);
    let several =
        r#"{"type": "sigstoreSigned", "keyPaths": ["%/other.pub", "%/p256.pub"]}"#.to_owned();
    let renamed = with(r#"{"type": "exactReference", "dockerReference": "@/team/app:1"}"#);
    let mapped = with(
        r#"{"type": "remapIdentity", "prefix": "@/team/stolen", "signedPrefix": "@/team/app"}"#,
    );
    let accepted = [
        (key, "team/app:1", one),
        (key, by_digest.as_str(), one),
        (&exact, "team/app:1", one),
        (&repository, "team/app:1", one),
        (&repository, "team/app:2", two),
        (&both, "team/app:2", two),
        (&inline, "team/app:1", one),
        (&several, "team/app:1", one),
        (&renamed, "team/stolen:1", one),
        (&mapped, "team/stolen:1", one),
    ];
    for (requirement, name, digest) in accepted {
        let verdict = scene.judge(requirement, name, digest);
        let verdict = verdict.unwrap_or_else(|error| panic!("{requirement} {name}: {error}"));
        assert!(verdict.is_signed() && verdict.to_string().contains("team/app"), "{verdict}");
    }
    let wrong = key.replace("p256", "other");
    let refused = [
        (key, "team/bare:1", bare, "it has none"),
        (&wrong, "team/app:1", one, "by another key"),
        (key, "team/app:2", two, "for another name"),
        (&exact, by_digest.as_str(), one, "for another name"),
        (&exact, "team/app:2", two, "for another name"),
        // The manifest and its signature were copied to where they don't belong.
        (key, "team/stolen:1", one, "for another name"),
        (&repository, "team/stolen:1", one, "for another name"),
        (&both, "team/app:1", one, "by another key"),
        (r#"{"type": "reject"}"#, "team/app:1", one, "is rejected by the rule for"),
        (key, "elsewhere/app:1", one, "is rejected by the default of policy.json"),
    ];
    for (requirement, name, digest, reason) in refused {
        let told = refusal(scene.judge(requirement, name, digest));
        assert!(told.contains(reason), "{requirement} {name}: {told}");
    }
    // A tag that holds a signature of something else, as whoever can push may do.
    scene.sign_by_tag("team/bare", bare, &[]);
    assert!(refusal(scene.judge(key, "team/bare:1", bare)).contains("it has none"));
    let layers = vec![scene.signature("p256", &scene.at("team/bare:1"), one)];
    let place = scene.at(&format!("team/bare:sha256-{}.sig", bare.hex()));
    scene.push_layers(&place, layers, json!({}));
    assert!(refusal(scene.judge(key, "team/bare:1", bare)).contains("for another manifest"));
    let verdict = scene.judge(r#"{"type": "insecureAcceptAnything"}"#, "team/bare:1", bare);
    let verdict = verdict.expect("accepted");
    assert!(!verdict.is_signed() && verdict.to_string().starts_with("not checked"), "{verdict}");
}

#[test]
fn a_key_alone_asks_for_its_signature_of_the_repository_whatever_kind_it_is() {
    let scene = Scene::new();
    for (kind, _) in KINDS {
        let (name, repository) = (format!("team/{kind}:1"), format!("team/{kind}"));
        let digest = scene.push(&name, kind);
        let subject = Subject { named: digest, manifest: digest };
        let policy = Policy::of_key(&scene.public(kind)).expect("a key");
        assert!(refusal(scene.verify(&policy, &name, subject)).contains("it has none"));
        scene.sign_by_tag(&repository, digest, &[(kind, &repository)]);
        let verdict = scene.verify(&policy, &name, subject).expect(kind);
        assert!(verdict.to_string().contains(&format!("{kind}.pub for ")), "{verdict}");
        let other = Policy::of_key(&scene.public("other")).expect("a key");
        assert!(refusal(scene.verify(&other, &name, subject)).contains("by another key"));
        // Both must accept.
        let (json, place) = (br#"{"default": [{"type": "reject"}]}"#, "p");
        let strict = Policy::parse(json, place).expect("a policy").and(policy);
        assert!(refusal(scene.verify(&strict, &name, subject)).contains("is rejected"));
    }
    let error = Policy::of_key(Path::new(&scene.file("p256.key"))).expect_err("private");
    assert!(error.to_string().contains("holds a private key"), "{error}");
    let layout: ImageReference = "oci:/nowhere:1".parse().expect("a layout");
    let digest = Digest::of(b"");
    let policy = Policy::of_key(&scene.public("p256")).expect("a key");
    let subject = Subject { named: digest, manifest: digest };
    let told = refusal(policy.verify(&scene.transports, &layout, subject, &Silent));
    assert!(told.contains("in registries alone"), "{told}");
}

#[test]
fn signatures_are_found_among_what_refers_to_the_image_too_and_an_indexs_covers_its_images() {
    let scene = Scene::new();
    let digest = scene.push("team/app:1", "one");
    let image = Subject { named: digest, manifest: digest };
    let policy = Policy::of_key(&scene.public("p256")).expect("a key");
    let sample = SampleImage::new(Style::Oci, "one");
    let subject = json!({
        "mediaType": media_type::OCI_MANIFEST, "digest": digest, "size": sample.contents.manifest.len(),
    });
    let layers = vec![scene.signature("p256", &scene.at("team/app"), digest)];
    let more = json!({ "artifactType": SIGNATURES, "subject": subject });
    scene.push_layers(&scene.at("team/app:attached"), layers, more);
    scene.verify(&policy, "team/app:1", image).expect("accepted");

    // A bundle, as cosign 3 makes them, gives no name: a key alone takes it, a rule that wants a name does not.
    scene.sign_by_bundle("team/app:bundle", digest, "other");
    let other = Policy::of_key(&scene.public("other")).expect("a key");
    let verdict = scene.verify(&other, "team/app:1", image).expect("accepted");
    assert!(verdict.to_string().ends_with(&format!("other.pub for {digest}")), "{verdict}");
    let rule = r#"{"type": "sigstoreSigned", "keyPath": "%/other.pub"}"#;
    let told = refusal(scene.judge(rule, "team/app:1", digest));
    assert!(told.contains("gives the image no name"), "{told}");

    // The digest of an index is signed, and the image is one that the index leads to.
    let index = Digest::of(b"an index");
    scene.sign_by_tag("team/app", index, &[("rsa", "team/app")]);
    let of_index = Subject { named: index, manifest: digest };
    let policy = Policy::of_key(&scene.public("rsa")).expect("a key");
    scene.verify(&policy, "team/app:1", of_index).expect("accepted");
    refusal(scene.verify(&policy, "team/app:1", image));
}

#[test]
fn what_is_not_supported_is_refused_by_name_where_it_applies_and_nowhere_else() {
    let scene = Scene::new();
    let digest = scene.push("team/app:1", "one");
    for (requirement, name) in [
        (r#"{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/none"}"#, "signedBy"),
        (r#"{"type": "sigstoreSigned", "fulcio": {}, "rekorPublicKeyPath": "/none"}"#, "fulcio"),
        (r#"{"type": "sigstoreSigned", "pki": {}}"#, "pki"),
        (
            r#"{"type": "sigstoreSigned", "keyPath": "/none", "rekorPublicKeyPath": "/none"}"#,
            "rekorPublicKey",
        ),
    ] {
        let error = scene.judge(requirement, "team/app:1", digest).expect_err("refused");
        assert!(matches!(error, TrustError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        let elsewhere = scene.judge(requirement, "other/app:1", digest);
        assert!(matches!(elsewhere, Err(TrustError::Rejected { .. })), "{elsewhere:?}");
    }
    let requirement = r#"{"type": "sigstoreSigned", "keyPath": "%/none.pub"}"#;
    let error = scene.judge(requirement, "team/app:1", digest).expect_err("no key");
    assert!(error.to_string().contains("cannot read") && error.cause() == Cause::NoFile, "{error}");
}

#[test]
fn skopeo_applies_the_same_rule_to_the_same_image() {
    let scene = Scene::new();
    let digest = scene.push("team/deep/app:1", "one");
    let host = scene.server.address();
    let layout = scene.folder.path().join("layout");
    let sample = SampleImage::new(Style::Oci, "one");
    let in_layout: ImageReference = format!("oci:{}:1", layout.display()).parse().expect("one");
    scene.transports.write(&in_layout, &sample.contents, &Silent).expect("written");
    let layout = layout.canonicalize().expect("there").display().to_string();
    let image = format!("docker://{host}/team/deep/app:1");
    let by_digest = format!("docker://{host}/team/deep/app@{digest}");
    let in_layout = in_layout.to_string();
    let scopes = [
        ("docker", format!("{host}/team/deep/app:1")),
        ("docker", format!("{host}/team/deep/app@{digest}")),
        ("docker", format!("{host}/team/deep/app:2")),
        ("docker", format!("{host}/team/deep/app")),
        ("docker", format!("{host}/team/deep")),
        ("docker", format!("{host}/team/dee")),
        ("docker", format!("{host}/team")),
        ("docker", host.clone()),
        ("docker", "127.0.0.1".to_owned()),
        ("docker", "*.0.0.1".to_owned()),
        ("docker", "*.1".to_owned()),
        ("docker", "*.2".to_owned()),
        ("docker", String::new()),
        ("docker", "*".to_owned()),
        ("oci", layout.clone()),
        ("oci", format!("{layout}:1")),
        ("oci", scene.folder.path().canonicalize().expect("there").display().to_string()),
        ("oci", "/elsewhere".to_owned()),
        ("oci", String::new()),
        ("oci", "/".to_owned()),
        ("oci", format!("{layout}/")),
        ("oci-archive", "relative".to_owned()),
        ("docker-archive", "/some/file".to_owned()),
        ("docker-daemon", digest.to_string()),
        ("unheard-of", "anything at all".to_owned()),
    ];
    for (transport, scope) in scopes {
        let policy = json!({
            "default": [{ "type": "reject" }],
            "transports": { transport: { scope.as_str(): [{ "type": "insecureAcceptAnything" }] } },
        });
        let file = scene.file("policy.json");
        fs::write(&file, policy.to_string()).expect("written");
        let policy = Policy::from_file(Path::new(&file));
        for name in [&image, &by_digest, &in_layout] {
            let reference = name.parse().expect("a reference");
            let subject = Subject { named: digest, manifest: digest };
            let own = policy.as_ref().is_ok_and(|policy| {
                policy.verify(&scene.transports, &reference, subject, &Silent).is_ok()
            });
            let copy = format!("dir:{}", scene.file("copy"));
            let arguments = ["--policy", &file, "copy", "--src-tls-verify=false", name, &copy];
            let skopeos = tools::output("skopeo", &arguments);
            let told = String::from_utf8_lossy(&skopeos.stderr);
            assert_eq!(own, skopeos.status.success(), "{transport} {scope} {name}: {told}");
            // Neither takes a policy that it can't read for one that rejects.
            let unreadable = told.contains("invalid policy") || told.contains("Unknown key");
            assert_eq!(policy.is_err(), unreadable, "{transport} {scope}: {told}");
        }
    }
}
