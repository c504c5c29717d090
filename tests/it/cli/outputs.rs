//! Where results go: what is there already is written into, followed, replaced or refused, and never
//! lost.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::Sandbox;
use crate::tools;

const V2: &str = "create oci:thermostat:1.0 oci:thermostat:1.1 --format v2 --quiet --output";
const V3: &str = "create oci:thermostat:1.0 oci:thermostat:1.1 --quiet --output";

/// Every writer of one file, with `{}` for its name.
const WRITERS: &[&str] = &[
    "create oci:thermostat:1.0 oci:thermostat:1.1 --format v2 --quiet --output {}",
    "create oci:thermostat:1.0 oci:thermostat:1.1 --quiet --output docker-archive:{}",
    "create oci:thermostat:1.0 oci:thermostat:1.1 --quiet --output oci-archive:{}",
    "apply oci:thermostat:1.0 oci:delta --quiet --output docker-archive:{}",
    "apply oci:thermostat:1.0 oci:delta --quiet --output oci-archive:{}",
];

fn make(sandbox: &Sandbox, name: &str, kind: FileType, device: u64) {
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, sandbox.path(name), kind, mode, device).expect("made; devices need root");
}

/// What the writer writes into a plain file.
fn plainly(sandbox: &Sandbox, writer: &str) -> Vec<u8> {
    sandbox.succeed(&writer.replace("{}", "plain"));
    let bytes = fs::read(sandbox.path("plain")).expect("written");
    fs::remove_file(sandbox.path("plain")).expect("removed");
    bytes
}

#[test]
fn fifos_devices_and_links_stay_what_they_are() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    make(&sandbox, "fifo", FileType::Fifo, 0);
    make(&sandbox, "null", FileType::CharacterDevice, makedev(1, 3));
    make(&sandbox, "full", FileType::CharacterDevice, makedev(1, 7));
    symlink("target", sandbox.path("link")).expect("linked");
    symlink("link", sandbox.path("second")).expect("linked");
    symlink("/proc/self/fd/1", sandbox.path("stdout")).expect("linked");
    symlink("circle", sandbox.path("circle")).expect("linked");
    for writer in WRITERS {
        let expected = plainly(&sandbox, writer);
        let fifo = sandbox.path("fifo");
        let reader = std::thread::spawn(move || fs::read(fifo).expect("read"));
        sandbox.succeed(&writer.replace("{}", "fifo"));
        assert!(reader.join().expect("no panic") == expected, "{writer}");
        sandbox.succeed(&writer.replace("{}", "null"));
        assert_eq!(sandbox.run(&writer.replace("{}", "full")).code, Some(3), "{writer}");
        for name in ["null", "full"] {
            let found = fs::symlink_metadata(sandbox.path(name)).expect("still there");
            assert!(found.file_type().is_char_device(), "{writer}: {name}");
        }
        sandbox.succeed(&writer.replace("{}", "second"));
        assert!(fs::read(sandbox.path("target")).expect("made") == expected, "{writer}");
        assert!(sandbox.path("second").is_symlink() && sandbox.path("link").is_symlink());
        fs::remove_file(sandbox.path("target")).expect("removed");
        assert_eq!(sandbox.run(&writer.replace("{}", "circle")).code, Some(3), "{writer}");
        for stdout in ["-", "stdout", "/proc/self/fd/1"] {
            let ran = sandbox.succeed(&writer.replace("{}", stdout));
            assert!(ran.stdout == expected, "{writer} to {stdout}");
        }
    }
    sandbox.assert_nothing_temporary();
}

#[test]
fn an_output_that_is_an_input_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let archive = "docker-archive:in.tar";
    fs::copy(sandbox.path("thermostat-1.0.tar"), sandbox.path("in.tar")).expect("copied");
    fs::hard_link(sandbox.path("in.tar"), sandbox.path("hard.tar")).expect("linked");
    symlink("in.tar", sandbox.path("soft.tar")).expect("linked");
    let before = fs::read(sandbox.path("in.tar")).expect("there");
    sandbox.succeed(&format!("{V3} oci:named:1"));
    let mut cases = vec![
        format!("{V3} oci:thermostat:1.0 --replace"),
        format!("{V3} oci:./thermostat/:1.1 --replace"),
        format!("{V2} thermostat/index.json --replace"),
        "apply oci:thermostat:1.0 oci:delta --output oci:thermostat:1.0".to_owned(),
        "apply oci:thermostat:1.0 oci:delta --output oci:delta".to_owned(),
        "apply oci:thermostat:1.0 oci:named --output oci:named:1".to_owned(),
        "create localhost:1/a:1 localhost:1/a:2 --output 127.0.0.1:1/a:1".to_owned(),
        "create localhost:1/a:1 localhost:1/a:2 --output localhost:1/a".to_owned(),
    ];
    for name in ["in.tar", "./in.tar", "hard.tar", "soft.tar"] {
        let base = format!("create {archive} oci:thermostat:1.1 --replace --output");
        cases.push(format!("{base} docker-archive:{name}"));
        cases.push(format!("{base} oci-archive:{name}"));
        cases.push(format!("{base} {name} --format v2"));
        cases.push(format!("apply {archive} oci:delta --output docker-archive:{name} --replace"));
    }
    for case in cases {
        let ran = sandbox.run(&case);
        assert_eq!(ran.code, Some(2), "{case}: {}", ran.stderr);
    }
    assert!(fs::read(sandbox.path("in.tar")).expect("there") == before);
}

#[test]
fn what_is_no_delta_is_replaced_only_when_told_to() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let text = |name: &str| fs::write(sandbox.path(name), "precious").expect("written");
    sandbox.succeed("apply oci:thermostat:1.0 oci:delta --quiet --output oci:images:1.1");
    for (name, output) in [
        ("a.txt", format!("{V2} a.txt")),
        ("a.txt", format!("{V3} docker-archive:a.txt")),
        ("a.txt", "apply oci:thermostat:1.0 oci:delta --quiet --output oci-archive:a.txt".into()),
        ("", format!("{V3} oci:images:1.1")),
    ] {
        if !name.is_empty() {
            text(name);
        }
        let ran = sandbox.run(&output);
        assert_eq!(ran.code, Some(2), "{output}: {}", ran.stderr);
        let dry = sandbox.run(&format!("{output} --dry-run"));
        assert_eq!((dry.code, dry.stderr), (ran.code, ran.stderr), "{output}");
        if !name.is_empty() {
            assert_eq!(fs::read(sandbox.path(name)).expect("there"), b"precious", "{output}");
        }
        sandbox.succeed(&format!("{output} --replace"));
        // Over a delta, or the same image alone, nobody needs to be told.
        sandbox.succeed(&output);
    }
}

#[test]
fn an_image_of_another_name_is_never_lost() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let apply = "apply oci:thermostat:1.0 oci:delta --quiet --output";
    for archive in ["docker-archive:d.tar", "oci-archive:o.tar"] {
        sandbox.succeed(&format!("{apply} {archive}:app:1"));
        for name in ["", ":app:2"] {
            for command in [apply, V3] {
                let output = format!("{command} {archive}{name}");
                let ran = sandbox.run(&output);
                assert_eq!(ran.code, Some(2), "{output}: {}", ran.stderr);
                assert!(ran.stderr.contains("app:1"), "{output}: {}", ran.stderr);
            }
        }
        sandbox.succeed(&format!("{apply} {archive}:app:1"));
        sandbox.succeed(&format!("{apply} {archive} --replace"));
    }
    // In a layout what has no name is added beside what has one, and replaces only its like.
    sandbox.succeed(&format!("{apply} oci:layout:app:1"));
    sandbox.succeed(&format!("{V3} oci:layout"));
    sandbox.succeed(&format!("{V3} oci:layout"));
    sandbox.succeed("diff oci:thermostat:1.1 oci:layout:app:1 --quiet");
    sandbox.succeed(&format!("{apply} oci:layout"));
    assert_eq!(sandbox.run(&format!("{V3} oci:layout")).code, Some(2));
}

#[test]
fn nothing_is_put_into_the_store_or_over_a_disk() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    // A number that no driver has: nothing can be written there.
    make(&sandbox, "disk", FileType::BlockDevice, makedev(240, 77));
    symlink("store/new", sandbox.path("into")).expect("linked");
    let before = sandbox.tree("store");
    for place in ["disk", "store/x", "./store/../store/x", "store/no/x", "into"] {
        for writer in WRITERS {
            let output = writer.replace("{}", place);
            let ran = sandbox.run(&output);
            assert_eq!(ran.code, Some(2), "{output}: {}", ran.stderr);
        }
    }
    assert_eq!(sandbox.run(&format!("{V3} oci:store/x:1")).code, Some(2));
    assert_eq!(sandbox.tree("store"), before);
    let disk = fs::symlink_metadata(sandbox.path("disk")).expect("still there");
    assert!(disk.file_type().is_block_device());
}

#[test]
fn a_terminal_by_its_name_is_written_to() {
    let sandbox = Sandbox::new();
    let remora = env!("CARGO_BIN_EXE_remora");
    // Nothing can be made in the folder of terminals, so that none can be replaced.
    let run = format!("place=$(tty) && {remora} {V2} $place > answer");
    let mut script = sandbox.program("script");
    let output = script.args(["-qec", &run, "/dev/null"]).output();
    let output = output.unwrap_or_else(|error| tools::missing("script", &error));
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && screen.contains("{\"version\":2,"), "{screen}");
}

#[test]
fn a_link_for_a_layouts_index_stays_one() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    fs::create_dir(sandbox.path("elsewhere")).expect("created");
    let (index, real) = (sandbox.path("delta/index.json"), sandbox.path("elsewhere/real.json"));
    fs::rename(&index, &real).expect("moved");
    symlink("../elsewhere/real.json", &index).expect("linked");
    let before = fs::read(&real).expect("there");
    sandbox.succeed(&format!("{V3} oci:delta:second"));
    assert!(index.is_symlink());
    assert_ne!(fs::read(&real).expect("there"), before);
    sandbox.succeed("inspect oci:delta:second");
    sandbox.assert_nothing_temporary();
}

#[test]
fn an_output_that_cannot_be_is_found_before_the_work() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("folder")).expect("created");
    // The images are nowhere: whoever looks for them first says so.
    for place in ["docker-archive:no/x.tar", "oci-archive:folder", "oci:thermostat-1.0.tar/x"] {
        let ran = sandbox.run(&format!("create oci:no:1 oci:no:2 --output {place}"));
        assert!(!ran.stderr.contains("oci:no"), "{place}: {}", ran.stderr);
    }
    for place in ["no/x", "folder"] {
        let ran = sandbox.run(&format!("create oci:no:1 oci:no:2 --format v2 --output {place}"));
        assert!(!ran.stderr.contains("oci:no"), "{place}: {}", ran.stderr);
    }
}

#[test]
fn the_next_writer_removes_what_a_killed_one_left() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path(".remora-a1b2c3.tmp"), "left").expect("written");
    sandbox.succeed(&format!("{V2} x.delta"));
    assert!(!sandbox.path(".remora-a1b2c3.tmp").exists());
    let mut start = [0; 12];
    fs::File::open(sandbox.path("x.delta")).expect("made").read_exact(&mut start).expect("read");
    assert_eq!(&start, b"{\"version\":2");
}

#[test]
fn a_dry_run_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.create_delta();
    let before = sandbox.tree(".");
    let apply = "apply oci:thermostat:1.0 oci:delta --output docker-archive:x.tar --dry-run --json";
    let answer = sandbox.succeed(apply).json();
    assert_eq!(answer["output"], serde_json::Value::Null);
    let gc = |dry: &str| sandbox.succeed(&format!("store gc --max-size 0 --json{dry}")).json();
    let would = gc(" --dry-run");
    assert_eq!(sandbox.tree("."), before);
    assert_eq!(gc("")["removed_layers"], would["removed_layers"]);
    assert!(would["removed_layers"].as_u64() > Some(0), "{would}");
}
