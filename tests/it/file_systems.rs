//! File systems at their worst, by libraries that stand between Remora and the system: no locks, and
//! power cuts that take everything that was not synced.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use remora::image::Digest;
use rustix::io::Errno;
use tempfile::TempDir;

use crate::tools::run;

/// A folder, and a library that is loaded before the system's.
struct Faulty {
    folder: TempDir,
    library: PathBuf,
}

impl Faulty {
    /// Compiles the library whose source is at `source`.
    fn new(source: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        let library = folder.path().join("library.so");
        let [source, out] = [&source, &library].map(|path| path.to_str().expect("text"));
        run("cc", &["-shared", "-fPIC", "-O1", "-o", out, source, "-ldl", "-lpthread"]);
        Faulty { folder, library }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `remora`, with the library if there are `variables` for it.
    fn remora(&self, arguments: &str, variables: &[(&str, &str)]) -> Output {
        // `env` gives the library to Remora alone: `timeout` would be counted too.
        let mut command = Command::new("timeout");
        command
            .args(["60", "env"])
            .args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        if !variables.is_empty() {
            command.arg(format!("LD_PRELOAD={}", self.library.display()));
        }
        command.arg(env!("CARGO_BIN_EXE_remora")).args(arguments.split_whitespace());
        command.env("REMORA_STORE", self.path("store")).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().expect("runs")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn images() -> String {
    let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/thermostat");
    format!("oci:{0}:1.0 oci:{0}:1.1", layout.display())
}

#[test]
fn where_files_cannot_be_locked_the_error_names_a_local_folder() {
    let faulty = Faulty::new("tests/it/no_locks.c");
    let create = format!("create {} -o oci:out:delta --quiet", images());
    for errno in [Errno::NOLCK, Errno::NOTSUP, Errno::NOSYS] {
        let number = errno.raw_os_error().to_string();
        for (place, advice) in [
            ("/store/", "name a folder on a local disk with --store or REMORA_STORE"),
            ("/out", "write to a folder on a local disk"),
        ] {
            let ran = faulty.remora(&create, &[("NO_LOCKS", place), ("NO_LOCKS_ERRNO", &number)]);
            let said = said(&ran);
            assert_eq!(ran.status.code(), Some(3), "{errno} at {place}: {said}");
            assert!(
                said.contains("cannot lock") && said.contains(place.trim_matches('/')),
                "{said}"
            );
            assert!(said.contains(advice), "{errno} at {place}: {said}");
        }
        assert!(!faulty.path("out/index.json").exists());
    }
    let made = faulty.remora(&create, &[]);
    assert!(made.status.success(), "with locks: {}", said(&made));
}

/// What is there must be whole: the layout and the file of a delta, and the stored layers.
fn assert_whole(faulty: &Faulty, when: &str) {
    for (file, delta) in
        [("new/deep/layout/index.json", "oci:new/deep/layout:delta"), ("delta.v2", "delta.v2")]
    {
        if faulty.path(file).exists() {
            let inspected = faulty.remora(&format!("inspect {delta}"), &[]);
            assert!(inspected.status.success(), "{when}: {delta}: {}", said(&inspected));
        }
    }
    let layers = std::fs::read_dir(faulty.path("store/layers")).into_iter().flatten();
    for layer in layers.map(|layer| layer.expect("readable").path()) {
        let digest = Digest::of(&std::fs::read(&layer).expect("readable")).hex();
        assert_eq!(layer.file_name(), Some(digest.to_string().as_ref()), "{when}: a stored layer");
    }
}

#[test]
fn what_was_published_is_whole_after_a_power_cut_at_any_moment() {
    let faulty = Faulty::new("benches/faults/shim.c");
    let counted = faulty.path("count").display().to_string();
    let folder = faulty.folder.path().display().to_string();
    for arguments in [
        format!("create {} -o oci:new/deep/layout:delta --quiet", images()),
        format!("create {} --format v2 -o delta.v2 --quiet", images()),
    ] {
        let fresh = || {
            for name in ["new", "store"] {
                let _ = std::fs::remove_dir_all(faulty.path(name));
            }
            let _ = std::fs::remove_file(faulty.path("delta.v2"));
        };
        let with = |mode: &str, at: &str| {
            fresh();
            let variables = [
                ("FAULT_PATH", &*folder),
                ("FAULT_MODE", mode),
                ("FAULT_AT", at),
                ("FAULT_COUNT", &counted),
            ];
            let ran = faulty.remora(&arguments, &variables);
            assert!(ran.status.code() != Some(124), "it hangs");
        };
        with("error", "-1");
        let calls: usize =
            std::fs::read_to_string(&counted).expect("counted").parse().expect("a number");
        assert!(calls > 20, "the library sees {calls} calls");
        for mode in ["power", "power-names"] {
            // After the command has ended everything must be there.
            with(mode, "0");
            let outputs = [faulty.path("new/deep/layout/index.json"), faulty.path("delta.v2")];
            assert!(outputs.iter().any(|path| path.exists()), "{mode}, {arguments}: it is gone");
            assert_whole(&faulty, mode);
            for at in (1..=calls).step_by(7) {
                with(mode, &at.to_string());
                assert_whole(&faulty, &format!("{mode} at call {at} of {calls}"));
            }
        }
    }
}

#[test]
fn a_disk_that_is_full_while_a_delta_for_hosts_is_made_or_applied_is_named_and_nothing_half_stays()
{
    let faulty = Faulty::new("benches/faults/shim.c");
    let counted = faulty.path("count").display().to_string();
    let folder = faulty.folder.path().display().to_string();
    let full = Errno::NOSPC.raw_os_error().to_string();
    let base = images().split_whitespace().next().expect("two images").to_owned();
    for format in ["remora", "oci-delta"] {
        let create = format!("create {} --format {format} -o oci:{format} --quiet", images());
        let apply = format!("apply {base} oci:{format} -o oci:applied --quiet");
        for (line, output) in [(create, format), (apply, "applied")] {
            let with = |at: &str| {
                for name in [output, "store"] {
                    let _ = std::fs::remove_dir_all(faulty.path(name));
                }
                let variables = [
                    ("FAULT_PATH", &*folder),
                    ("FAULT_MODE", "all"),
                    ("FAULT_AT", at),
                    ("FAULT_ERRNO", &*full),
                    ("FAULT_COUNT", &*counted),
                ];
                faulty.remora(&line, &variables)
            };
            assert!(with("-1").status.success(), "{line}");
            let calls = std::fs::read_to_string(&counted).expect("counted");
            let calls: usize = calls.parse().expect("a number");
            assert!(calls > 20, "{line}: {calls} calls");
            for at in (1..=calls).step_by(9) {
                let ran = with(&at.to_string());
                let (said, when) = (said(&ran), format!("{line}, from call {at} on"));
                // What comes last only tidies up.
                assert!(matches!(ran.status.code(), Some(0 | 3)), "{when}: {said}");
                let is_named = said.contains("No space left on device");
                assert_eq!(is_named, ran.status.code() == Some(3), "{when}: {said}");
                let again = faulty.remora(&line, &[]);
                assert!(again.status.success(), "{when}, again: {}", self::said(&again));
            }
        }
    }
}
