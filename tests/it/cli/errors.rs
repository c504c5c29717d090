//! Every failure says what is wrong in one line and what to do in another, and its kind is the exit
//! code.

use std::fs;

use super::{Sandbox, assert_snapshot};

/// Command lines that fail; a comment line before them in the snapshot says why.
const FAILURES: &[(&str, &str)] = &[
    ("no command line at all that makes sense", "create oci:thermostat:1.0"),
    ("an option of another command", "inspect oci:delta --effort 3"),
    ("an option with a typing error", "diff a b --link-rat 1M"),
    ("a transport there is none of", "inspect dir:delta"),
    ("a file without a transport", "diff thermostat-1.0.tar app:2"),
    ("what looks like a file", "create app-1.tar app-2.tar -o oci:x"),
    ("a file for output", "apply oci:thermostat:1.0 oci:delta -o out.tar"),
    ("a layout without a transport", "diff thermostat app:2"),
    ("an output without a tag", "create a b -o registry.example.com/app"),
    ("an output that is an input", "create oci:thermostat:1.0 b:1 -o oci:thermostat:1.0"),
    ("an output that is no delta", "create a b --format v2 -o noise"),
    ("an output in the store", "create a b -o oci:store/x"),
    ("a name with a character that none has", "inspect registry.example.com/UPPER"),
    ("not a size", "store gc --max-size 5x"),
    ("not an age", "store gc --older-than yesterday"),
    ("not a rate", "diff a b --link-rate fast"),
    ("not a device speed", "diff a b --device-speed copy=fast"),
    ("effort out of range", "diff a b --effort 10"),
    ("not a platform", "inspect oci:delta --platform arm"),
    ("quiet and verbose", "inspect oci:delta -q -v"),
    ("stdin for two images", "apply docker-archive:- docker-archive:- -o oci:x"),
    ("stdout for two things", "apply oci:thermostat:1.0 oci:delta -o docker-archive:- --json"),
    ("an option of the other format", "create a b --format v2 -o x --manifest oci"),
    ("an image for what is a file", "create a b --format v2 -o oci:x"),
    ("an output that cannot be", "create a b -o oci:"),
    ("not a v2 delta", "inspect noise"),
    ("no such layout", "inspect oci:nowhere"),
    ("no such tag", "inspect oci:thermostat:2.0"),
    ("a tag is needed", "inspect oci:thermostat"),
    ("no such file", "inspect docker-archive:nowhere.tar"),
    ("not an archive", "inspect docker-archive:noise"),
    ("not a delta", "inspect oci:thermostat:1.0"),
    ("a delta for an image", "create oci:delta oci:thermostat:1.1 -o oci:x"),
    ("a delta for an image to compare", "diff oci:thermostat:1.0 oci:delta"),
    ("a delta for a base", "apply oci:delta oci:delta -o oci:x"),
    ("not the base", "apply oci:thermostat:1.1 oci:delta -o oci:x"),
    ("a damaged image", "create oci:damaged:1.0 oci:thermostat:1.1 -o oci:x --store new"),
    ("no place for the output", "create oci:thermostat:1.0 oci:thermostat:1.1 -o oci:noise/x"),
    ("no place for the store", "store info --store noise/x"),
    ("no platform of that name", "inspect oci:multi --platform linux/riscv64"),
];

/// Things for the failures to be about.
fn prepare(sandbox: &Sandbox) {
    sandbox.create_delta();
    fs::write(sandbox.path("noise"), [7; 600]).expect("written");
    damage_largest_blob(sandbox);
    fs::create_dir(sandbox.path("multi")).expect("folder");
    fs::copy(sandbox.path("thermostat/oci-layout"), sandbox.path("multi/oci-layout"))
        .expect("copy");
    let index = fs::read_to_string(sandbox.path("thermostat/index.json")).expect("index");
    // Both entries become platforms of one image without a name.
    let index =
        index.replacen("\"annotations\":{\"org.opencontainers.image.ref.name\":\"1.0\"}", ARM, 1);
    let index =
        index.replacen("\"annotations\":{\"org.opencontainers.image.ref.name\":\"1.1\"}", AMD, 1);
    fs::write(sandbox.path("multi/index.json"), index).expect("written");
}

const ARM: &str = r#""platform":{"os":"linux","architecture":"arm","variant":"v7"}"#;
const AMD: &str = r#""platform":{"os":"linux","architecture":"amd64"}"#;

/// Makes `oci:damaged`, a copy of the fixture with one bit of its largest blob flipped.
fn damage_largest_blob(sandbox: &Sandbox) {
    let copied = std::process::Command::new("cp")
        .arg("-rL")
        .args([sandbox.path("thermostat"), sandbox.path("damaged")])
        .status();
    assert!(copied.expect("cp runs").success());
    let blobs = sandbox.tree("damaged/blobs").into_iter().filter(|path| path.is_file());
    let size = |path: &std::path::PathBuf| fs::metadata(path).expect("blob").len();
    let largest = blobs.max_by_key(size).expect("a blob");
    let mut bytes = fs::read(&largest).expect("blob");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).expect("written");
}

#[test]
fn failures_say_what_is_wrong_and_what_to_do() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let mut all = String::new();
    for (why, arguments) in FAILURES {
        let ran = sandbox.run(arguments);
        let code = ran.code.expect("not killed");
        assert!((2..=4).contains(&code), "{arguments}: {code}");
        assert!(ran.stdout.is_empty() || arguments.ends_with("--json"), "{}", ran.text());
        let said = ran.stderr.replace(&sandbox.path("").display().to_string(), "HERE/");
        all += &format!("# {why}\n$ remora {arguments}\n{said}exit {code}\n\n");
    }
    assert_snapshot("errors", &all);
    assert!(!sandbox.path("x").exists(), "a failure left its output");
    sandbox.assert_nothing_temporary();
}

#[test]
fn a_failure_is_an_answer_too_where_json_is_asked_for() {
    let ran = Sandbox::new().run("inspect oci:nowhere --json");
    assert_eq!(ran.code, Some(3));
    let answer = ran.json();
    assert_eq!(answer["schema_version"], 1);
    assert_eq!(answer["command"], "inspect");
    assert_eq!(answer["error"]["kind"], "environment");
    assert!(ran.stderr.contains(answer["error"]["message"].as_str().expect("text")));
}

#[test]
fn each_failure_says_its_code_and_whether_trying_again_can_help() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    for (arguments, code, retry) in [
        ("diff", "usage", false),
        ("inspect oci:thermostat:2.0", "not_found", false),
        ("inspect docker-archive:nowhere.tar", "not_found", false),
        ("inspect oci:thermostat:1.0", "content", false),
        ("create oci:damaged:1.0 oci:thermostat:1.1 -o oci:x --store new", "content", false),
        ("create oci:thermostat:1.0 oci:thermostat:1.1 -o oci:noise/x", "obstacle", false),
        (
            "diff oci:thermostat:1.0 oci:thermostat:1.1 --max-layer-size 1KiB --store s",
            "too_large",
            false,
        ),
        // Nobody gets port 1 from the system, as another test may get one that was free just now.
        ("inspect 127.0.0.1:1/app:1", "unreachable", true),
    ] {
        let answer = sandbox.run(&format!("{arguments} --json")).json();
        let error = &answer["error"];
        let told = (error["code"].as_str(), error["retry"].as_bool());
        assert_eq!(told, (Some(code), Some(retry)), "{arguments}: {error}");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_is_answered_in_json_too() {
    let ran = Sandbox::new().run("diff --json");
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.json()["command"], "remora");
    assert_eq!(ran.json()["error"]["kind"], "usage");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = Sandbox::new();
    let mut child = sandbox.command("completions bash").spawn().expect("runs");
    drop(child.stdout.take());
    assert!(child.wait().expect("ends").success());
}

#[test]
fn a_delta_for_hosts_in_an_images_place_is_named_and_what_takes_it_too() {
    let sandbox = Sandbox::new();
    for format in ["remora", "oci-delta"] {
        let images = "oci:thermostat:1.0 oci:thermostat:1.1";
        sandbox.succeed(&format!("create {images} --format {format} -o oci:{format} --quiet"));
        for line in [
            "unpack DELTA out",
            "bundle DELTA out",
            "create DELTA oci:thermostat:1.1 -o oci:x",
            "create oci:thermostat:1.0 DELTA -o oci:x --format oci-delta",
            "diff oci:thermostat:1.0 DELTA",
            "apply DELTA DELTA -o oci:x",
        ] {
            let ran = sandbox.run(&line.replace("DELTA", &format!("oci:{format}")));
            assert_eq!(ran.code, Some(4), "{line}: {}", ran.stderr);
            let what = format!("is a delta of the format {format}, and an image is wanted");
            assert!(ran.stderr.contains(&what), "{line}: {}", ran.stderr);
            let hint = ran.stderr.lines().find(|told| told.starts_with("hint: "));
            assert!(
                hint.is_some_and(|hint| hint.contains("remora apply")),
                "{line}: {}",
                ran.stderr
            );
        }
    }
}
