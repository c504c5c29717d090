//! Images in Debian's registry: pushed and pulled, beside skopeo, with every kind of login.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use remora::ErrorKind;
use remora::image::{
    Digest, Image, ImageError, ImageReference, Platform, TransportSettings, Transports,
};
use remora::progress::Silent;
use serde_json::json;
use tempfile::TempDir;

use crate::registry_server::{Access, Identity, RegistryServer};
use crate::sample_image::{SampleImage, Style};
use crate::token_server::{IDENTITY_TOKEN, PASSWORD, TokenServer, USER, fields};
use crate::tools::skopeo;

/// A client with no credentials but those in `auths`.
fn client(folder: &TempDir, auths: serde_json::Value) -> Transports {
    client_trusting(folder, auths, None)
}

fn client_trusting(
    folder: &TempDir,
    auths: serde_json::Value,
    ca_file: Option<&Path>,
) -> Transports {
    let authfile = folder.path().join("auth.json");
    fs::write(&authfile, json!({ "auths": auths }).to_string()).expect("written");
    let settings = TransportSettings::default().changed(|settings| {
        settings.authfile = Some(authfile);
        settings.ca_file = ca_file.map(Path::to_owned);
        settings.max_attempts = 1;
    });
    Transports::new(settings).expect("readable files")
}

fn password(user: &str, password: &str) -> serde_json::Value {
    json!({ "auth": STANDARD.encode(format!("{user}:{password}")) })
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn reference(text: &str) -> ImageReference {
    text.parse().expect(text)
}

fn open(client: &Transports, place: &str) -> Result<Image, ImageError> {
    let platform: Platform = "linux/amd64".parse().expect("a platform");
    client.open(&reference(place), &platform)
}

fn push(client: &Transports, place: &str, sample: &SampleImage) -> Result<Digest, ImageError> {
    client.write(&reference(place), &sample.contents, &Silent)
}

#[test]
fn what_is_pushed_is_pulled_and_skopeo_sees_the_same() {
    let (folder, server) = (folder(), RegistryServer::open());
    let client = client(&folder, json!({}));
    for (style, tag) in [(Style::Docker, "docker"), (Style::Oci, "oci"), (Style::OciZstd, "zstd")] {
        let sample = SampleImage::new(style, tag);
        let place = format!("{}/some/app:{tag}", server.address());
        let digest = push(&client, &place, &sample).expect("pushed");
        assert_eq!(digest, sample.manifest_digest());
        let image = open(&client, &place).expect("opened");
        sample.assert_is(&image);
        assert_eq!(image.pull_size(0), Some(sample.contents.layers[0].size));
        sample.assert_is(&open(&client, &format!("{place}@{digest}")).expect("by digest"));

        let source = format!("docker://{place}");
        let raw = skopeo(&["inspect", "--tls-verify=false", "--raw", &source]);
        assert_eq!(raw.as_bytes(), sample.contents.manifest);
        let copy = format!("dir:{}/{tag}", folder.path().display());
        skopeo(&["copy", "--src-tls-verify=false", &source, &copy]);
    }
}

#[test]
fn what_skopeo_pushes_is_pulled() {
    let (folder, server) = (folder(), RegistryServer::open());
    let client = client(&folder, json!({}));
    let sample = SampleImage::new(Style::Oci, "x");
    let layout = format!("oci:{}/l:x", folder.path().display());
    push(&client, &layout, &sample).expect("written");
    for format in ["v2s2", "oci"] {
        let place = format!("{}/app:{format}", server.address());
        let target = format!("docker://{place}");
        skopeo(&["copy", "--dest-tls-verify=false", "--format", format, &layout, &target]);
        let image = open(&client, &place).expect("opened");
        assert_eq!(image.diff_ids().expect("complete").len(), 2);
        assert_eq!(crate::sample_image::layer_tar(&image, 1).expect("readable"), sample.tars[1]);
    }
}

#[test]
fn layers_are_read_by_several_threads_at_once() {
    let (folder, server) = (folder(), RegistryServer::open());
    let client = client(&folder, json!({}));
    let tars =
        (0..6).map(|n| crate::sample_image::tar("f", &crate::sample_image::noise(n, 500_000)));
    let sample = SampleImage::of_tars(Style::Docker, "amd64", tars.collect());
    let place = format!("{}/app", server.address());
    push(&client, &place, &sample).expect("pushed");
    let image = open(&client, &place).expect("opened");
    std::thread::scope(|scope| {
        for (layer, tar) in sample.tars.iter().enumerate() {
            let image = &image;
            scope.spawn(move || {
                assert!(&crate::sample_image::layer_tar(image, layer).expect("readable") == tar);
            });
        }
    });
}

#[test]
fn blobs_that_are_there_are_not_sent_again_and_others_are_mounted() {
    let (folder, server) = (folder(), RegistryServer::open());
    let client = client(&folder, json!({}));
    let place = |repository: &str| format!("{}/{repository}:1", server.address());
    let sample = SampleImage::new(Style::Docker, "x");
    push(&client, &place("a"), &sample).expect("pushed");
    assert_eq!(server.count("\"PUT /v2/a/blobs/"), 3);
    push(&client, &place("a"), &sample).expect("pushed again");
    assert_eq!(server.count("\"PUT /v2/a/blobs/"), 3);

    let mut mounting = sample.clone();
    let from = ["a", "none"].map(|name| place(name).parse().expect("a registry reference"));
    mounting.contents.mount_from = from.to_vec();
    push(&client, &place("b"), &mounting).expect("mounted");
    assert_eq!(server.count("\"PUT /v2/b/blobs/"), 0, "{}", server.log());
    assert_eq!(server.count("&from=a HTTP/1.1\" 201"), 3, "{}", server.log());
    sample.assert_is(&open(&client, &place("b")).expect("opened"));
}

#[test]
fn a_digest_in_the_reference_must_be_the_image_s() {
    let (folder, server) = (folder(), RegistryServer::open());
    let client = client(&folder, json!({}));
    let sample = SampleImage::new(Style::Docker, "x");
    let place = format!("{}/app@{}", server.address(), sample.manifest_digest());
    push(&client, &place, &sample).expect("pushed by digest");
    sample.assert_is(&open(&client, &place).expect("opened by digest"));
    let other = format!("{}/app:1@{}", server.address(), Digest::of(b"other"));
    let error = push(&client, &other, &sample).expect_err("another digest");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    let error = open(&client, &other).expect_err("not there").to_string();
    assert_eq!(error, format!("{other} was not found"));
}

#[test]
fn a_password_opens_a_registry_and_a_wrong_one_is_not_repeated_in_the_error() {
    let folder = folder();
    let server = RegistryServer::start(&Access::Password(USER, PASSWORD), None);
    let place = format!("{}/team/app:1", server.address());
    let sample = SampleImage::new(Style::Docker, "x");

    let key = format!("{}/team", server.address());
    let good = client(
        &folder,
        json!({ server.address(): password("x", "y"), key: password(USER, PASSWORD) }),
    );
    push(&good, &place, &sample).expect("pushed");
    sample.assert_is(&open(&good, &place).expect("opened"));

    let wrong = client(&folder, json!({ server.address(): password(USER, "wrong secret") }));
    let error = open(&wrong, &place).expect_err("wrong password");
    let expected =
        format!("{}/team/app: the credentials are not accepted for this", server.address());
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.kind(), ErrorKind::Environment);
    assert!(!format!("{error:?}").contains("wrong secret"));

    let none = client(&folder, json!({}));
    let error = open(&none, &place).expect_err("no password");
    assert!(error.to_string().ends_with(": authentication is required"), "{error}");
    assert_eq!(error.remedy(), Some(remora::Remedy::LogIn));
}

#[test]
fn tokens_are_fetched_with_the_scopes_that_are_needed() {
    let (folder, tokens) = (folder(), TokenServer::start());
    let access = Access::Token { realm: &tokens.realm(), certificate: &tokens.certificate };
    let server = RegistryServer::start(&access, None);
    let sample = SampleImage::new(Style::Docker, "x");
    let client = client(&folder, json!({ server.address(): password(USER, PASSWORD) }));
    push(&client, &format!("{}/a:1", server.address()), &sample).expect("pushed");
    let mut mounting = sample.clone();
    let from = format!("{}/a", server.address());
    mounting.contents.mount_from = vec![from.parse().expect("a registry reference")];
    let place = format!("{}/b:1", server.address());
    push(&client, &place, &mounting).expect("mounted");
    assert_eq!(server.count("&from=a HTTP/1.1\" 201"), 3, "{}", server.log());
    sample.assert_is(&open(&client, &place).expect("opened"));

    let scopes = |request: &crate::scripted_server::Request| {
        let fields = fields(&request.path).into_iter().filter(|(name, _)| name == "scope");
        fields.map(|(_, value)| value).collect::<Vec<_>>().join(" ")
    };
    let asked: Vec<String> = tokens.server.requests().iter().map(scopes).collect();
    assert_eq!(
        asked,
        [
            "repository:a:pull,push",
            "repository:b:pull,push",
            "repository:b:pull,push repository:a:pull",
            "repository:b:pull",
        ]
    );
}

#[test]
fn an_identity_token_is_exchanged() {
    let (folder, tokens) = (folder(), TokenServer::start());
    let access = Access::Token { realm: &tokens.realm(), certificate: &tokens.certificate };
    let server = RegistryServer::start(&access, None);
    let sample = SampleImage::new(Style::Docker, "x");
    let place = format!("{}/app:1", server.address());
    let client = client(&folder, json!({ server.address(): { "identitytoken": IDENTITY_TOKEN } }));
    push(&client, &place, &sample).expect("pushed");
    sample.assert_is(&open(&client, &place).expect("opened"));
    assert!(tokens.server.requests().iter().all(|request| request.method == "POST"));
}

#[test]
fn strangers_get_what_is_public_and_a_clear_refusal_otherwise() {
    let (folder, tokens) = (folder(), TokenServer::start());
    let access = Access::Token { realm: &tokens.realm(), certificate: &tokens.certificate };
    let server = RegistryServer::start(&access, None);
    let sample = SampleImage::new(Style::Docker, "x");
    let owner = client(&folder, json!({ server.address(): password(USER, PASSWORD) }));
    let [public, private] =
        ["public/app", "app"].map(|name| format!("{}/{name}:1", server.address()));
    push(&owner, &public, &sample).expect("pushed");
    push(&owner, &private, &sample).expect("pushed");

    let stranger = client(&folder, json!({}));
    sample.assert_is(&open(&stranger, &public).expect("public"));
    let error = open(&stranger, &private).expect_err("private");
    assert!(error.to_string().ends_with("/app: authentication is required"), "{error}");
    let error = push(&stranger, &public, &sample).expect_err("read only");
    assert!(error.to_string().ends_with("/public/app: authentication is required"), "{error}");

    let impostor = client(&folder, json!({ server.address(): password(USER, "wrong") }));
    let error = open(&impostor, &private).expect_err("wrong password");
    assert!(
        error.to_string().ends_with("/app: the credentials are not accepted for this"),
        "{error}"
    );
}

#[test]
fn tls_is_trusted_through_the_ca_file_only() {
    let (folder, identity) = (folder(), Identity::new());
    let server = RegistryServer::start(&Access::Open, Some(&identity));
    let ca_file = folder.path().join("ca.pem");
    fs::write(&ca_file, &identity.certificate).expect("written");
    let sample = SampleImage::new(Style::Docker, "x");
    let place = format!("{}/app:1", server.address());
    let trusting = client_trusting(&folder, json!({}), Some(&ca_file));
    push(&trusting, &place, &sample).expect("pushed");
    sample.assert_is(&open(&trusting, &place).expect("opened"));

    let error = open(&client(&folder, json!({})), &place).expect_err("unknown authority");
    assert!(
        error.to_string().starts_with(&format!("cannot reach {}:", server.address())),
        "{error}"
    );
    assert_eq!(error.remedy(), Some(remora::Remedy::TrustAuthority), "{error}");
}

#[test]
fn files_that_settings_name_must_be_good() {
    let folder = folder();
    let path = folder.path().join("bad");
    fs::write(&path, "rubbish").expect("written");
    let settings =
        TransportSettings::default().changed(|settings| settings.ca_file = Some(path.clone()));
    let error = Transports::new(settings).expect_err("no certificates");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");

    let server = RegistryServer::start(&Access::Password(USER, PASSWORD), None);
    for (authfile, problem) in
        [(path, "make no sense"), (folder.path().join("none"), "cannot read")]
    {
        let settings =
            TransportSettings::default().changed(|settings| settings.authfile = Some(authfile));
        let client = Transports::new(settings).expect("read when needed");
        let error = open(&client, &format!("{}/app", server.address())).expect_err(problem);
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn what_refers_to_another_manifest_is_listed_where_the_registry_does_not_do_it() {
    let (folder, server) = (folder(), RegistryServer::open());
    let client = client(&folder, json!({}));
    let target = SampleImage::new(Style::Oci, "target");
    push(&client, &format!("{}/app:1", server.address()), &target).expect("pushed");
    let mut digests = Vec::new();
    for name in ["one", "two", "one"] {
        let mut sample = SampleImage::new(Style::Oci, name);
        let mut manifest: serde_json::Value =
            serde_json::from_slice(&sample.contents.manifest).expect("JSON");
        manifest["artifactType"] = json!("application/x-test");
        manifest["annotations"] = json!({ "name": name });
        manifest["subject"] = json!({
            "mediaType": target.contents.manifest_media_type,
            "digest": target.manifest_digest(), "size": target.contents.manifest.len(),
        });
        sample.contents.manifest = manifest.to_string().into_bytes();
        let place = format!("{}/app:{name}", server.address());
        digests.push(push(&client, &place, &sample).expect("pushed").to_string());
    }
    let tag = format!("sha256-{}", target.manifest_digest().hex());
    let list = format!("docker://{}/app:{tag}", server.address());
    let list = skopeo(&["inspect", "--tls-verify=false", "--raw", &list]);
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    let entries = list["manifests"].as_array().expect("entries");
    assert_eq!(entries.len(), 2, "each once");
    for (entry, (digest, name)) in entries.iter().zip(digests.iter().zip(["one", "two"])) {
        assert_eq!(entry["digest"], digest.as_str());
        assert_eq!(entry["artifactType"], "application/x-test");
        assert_eq!(entry["annotations"]["name"], name);
    }
}
