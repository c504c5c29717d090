//! TLS with registries: whom Remora trusts, what it shows, and how it tells of what does not fit.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use remora::Remedy;
use remora::image::{Image, ImageError, TransportSettings, Transports};
use remora::progress::Silent;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::registry_server::{Access, Identity, RegistryServer, free_port};
use crate::sample_image::{SampleImage, Style};
use crate::scripted_server::{Reply, ScriptedServer};

/// Longer than any test takes: who tries again is found out.
const LONG_PAUSE: Duration = Duration::from_secs(3600);

fn settings() -> TransportSettings {
    TransportSettings::default().changed(|settings| settings.retry_pause = LONG_PAUSE)
}

fn open(settings: TransportSettings, address: &str) -> Result<Image, ImageError> {
    let reference = format!("{address}/app:1").parse().expect("a reference");
    let platform = "linux/amd64".parse().expect("a platform");
    Transports::new(settings).expect("readable files").open(&reference, &platform)
}

fn start(identity: &Identity) -> RegistryServer {
    RegistryServer::start(&Access::Open, Some(identity))
}

/// A folder with the authority, and with what a client shows if there is one.
fn cert_dir(authority: &str, client: Option<&Identity>) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path(), authority, client);
    folder
}

fn fill(folder: &Path, authority: &str, client: Option<&Identity>) {
    fs::create_dir_all(folder).expect("made");
    fs::write(folder.join("ca.crt"), authority).expect("written");
    if let Some(client) = client {
        fs::write(folder.join("client.cert"), &client.certificate).expect("written");
        fs::write(folder.join("client.key"), &client.key).expect("written");
    }
}

/// Pushes an image, with the certificates in `folder`.
fn push(server: &RegistryServer, folder: &Path) {
    let settings = settings().changed(|settings| settings.cert_dir = Some(folder.to_owned()));
    let reference = format!("{}/app:1", server.address()).parse().expect("a reference");
    let contents = SampleImage::new(Style::Docker, "x").contents;
    let client = Transports::new(settings).expect("readable files");
    client.write(&reference, &contents, &Silent).expect("pushed");
}

/// `remora inspect` on the image, which is no delta: exit code 4 if it could be read.
fn inspect(home: &Path, address: &str, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    command.args(["inspect", &format!("{address}/app:1")]).args(options);
    command.env_clear().env("HOME", home).output().expect("remora runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn certificates_are_told_apart_by_what_is_wrong_with_them() {
    let authority = Authority::new();
    let known = || {
        let folder = cert_dir(&authority.certificate, None);
        (settings().changed(|settings| settings.cert_dir = Some(folder.path().to_owned())), folder)
    };
    let names = ["127.0.0.1", "registry.example"];
    for (identity, remedy, texts) in [
        (
            authority.server_between(&names, 2000, 2001),
            Remedy::RenewCertificate,
            &["ended on Mon, 01 Jan 2001", "the clock here says"][..],
        ),
        (
            authority.server_between(&names, 3000, 3001),
            Remedy::RenewCertificate,
            &["counts from Wed, 01 Jan 3000", "the clock here says"],
        ),
        (
            authority.server(&["registry.example", "*.other.example"]),
            Remedy::NameInCertificate,
            &["is for other names: registry.example, *.other.example"],
        ),
        (Authority::new().server(&names), Remedy::TrustAuthority, &["nobody who is trusted"]),
        (Identity::new(), Remedy::TrustAuthority, &[]),
    ] {
        let server = start(&identity);
        let (settings, _folder) = known();
        let error = open(settings, &server.address()).expect_err("not to be trusted");
        assert_eq!(error.remedy(), Some(remedy), "{error}");
        let text = error.to_string();
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn a_registry_without_tls_is_not_spoken_to_in_the_open() {
    let server = RegistryServer::open();
    let error = open(settings(), &server.distant_address()).expect_err("no TLS");
    assert_eq!(error.remedy(), Some(Remedy::AllowPlainHttp), "{error}");
    assert!(error.to_string().ends_with(": it does not answer in TLS"), "{error}");
    // Allowed, it is; what is missing is only the image.
    let settings = settings().changed(|settings| settings.plain_http = true);
    let error = open(settings, &server.distant_address()).expect_err("no image").to_string();
    assert!(error.ends_with("/app:1 was not found"), "{error}");
}

#[test]
fn a_registry_with_tls_is_spoken_to_in_tls_though_plain_http_is_allowed() {
    let authority = Authority::new();
    let server = start(&authority.server(&["127.0.0.1"]));
    let folder = cert_dir(&authority.certificate, None);
    push(&server, folder.path());
    let cert_dir = Some(folder.path().to_owned());
    let settings = settings().changed(|settings| {
        settings.plain_http = true;
        settings.cert_dir = cert_dir;
    });
    open(settings, &server.address()).expect("in TLS");
}

#[test]
fn a_name_that_nobody_has_is_not_tried_again() {
    // What a resolver says without any network, or with one, both end the wait.
    let settings = settings().changed(|settings| settings.max_attempts = 1);
    let error = open(settings, "registry.invalid").expect_err("nobody");
    let text = error.to_string();
    assert!(
        text.ends_with("there is no host of that name")
            && error.remedy() == Some(Remedy::CheckHostName)
            || text.ends_with("its name can't be looked up now"),
        "{text}"
    );
}

#[test]
fn certificates_that_are_kept_for_a_registry_are_used_for_it() {
    let authority = Authority::new();
    let clients = Authority::new();
    let server = start(&Identity {
        clients: Some(clients.certificate.clone()),
        ..authority.server(&["127.0.0.1"])
    });
    let client = clients.client();
    push(&server, cert_dir(&authority.certificate, Some(&client)).path());

    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join(".config/containers/certs.d").join(server.address());
    let ran = inspect(home.path(), &server.address(), &[]);
    assert!(errors(&ran).contains("--ca-file"), "{}", errors(&ran));

    fill(&folder, &authority.certificate, None);
    let ran = inspect(home.path(), &server.address(), &[]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(errors(&ran).contains("certs.d"), "{}", errors(&ran));

    fill(&folder, &authority.certificate, Some(&Authority::new().client()));
    let ran = inspect(home.path(), &server.address(), &[]);
    assert_eq!(ran.status.code(), Some(3), "a stranger's certificate: {}", errors(&ran));

    fill(&folder, &authority.certificate, Some(&client));
    let ran = inspect(home.path(), &server.address(), &[]);
    assert_eq!(ran.status.code(), Some(4), "{}", errors(&ran));

    fs::write(folder.join("client.key"), "rubbish").expect("written");
    let ran = inspect(home.path(), &server.address(), &[]);
    assert!(errors(&ran).contains("client.cert: it and the file with its key"), "{}", errors(&ran));
}

#[test]
fn a_folder_that_is_named_takes_the_place_of_those_that_are_kept() {
    let authority = Authority::new();
    let server = start(&authority.server(&["127.0.0.1"]));
    let (good, bad) = (cert_dir(&authority.certificate, None), Authority::new());
    push(&server, good.path());
    let home = tempfile::tempdir().expect("a folder");
    let kept = home.path().join(".config/containers/certs.d").join(server.address());
    fill(&kept, &bad.certificate, None);
    let named = good.path().display().to_string();
    assert_eq!(inspect(home.path(), &server.address(), &[]).status.code(), Some(3));
    let ran = inspect(home.path(), &server.address(), &["--cert-dir", &named]);
    assert_eq!(ran.status.code(), Some(4), "{}", errors(&ran));
    let ran = inspect(home.path(), &server.address(), &["--cert-dir", "/nowhere"]);
    assert!(errors(&ran).contains("cannot use the certificates in /nowhere"), "{}", errors(&ran));
}

#[test]
fn who_asks_for_no_verification_gets_none() {
    let home = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let server = start(&authority.server_between(&["registry.example"], 2000, 2001));
    let unchecked = settings().changed(|settings| settings.tls_verify = false);
    let reference = format!("{}/app:1", server.address()).parse().expect("a reference");
    let contents = SampleImage::new(Style::Docker, "x").contents;
    let transports = Transports::new(unchecked).expect("settings");
    transports.write(&reference, &contents, &Silent).expect("pushed unchecked");
    for (options, code) in [
        (&["--tls-verify=false"][..], 4),
        (&[], 3),
        (&["--tls-verify"], 3),
        (&["--tls-verify=true"], 3),
    ] {
        let ran = inspect(home.path(), &server.address(), options);
        assert_eq!(ran.status.code(), Some(code), "{options:?}: {}", errors(&ran));
    }
    let plain = RegistryServer::open();
    let ran = inspect(home.path(), &plain.distant_address(), &["--tls-verify=false"]);
    assert!(errors(&ran).contains("was not found"), "{}", errors(&ran));
}

#[test]
fn silence_and_attempts_can_be_set() {
    let home = tempfile::tempdir().expect("a folder");
    let failing = ScriptedServer::start(|_| Reply::status(500));
    let ran = inspect(home.path(), &failing.address(), &["--retries", "1"]);
    assert_eq!(ran.status.code(), Some(3), "{}", errors(&ran));
    assert_eq!(failing.requests_to("GET", "/manifests/").len(), 2, "one attempt and one more");

    let silent = ScriptedServer::start(|request| {
        if request.is("GET", "/manifests/") {
            std::thread::sleep(Duration::from_secs(60));
        }
        Reply::status(200)
    });
    let ran = inspect(home.path(), &silent.address(), &["--timeout", "1s", "--retries", "0"]);
    assert!(errors(&ran).contains("no sign of life for 1 s"), "{}", errors(&ran));

    let nobody = format!("127.0.0.1:{}", free_port());
    let ran = inspect(home.path(), &nobody, &["--retries", "0"]);
    assert_eq!(ran.status.code(), Some(3), "{}", errors(&ran));
}
