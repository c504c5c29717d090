//! Logins where the command line finds them: the files and helpers of other image tools.

use std::path::Path;
use std::process::{Command, Output};

use remora::image::{TransportSettings, Transports};
use remora::progress::Silent;
use serde_json::json;
use tempfile::TempDir;

use crate::registry_server::{Access, RegistryServer};
use crate::sample_image::{SampleImage, Style};
use crate::token_server::{PASSWORD, USER};
use crate::tools::run;

/// A registry with a password, an image in it and a user's home folder.
struct Scene {
    server: RegistryServer,
    home: TempDir,
}

impl Scene {
    fn new() -> Self {
        let server = RegistryServer::start(&Access::Password(USER, PASSWORD), None);
        let home = tempfile::tempdir().expect("a folder");
        let scene = Scene { server, home };
        let auths = json!({ "auths": { scene.server.address(): scene.login() } });
        let settings = TransportSettings::default().changed(|settings| {
            settings.authfile = Some(scene.file("pusher.json", &auths.to_string()))
        });
        let reference = scene.image().parse().expect("a reference");
        let contents = SampleImage::new(Style::Docker, "x").contents;
        let client = Transports::new(settings).expect("readable files");
        client.write(&reference, &contents, &Silent).expect("pushed");
        scene
    }

    fn image(&self) -> String {
        format!("{}/app:1", self.server.address())
    }

    fn login(&self) -> serde_json::Value {
        json!({ "username": USER, "password": PASSWORD })
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> std::path::PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("created");
        std::fs::write(&path, content).expect("written");
        path
    }

    /// Makes an executable. Another process writes it: one that this process had open for writing
    /// could not be run while a test beside this one starts a program.
    fn program(&self, name: &str, script: &str) {
        let path = self.path(name).display().to_string();
        let make =
            r#"mkdir -p "${1%/*}" && printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 700 "$1""#;
        run("sh", &["-c", make, "sh", &path, script]);
    }

    /// `remora inspect` on the image, which is no delta: exit code 4 if it could be read.
    fn inspect(&self, environment: &[(&str, &str)]) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
        command.args(["inspect", &self.image()]).env_clear().env("HOME", self.home.path());
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.envs(environment.iter().copied()).output().expect("remora runs")
    }

    fn assert_lets_in(&self, environment: &[(&str, &str)]) {
        let output = self.inspect(environment);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{environment:?}: {errors}");
    }
}

#[test]
fn logins_are_found_where_other_tools_leave_them() {
    let scene = Scene::new();
    let good = json!({ "auths": { scene.server.address(): scene.login() } }).to_string();
    let refused = scene.inspect(&[]);
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{errors}");
    assert!(errors.contains("authentication is required"), "{errors}");

    for (file, variable, value) in [
        ("named.json", "REGISTRY_AUTH_FILE", "named.json"),
        ("run/containers/auth.json", "XDG_RUNTIME_DIR", "run"),
        ("docker/config.json", "DOCKER_CONFIG", "docker"),
        (".docker/config.json", "UNUSED", ""),
    ] {
        let path = scene.file(file, &good);
        let value = scene.path(value).display().to_string();
        scene.assert_lets_in(&[(variable, &value)]);
        std::fs::remove_file(path).expect("removed");
    }
}

#[test]
fn credential_helpers_are_asked() {
    let scene = Scene::new();
    let answer = json!({ "ServerURL": "", "Username": USER, "Secret": PASSWORD });
    let asked = scene.path("asked");
    let script = format!("cat >> '{}'; echo '{answer}'", asked.display());
    scene.program("bin/docker-credential-test", &script);
    scene.file(".docker/config.json", &json!({ "credsStore": "test" }).to_string());
    scene.assert_lets_in(&[]);
    let helpers =
        json!({ "credHelpers": { scene.server.address(): "test" }, "credsStore": "none" });
    scene.file(".docker/config.json", &helpers.to_string());
    scene.assert_lets_in(&[]);
    let address = scene.server.address();
    assert_eq!(std::fs::read_to_string(asked).expect("asked"), format!("{address}{address}"));

    scene.file(".docker/config.json", &json!({ "credsStore": "missing" }).to_string());
    let output = scene.inspect(&[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(errors.contains("docker-credential-missing failed: No such file"), "{errors}");
}
