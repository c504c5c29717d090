//! `remora login` and `remora logout`, beside skopeo, Debian's registry and credential helpers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::sandbox::{Ran, Sandbox};
use crate::registry_server::{Access, RegistryServer};
use crate::token_server::{PASSWORD, TokenServer, USER};
use crate::tools::{missing, output, run};

/// A helper that keeps its secrets in files beside it, and notes what it was asked to do.
const HELPER: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 1
echo "$1" >> asked
case $1 in
store) cat > secret ;;
get) [ -f secret ] && cat secret || { echo 'credentials not found in native keychain'; exit 1; } ;;
erase) rm -f secret ;;
esac
"#;

fn with_password() -> RegistryServer {
    RegistryServer::start(&Access::Password(USER, PASSWORD), None)
}

/// Runs `remora` with `input` at its standard input.
fn with_input(sandbox: &Sandbox, arguments: &str, input: &str) -> Ran {
    let mut child = sandbox.command(arguments).stdin(Stdio::piped()).spawn().expect("remora runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
    child.wait_with_output().expect("it ends").into()
}

fn login(sandbox: &Sandbox, place: &str, password: &str) -> Ran {
    let arguments = format!("login {place} -u {USER} --password-stdin --authfile auth.json --json");
    with_input(sandbox, &arguments, &format!("{password}\n"))
}

fn auth_file(sandbox: &Sandbox) -> Value {
    let text = fs::read(sandbox.path("auth.json")).expect("the file is there");
    serde_json::from_slice(&text).expect("JSON")
}

/// Whom skopeo takes the file's user for.
fn skopeos_user(sandbox: &Sandbox, registry: &str) -> Option<String> {
    let authfile = sandbox.path("auth.json").display().to_string();
    let ran = output("skopeo", &["login", "--get-login", "--authfile", &authfile, registry]);
    let name = String::from_utf8(ran.stdout).expect("text").trim().to_owned();
    ran.status.success().then_some(name)
}

#[test]
fn what_remora_keeps_skopeo_reads_and_the_reverse() {
    let (sandbox, registry) = (Sandbox::new(), with_password());
    let place = registry.address();
    let ran = login(&sandbox, &place, PASSWORD);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!((&ran.json()["user"], &ran.json()["checked"]), (&USER.into(), &true.into()));
    let mode = fs::metadata(sandbox.path("auth.json")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(skopeos_user(&sandbox, &place).as_deref(), Some(USER));

    let authfile = sandbox.path("auth.json").display().to_string();
    let source = format!("oci:{}:1.0", sandbox.path("thermostat").display());
    let image = format!("{place}/app:1");
    let insecure = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"];
    let target = format!("docker://{image}");
    run("skopeo", &[&insecure[..], &["--dest-authfile", &authfile, &source, &target]].concat());

    run("skopeo", &["logout", "--authfile", &authfile, &place]);
    let ran = sandbox.run(&format!("list {image} --authfile auth.json"));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("remora login"), "{}", ran.stderr);
    let ran = sandbox.run(&format!("logout {place} --authfile auth.json --json"));
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(3), &"not_found".into()));

    let tls = ["login", "--tls-verify=false", "--authfile", &authfile];
    run("skopeo", &[&tls[..], &["-u", USER, "-p", PASSWORD, &place]].concat());
    sandbox.succeed(&format!("list {image} --authfile auth.json"));
    sandbox.succeed(&format!("logout https://{place}/ --authfile auth.json"));
    assert_eq!(skopeos_user(&sandbox, &place), None);
    assert_eq!(auth_file(&sandbox), json!({ "auths": {} }));
    sandbox.assert_nothing_temporary();
}

#[test]
fn a_login_that_the_registry_refuses_is_not_kept() {
    let (sandbox, registry) = (Sandbox::new(), with_password());
    let ran = login(&sandbox, &registry.address(), "wrong");
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(3), &"unauthorized".into()));
    assert!(ran.stderr.contains("check the user's name and the password"), "{}", ran.stderr);
    assert!(!sandbox.path("auth.json").exists());
    let elsewhere = format!("{}/team", registry.address());
    assert_eq!(login(&sandbox, &elsewhere, PASSWORD).code, Some(0));
    assert!(auth_file(&sandbox)["auths"][&elsewhere]["auth"].is_string());
}

#[test]
fn a_token_server_is_asked_too_and_an_open_registry_checks_nothing() {
    let (sandbox, tokens) = (Sandbox::new(), TokenServer::start());
    let access = Access::Token { realm: &tokens.realm(), certificate: &tokens.certificate };
    let registry = RegistryServer::start(&access, None);
    assert_eq!(login(&sandbox, &registry.address(), "wrong").code, Some(3));
    let ran = login(&sandbox, &registry.address(), PASSWORD);
    assert_eq!((ran.code, &ran.json()["checked"]), (Some(0), &true.into()), "{}", ran.stderr);
    let open = RegistryServer::open();
    let ran = login(&sandbox, &open.address(), "anything");
    assert_eq!((ran.code, &ran.json()["checked"]), (Some(0), &false.into()), "{}", ran.stderr);
}

#[test]
fn everything_else_in_the_file_stays() {
    let (sandbox, registry) = (Sandbox::new(), with_password());
    let place = registry.address();
    let before = json!({
        "HttpHeaders": { "X": "1" },
        "auths": { "other.example": { "auth": "eDp5" }, &place: { "identitytoken": "t", "email": "e" } },
        "detachKeys": "ctrl-e",
    });
    fs::write(sandbox.path("real.json"), before.to_string()).expect("written");
    std::os::unix::fs::symlink("real.json", sandbox.path("auth.json")).expect("linked");
    assert_eq!(login(&sandbox, &place, PASSWORD).code, Some(0));
    let mut expected = before;
    let auth = auth_file(&sandbox)["auths"][&place]["auth"].clone();
    assert!(auth.is_string());
    expected["auths"][&place] = json!({ "email": "e", "auth": auth });
    assert_eq!(auth_file(&sandbox), expected);
    assert!(sandbox.path("auth.json").is_symlink());
    let mode = fs::metadata(sandbox.path("real.json")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    fs::write(sandbox.path("real.json"), "{\"auths\": {").expect("written");
    assert_eq!(login(&sandbox, &place, PASSWORD).code, Some(3));
    assert_eq!(fs::read_to_string(sandbox.path("real.json")).expect("there"), "{\"auths\": {");
}

#[test]
fn helpers_keep_and_forget_logins() {
    let (sandbox, registry) = (Sandbox::new(), with_password());
    let place = registry.address();
    fs::create_dir(sandbox.path("bin")).expect("folder");
    // Another process writes the program: one that this process had open could not be run.
    let make = "cat > \"$1\" && chmod 700 \"$1\"";
    let path = sandbox.path("bin/docker-credential-test").display().to_string();
    let mut shell = Command::new("sh");
    shell.args(["-c", make, "sh", &path]).stdin(Stdio::piped());
    let mut shell = shell.spawn().expect("sh runs");
    shell.stdin.take().expect("a pipe").write_all(HELPER.as_bytes()).expect("written");
    assert!(shell.wait().expect("ends").success());
    let programs =
        format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    for setting in
        [json!({ "credsStore": "test" }), json!({ "credHelpers": { &place: "test" }, "auths": {} })]
    {
        fs::write(sandbox.path("auth.json"), setting.to_string()).expect("written");
        let asked = |arguments: &str, input: &str| -> Ran {
            let mut command = sandbox.command(&format!("{arguments} --authfile auth.json --json"));
            let mut child =
                command.env("PATH", &programs).stdin(Stdio::piped()).spawn().expect("remora runs");
            let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
            child.wait_with_output().expect("it ends").into()
        };
        let ran = asked(&format!("login {place} -u {USER} --password-stdin"), PASSWORD);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.json()["kept"]["helper"], "test");
        let mut with_mark = setting.clone();
        with_mark["auths"][&place] = json!({});
        assert_eq!(auth_file(&sandbox), with_mark, "no secret, and the settings stay");
        let secret = fs::read(sandbox.path("bin/secret")).expect("kept");
        let secret: Value = serde_json::from_slice(&secret).expect("JSON");
        let expected = json!({ "ServerURL": place, "Username": USER, "Secret": PASSWORD });
        assert_eq!(secret, expected);
        assert_eq!(asked(&format!("list {place}/app:1"), "").json()["error"]["code"], "not_found");
        let namespace = asked(&format!("login {place}/team -u {USER} --password-stdin"), PASSWORD);
        assert_eq!(namespace.code, Some(2), "{}", namespace.stderr);

        assert_eq!(asked(&format!("logout {place}"), "").code, Some(0));
        assert!(!sandbox.path("bin/secret").exists());
        assert_eq!(asked(&format!("logout {place}"), "").code, Some(3));

        asked(&format!("login {place} -u {USER} --password-stdin"), PASSWORD);
        let ran = asked("logout --all", "");
        assert_eq!(ran.json()["registries"], json!([place]), "{}", ran.stderr);
        assert!(!sandbox.path("bin/secret").exists());
    }
}

#[test]
fn logging_out_of_all_keeps_the_settings() {
    let sandbox = Sandbox::new();
    let before = json!({ "auths": { "a.example": { "auth": "eDp5" }, "b.example/team": { "auth": "eDp5" } },
                         "credHelpers": {}, "x": 1 });
    fs::write(sandbox.path("auth.json"), before.to_string()).expect("written");
    let ran = sandbox.succeed("logout --all --authfile auth.json");
    assert_eq!(ran.text(), "logged out of a.example, b.example/team\n");
    assert_eq!(auth_file(&sandbox), json!({ "auths": {}, "credHelpers": {}, "x": 1 }));
}

#[test]
fn without_a_named_file_the_sessions_own_is_used_and_others_are_pointed_at() {
    let (sandbox, registry) = (Sandbox::new(), with_password());
    let place = registry.address();
    let in_session = |arguments: &str| {
        let mut command = sandbox.command(arguments);
        Ran::from(command.env("XDG_RUNTIME_DIR", sandbox.path("run")).output().expect("runs"))
    };
    let login = format!("login {place} -u {USER} -p wrong");
    assert_eq!(in_session(&login).code, Some(3));
    fs::create_dir_all(sandbox.path(".docker")).expect("folder");
    let docker = json!({ "auths": { &place: { "auth": "eDp5" } } });
    fs::write(sandbox.path(".docker/config.json"), docker.to_string()).expect("written");
    let ran = in_session(&format!("logout {place}"));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("remora logout --authfile"), "{}", ran.stderr);

    let mut command = sandbox.command(&format!("login {place} -u {USER} -p"));
    command.arg(PASSWORD).env("XDG_RUNTIME_DIR", sandbox.path("run"));
    let ran = Ran::from(command.output().expect("runs"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let folder = sandbox.path("run/containers");
    assert_eq!(fs::metadata(&folder).expect("made").permissions().mode() & 0o777, 0o700);
    assert!(folder.join("auth.json").is_file());
    assert_eq!(in_session(&format!("logout {place}")).code, Some(0));
}

/// Reads from `child` until `text` has come; gives all that came.
fn read_until(child: &mut Child, text: &str) -> String {
    let mut said = String::new();
    let mut byte = [0];
    let out = child.stdout.as_mut().expect("a pipe");
    while !said.contains(text) {
        assert_eq!(out.read(&mut byte).expect("readable"), 1, "only {said:?} came");
        said.push(byte[0].into());
    }
    said
}

#[test]
fn at_a_terminal_user_and_password_are_asked_for_and_the_password_is_not_shown() {
    let (sandbox, registry) = (Sandbox::new(), with_password());
    let line = format!(
        "{} login {} --authfile auth.json",
        env!("CARGO_BIN_EXE_remora"),
        registry.address()
    );
    let mut command = sandbox.program("script");
    command.args(["-qec", &line, "typescript"]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| missing("script", &error));
    let mut said = read_until(&mut child, "User at ");
    let mut keyboard = child.stdin.take().expect("a pipe");
    writeln!(keyboard, "{USER}").expect("typed");
    said += &read_until(&mut child, "Password of ann");
    said += &read_until(&mut child, ": ");
    writeln!(keyboard, "{PASSWORD}").expect("typed");
    said += &read_until(&mut child, "logged in");
    assert!(child.wait().expect("ends").success());
    assert!(!said.contains(PASSWORD), "{said}");
    assert!(auth_file(&sandbox)["auths"][registry.address()].is_object());
}

#[test]
fn an_output_registry_that_wants_a_login_is_not_taken_for_one_that_holds_an_image() {
    let (sandbox, registry) = (Sandbox::new(), with_password());
    let target = format!("{}/app:delta", registry.address());
    let create = format!("create oci:thermostat:1.0 oci:thermostat:1.1 --output {target}");
    let ran = sandbox.run(&create);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("remora login") && !ran.stderr.contains("--replace"),
        "{}",
        ran.stderr
    );
}

#[test]
fn first_logins_at_once_into_a_new_folder_are_all_kept() {
    let registry = RegistryServer::open();
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        let place = |number: usize| format!("{}/team-{number}", registry.address());
        let begin = |number| {
            let login = format!("login {} -u {USER} -p x", place(number));
            let mut command = sandbox.command(&format!("{login} --authfile new/folder/auth.json"));
            command.spawn().expect("remora runs")
        };
        let begun: Vec<Child> = (0..6).map(begin).collect();
        for child in begun {
            let ran: Ran = child.wait_with_output().expect("it ends").into();
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        }
        let text = fs::read(sandbox.path("new/folder/auth.json")).expect("the file is there");
        let file: Value = serde_json::from_slice(&text).expect("JSON");
        for number in 0..6 {
            assert!(file["auths"][place(number)]["auth"].is_string(), "{number}: {file}");
        }
    }
}
