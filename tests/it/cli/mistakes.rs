//! The mistakes that new users make: each message says what is wrong, and each hint what to do about just that.

use std::fs;
use std::process::Stdio;

use serde_json::json;

use super::sandbox::{Ran, Sandbox};
use super::snapshot::assert_snapshot;
use crate::registry_server::{Access, Identity, RegistryServer, free_port};
use crate::token_server::{PASSWORD, USER};
use crate::tools::run;

/// Hints that would fit any mistake, and so none.
const SAYS_NOTHING: [&str; 4] = [
    "see remora help, or --help after the command",
    "check that it is there and may be used, then try again",
    "nothing was written; check that these are the right images",
    "",
];

/// What was typed, and what the user meant. `OPEN`, `LOCKED`, `DISTANT`, `OWN-CA` and `NOBODY` stand for registries.
const MISTAKES: &[(&str, &str)] = &[
    ("a command with a typing error", "craete oci:thermostat:1.0 oci:thermostat:1.1 -o oci:x"),
    ("a command that others have", "push OPEN/app:1"),
    ("an option with a typing error", "create oci:thermostat:1.0 oci:thermostat:1.1 --ouput oci:x"),
    ("an option that others have", "inspect oci:delta --raw"),
    ("no output", "create oci:thermostat:1.0 oci:thermostat:1.1"),
    ("one image only", "create oci:thermostat:1.0 -o oci:x"),
    ("one word too many", "diff oci:thermostat:1.0 oci:thermostat:1.1 oci:delta"),
    ("an option without its value", "create oci:thermostat:1.0 oci:thermostat:1.1 -o"),
    (
        "a value that there is none of",
        "create oci:thermostat:1.0 oci:thermostat:1.1 -o oci:x --format v1",
    ),
    ("a number out of its range", "diff oci:thermostat:1.0 oci:thermostat:1.1 --effort 10"),
    ("a word for a number", "diff oci:thermostat:1.0 oci:thermostat:1.1 --threads many"),
    ("a size with a blank", "create oci:thermostat:1.0 oci:thermostat:1.1 -o oci:x --memory 1 GB"),
    ("a rate in words", "diff oci:thermostat:1.0 oci:thermostat:1.1 --link-rate fast"),
    ("an age in words", "store gc --older-than yesterday"),
    ("an architecture for a platform", "inspect oci:delta --platform arm64"),
    ("quiet and talkative", "inspect oci:delta -q -v"),
    ("a shell that there is none of", "completions tcsh"),
    ("a file without a transport", "diff thermostat-1.0.tar oci:thermostat:1.1"),
    ("a folder without a transport", "diff thermostat oci:thermostat:1.1"),
    ("podman's image", "diff containers-storage:app:1 oci:thermostat:1.1"),
    ("a URL for a reference", "diff https://OPEN/app:1 oci:thermostat:1.1"),
    ("a capital letter", "diff OPEN/App:1 oci:thermostat:1.1"),
    ("a layout that is not there", "diff oci:nowhere oci:thermostat:1.1"),
    ("a tag that is not there", "diff oci:thermostat:1.0 oci:thermostat:1.2"),
    ("no tag, of several", "diff oci:thermostat oci:thermostat:1.1"),
    ("an archive that is not there", "diff docker-archive:nowhere.tar oci:thermostat:1.1"),
    ("a file for a layout", "diff oci:thermostat-1.0.tar oci:thermostat:1.1"),
    ("a docker archive for an OCI one", "diff oci-archive:thermostat-1.0.tar oci:thermostat:1.1"),
    ("an OCI archive for docker's", "diff docker-archive:oci.tar oci:thermostat:1.1"),
    ("a tar of files for an image", "diff docker-archive:files.tar oci:thermostat:1.1"),
    ("a text for an archive", "diff docker-archive:notes.txt oci:thermostat:1.1"),
    ("nothing at standard input", "diff docker-archive:- oci:thermostat:1.1"),
    ("a folder for an archive", "diff docker-archive:thermostat oci:thermostat:1.1"),
    (
        "another platform than the image's",
        "diff oci:thermostat:1.0 oci:thermostat:1.1 --platform linux/arm64",
    ),
    (
        "a platform that the image has not",
        "diff oci:multi oci:thermostat:1.1 --platform linux/riscv64",
    ),
    ("a delta for an image", "create oci:delta oci:thermostat:1.1 -o oci:x"),
    ("an image for a delta", "apply oci:thermostat:1.0 oci:thermostat:1.1 -o oci:x"),
    ("base and delta the wrong way round", "apply oci:delta oci:thermostat:1.0 -o oci:x"),
    ("the new image for the base", "apply oci:thermostat:1.1 oci:delta -o oci:x"),
    ("a v2 delta to apply", "apply oci:thermostat:1.0 v2.delta -o oci:x"),
    ("a text to inspect", "inspect notes.txt"),
    ("a file for a rebuilt image", "apply oci:thermostat:1.0 oci:delta -o x.tar"),
    (
        "the output over the base",
        "create oci:thermostat:1.0 oci:thermostat:1.1 -o oci:thermostat:1.0",
    ),
    ("the output over an image", "create oci:thermostat:1.0 oci:thermostat:1.1 -o oci:mine:app"),
    (
        "the output over a text",
        "create oci:thermostat:1.0 oci:thermostat:1.1 --format v2 -o notes.txt",
    ),
    (
        "a v2 delta into a layout",
        "create oci:thermostat:1.0 oci:thermostat:1.1 --format v2 -o oci:x",
    ),
    (
        "an option of the other format",
        "create oci:thermostat:1.0 oci:thermostat:1.1 --list full -o oci:x",
    ),
    (
        "signatures for the other format",
        "create oci:thermostat:1.0 oci:thermostat:1.1 --signatures -o oci:x",
    ),
    (
        "a digest file for a v2 delta",
        "create oci:thermostat:1.0 oci:thermostat:1.1 --format v2 --digestfile x -o x.tar",
    ),
    ("an output without a tag", "create oci:thermostat:1.0 oci:thermostat:1.1 -o OPEN/app"),
    (
        "an output in no folder",
        "create oci:thermostat:1.0 oci:thermostat:1.1 -o oci-archive:no/x.tar",
    ),
    (
        "an output that is a folder",
        "create oci:thermostat:1.0 oci:thermostat:1.1 -o docker-archive:mine",
    ),
    ("an output below a file", "create oci:thermostat:1.0 oci:thermostat:1.1 -o oci:notes.txt/x"),
    (
        "an output on a full disk",
        "create oci:thermostat:1.0 oci:thermostat:1.1 -o docker-archive:/dev/full",
    ),
    (
        "JSON and an image in one pipe",
        "apply oci:thermostat:1.0 oci:delta -o docker-archive:- --json",
    ),
    ("no login", "diff LOCKED/app:1 LOCKED/app:2"),
    ("no login for the output", "create oci:thermostat:1.0 oci:thermostat:1.1 -o LOCKED/app:delta"),
    ("a wrong password", "diff LOCKED/app:1 LOCKED/app:2 --authfile wrong.json"),
    (
        "credentials of two registries",
        "create LOCKED/app:1 registry.example.com/app:2 -o LOCKED/app:x --creds ann:x",
    ),
    (
        "a credentials file that is not there",
        "diff LOCKED/app:1 LOCKED/app:2 --authfile nowhere.json",
    ),
    ("a credentials file of something else", "diff LOCKED/app:1 LOCKED/app:2 --authfile notes.txt"),
    ("a helper that is not there", "diff LOCKED/app:1 LOCKED/app:2 --authfile helper.json"),
    ("a login with a wrong password", "login LOCKED -u ann -p wrong --authfile new.json"),
    ("a login to no registry", "login registry -u ann -p x"),
    ("a login without a terminal", "login LOCKED"),
    ("a logout without a login", "logout LOCKED --authfile wrong-other.json"),
    ("a tag that the registry has not", "diff OPEN/app:9 oci:thermostat:1.1"),
    ("a repository that the registry has not", "diff OPEN/nowhere:1 oci:thermostat:1.1"),
    ("no delta in the registry", "apply oci:thermostat:1.0 OPEN/app:2 -o oci:x"),
    ("a list of what is in a layout", "list oci:thermostat:1.1"),
    ("a port that nobody listens at", "diff NOBODY/app:1 oci:thermostat:1.1 --retries 0"),
    ("plain HTTP off this machine", "diff DISTANT/app:1 oci:thermostat:1.1"),
    ("a certificate of one's own", "diff OWN-CA/app:1 oci:thermostat:1.1"),
    ("a CA file of something else", "diff OWN-CA/app:1 oci:thermostat:1.1 --ca-file notes.txt"),
    ("a store that is a file", "store info --store notes.txt"),
    ("a store of other things", "store verify --store mine"),
    ("a server without a registry", "serve"),
    ("a server without keys", "serve --registry OPEN"),
    ("a configuration that is not there", "serve --config nowhere.toml"),
    ("a setting that there is none of", "serve --config wrong.toml"),
    ("no pair for a server", "prepare OPEN/app:1 OPEN/app:2 --server http://NOBODY"),
    (
        "a server's name without a scheme",
        "prepare OPEN/app:1=OPEN/app:2 --server delta.example.com",
    ),
];

/// Registries, and things for mistakes to be about.
struct Scene {
    sandbox: Sandbox,
    open: RegistryServer,
    locked: RegistryServer,
    own_ca: RegistryServer,
    nobody: String,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.create_delta();
        let v2 =
            "create oci:thermostat:1.0 oci:thermostat:1.1 --format v2 --quiet --output v2.delta";
        sandbox.succeed(v2);
        let at = |name: &str| sandbox.path(name).display().to_string();
        fs::write(sandbox.path("notes.txt"), "do not lose\n".repeat(100)).expect("written");
        fs::write(sandbox.path("wrong.toml"), "colour = 'red'\n").expect("written");
        run(
            "tar",
            &["-C", &at("thermostat"), "-cf", &at("oci.tar"), "oci-layout", "index.json", "blobs"],
        );
        run("tar", &["-C", &at("."), "-cf", &at("files.tar"), "notes.txt"]);
        run("cp", &["-rL", &at("thermostat"), &at("mine")]);
        run("cp", &["-rL", &at("thermostat"), &at("multi")]);
        let replace = |name: &str, from: &str, to: &str| {
            let text = fs::read_to_string(sandbox.path(name)).expect("text");
            fs::write(sandbox.path(name), text.replacen(from, to, 1)).expect("written");
        };
        replace("mine/index.json", "\"1.1\"", "\"app\"");
        for (release, architecture) in [("1.0", "arm64"), ("1.1", "amd64")] {
            let name =
                format!("\"annotations\":{{\"org.opencontainers.image.ref.name\":\"{release}\"}}");
            let platform = json!({ "os": "linux", "architecture": architecture });
            replace("multi/index.json", &name, &format!("\"platform\":{platform}"));
        }
        let open = RegistryServer::open();
        let locked = RegistryServer::start(&Access::Password(USER, PASSWORD), None);
        let own_ca = RegistryServer::start(&Access::Open, Some(&Identity::new()));
        let place = format!("docker://{}/app:2", open.address());
        let copy = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"];
        run("skopeo", &[&copy[..], &[&format!("oci:{}:1.1", at("thermostat")), &place]].concat());
        let wrong = json!({ "auths": { locked.address(): { "username": USER, "password": "x" } } });
        fs::write(sandbox.path("wrong.json"), wrong.to_string()).expect("written");
        let helper = json!({ "credHelpers": { locked.address(): "nowhere" } });
        fs::write(sandbox.path("helper.json"), helper.to_string()).expect("written");
        let nobody = format!("127.0.0.1:{}", free_port());
        Scene { sandbox, open, locked, own_ca, nobody }
    }

    /// The names of registries that stand in `MISTAKES`, and the registries.
    fn names(&self) -> [(&'static str, String); 5] {
        [
            ("OPEN", self.open.address()),
            ("LOCKED", self.locked.address()),
            ("DISTANT", self.open.distant_address()),
            ("OWN-CA", self.own_ca.address()),
            ("NOBODY", self.nobody.clone()),
        ]
    }

    fn run(&self, typed: &str) -> Ran {
        let arguments = self
            .names()
            .iter()
            .fold(typed.to_owned(), |arguments, (name, address)| arguments.replace(name, address));
        let mut command = self.sandbox.program("setsid");
        command.arg("--wait").arg(env!("CARGO_BIN_EXE_remora"));
        // Without a session there is no terminal to ask at.
        command.args(arguments.split_whitespace()).stdin(Stdio::null());
        command.output().expect("setsid runs").into()
    }

    /// What was said, with the names of registries as they stand in `MISTAKES`.
    fn said(&self, ran: &Ran) -> String {
        let named = self
            .names()
            .iter()
            .fold(ran.stderr.clone(), |said, (name, address)| said.replace(address, name));
        named.replace(&self.sandbox.path("").display().to_string(), "HERE/")
    }
}

#[test]
fn every_mistake_of_a_new_user_is_told_with_what_to_do() {
    let scene = Scene::new();
    let mut all = String::new();
    let mut without_help = Vec::new();
    for (why, typed) in MISTAKES {
        let ran = scene.run(typed);
        let code = ran.code.expect("not killed");
        assert!((2..=4).contains(&code), "{typed}: {code}\n{}", ran.stderr);
        let said = scene.said(&ran);
        let hint = said.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap_or_default();
        if SAYS_NOTHING.contains(&hint) {
            without_help.push(format!("{typed}\n{said}"));
        }
        all += &format!("# {why}\n$ remora {typed}\n{said}exit {code}\n\n");
    }
    assert_snapshot("mistakes", &all);
    assert!(without_help.is_empty(), "{}", without_help.join("\n"));
    assert!(MISTAKES.len() >= 40);
    for name in ["x", "x.tar", "new.json", "no"] {
        assert!(!scene.sandbox.path(name).exists(), "a mistake left {name}");
    }
    let notes = fs::read_to_string(scene.sandbox.path("notes.txt")).expect("there");
    assert!(notes.starts_with("do not lose"));
    scene.sandbox.assert_nothing_temporary();
}
