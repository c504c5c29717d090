//! Layers that mean harm: nothing outside the folder changes, whatever they say.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use remora::progress::Silent;
use serde::Deserialize;

use super::hostile_layers::{Case, Outcome, cases};
use super::layer::Layer;
use crate::images::{Bench, image};
use crate::tools::missing;

/// Bytes of memory that the whole program may have resident, in KiB. The program itself and the mapped layers are
/// in it.
const MEMORY: u64 = 64 << 10;

/// How one run ended.
#[derive(Debug, Deserialize)]
struct Ended {
    code: i32,
    errors: String,
    memory: u64,
    seconds: f64,
}

/// Mode, owner, time in seconds and nanoseconds, number of names, and content of a file.
type Seen = (u32, u32, i64, i64, u64, Vec<u8>);

/// A folder to unpack into, beside what must stay as it is.
struct Yard {
    bench: Bench,
}

impl Yard {
    fn new() -> Self {
        let bench = Bench::new();
        let outside = bench.path().join("outside");
        fs::create_dir(&outside).expect("made");
        fs::write(outside.join("kept"), "kept").expect("written");
        fs::create_dir(outside.join("d")).expect("made");
        fs::create_dir(bench.path().join("to")).expect("made");
        Yard { bench }
    }

    fn outside(&self) -> PathBuf {
        self.bench.path().join("outside")
    }

    /// What can be said of everything outside.
    fn seen(&self) -> BTreeMap<PathBuf, Seen> {
        let mut todo = vec![self.outside()];
        let mut seen = BTreeMap::new();
        while let Some(path) = todo.pop() {
            let it = fs::symlink_metadata(&path).expect("there");
            let content =
                if it.is_file() { fs::read(&path).expect("readable") } else { Vec::new() };
            if it.is_dir() {
                todo.extend(names(&path).into_iter().map(|name| path.join(name)));
            }
            let links = it.nlink();
            seen.insert(path, (it.mode(), it.uid(), it.mtime(), it.mtime_nsec(), links, content));
        }
        seen
    }

    /// Puts the layers into the layout and the store, and says how they are unpacked.
    fn command(&self, number: usize, case: &Case) -> Vec<String> {
        let tag = format!("case{number}");
        let tars = case.layers.iter().map(Layer::tar);
        let contents = tars.fold(image(), |image, tar| image.layer(&tar)).build();
        let made = self.bench.put(&tag, &contents);
        // Layers come in however damaged they are: their digests are right.
        self.bench.store.ensure_layers(&[&made], &Silent).expect("stored");
        let folder = self.bench.path().join("to").join(&tag);
        let words = [
            env!("CARGO_BIN_EXE_remora"),
            "unpack",
            &self.bench.reference(&tag).to_string(),
            folder.to_str().expect("text"),
            "--quiet",
            "--store",
            self.bench.store.path().to_str().expect("text"),
        ];
        words.map(str::to_owned).to_vec()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("entry"));
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn run(commands: &[Vec<String>]) -> Vec<Ended> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/unpacked/measure.py");
    let mut python = Command::new("python3");
    python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap_or_else(|error| missing("python3", &error));
    let commands = serde_json::to_vec(commands).expect("texts");
    python.stdin.take().expect("piped").write_all(&commands).expect("written");
    let output = python.wait_with_output().expect("ran");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn hostile_layers_change_nothing_outside_and_end_soon() {
    let yard = Yard::new();
    let cases = cases(yard.outside().to_str().expect("text"));
    assert!(cases.len() >= 100, "{} cases", cases.len());
    let commands: Vec<Vec<String>> =
        cases.iter().enumerate().map(|(number, case)| yard.command(number, case)).collect();
    let before = yard.seen();
    let around = names(yard.bench.path());
    let ended = run(&commands);
    let mut wrong = Vec::new();
    for (number, (case, ended)) in cases.iter().zip(&ended).enumerate() {
        let is_there = yard.bench.path().join(format!("to/case{number}")).exists();
        let right = match case.outcome {
            Outcome::Made => ended.code == 0 && is_there,
            Outcome::Either(_) if is_there => ended.code == 0,
            Outcome::Refused(reason) | Outcome::Either(reason) => {
                ended.code == 4 && ended.errors.contains(reason) && !is_there
            }
        };
        if !right || ended.memory > MEMORY {
            wrong.push(format!("{}: {:?}, but {ended:?}", case.name, case.outcome));
        }
    }
    let both = || cases.iter().zip(&ended);
    let slowest = both().max_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds)).expect("cases");
    let largest = both().max_by_key(|it| it.1.memory).expect("cases");
    println!("{} cases", cases.len());
    for (case, ended) in [slowest, largest] {
        println!("{}: {:.2} s, {} KiB", case.name, ended.seconds, ended.memory);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(yard.seen(), before);
    assert_eq!(names(yard.bench.path()), around);
    let made = ended.iter().enumerate().filter(|(_, ended)| ended.code == 0);
    let mut made: Vec<String> = made.map(|(number, _)| format!("case{number}")).collect();
    made.sort();
    assert_eq!(names(&yard.bench.path().join("to")), made, "nothing else is beside the folders");
}
