//! What a v2 delta of images with very many names takes of memory, and what is refused.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::images::{Bench, image};

const FILES: usize = 40_000;
const FOLDER_FILES: usize = 40;
/// What everything beside names takes: the program, its threads, the pieces it works on.
const OVERHEAD: u64 = 48 << 20;

/// A layer of many small files, all of which differ from those with another `text`.
fn many_files(text: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for number in 0..FILES {
        let folder = number / FOLDER_FILES;
        let path = format!("usr/lib/node_modules/package-{folder}/dist/module-{number}.js");
        let content = format!("{text} {number}");
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content.as_bytes()).expect("vec");
    }
    tar.into_inner().expect("vec")
}

fn create(bench: &Bench, options: &str) -> Output {
    let [base, target] = ["base", "target"].map(|tag| bench.reference(tag).to_string());
    Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["create", &base, &target, "--format", "v2", "--output", "delta.v2", "--json"])
        .args(options.split_whitespace())
        .env("REMORA_STORE", bench.path().join("store"))
        .current_dir(bench.path())
        .output()
        .expect("remora runs")
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn many_names_take_little_memory_and_more_than_is_allowed_are_refused() {
    let bench = Bench::new();
    bench.put("base", &image().layer(&many_files("old")).build());
    bench.put("target", &image().layer(&many_files("new")).build());

    let refused = create(&bench, "--memory 1MiB");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert_eq!(answer(&refused)["error"]["code"], "too_large");
    let words: Vec<&str> = said.split_whitespace().collect();
    let needs = words.iter().position(|&word| word == "needs").expect("the need is named");
    let needed: u64 = words[needs + 1].parse().expect("bytes");
    assert!(said.contains("--memory") && needed > 1 << 20, "{said}");
    assert!(!Path::new(&bench.path().join("delta.v2")).exists());

    for options in ["", "--list full", "--protect-shared", "--no-verify"] {
        let made = create(&bench, &format!("--memory {needed} {options}"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let answer = answer(&made);
        assert!(answer["entries"].as_u64() >= Some(FILES as u64), "{answer}");
        // Half of what is allowed is for the names; here the indexes are next to nothing.
        let peak = answer["peak_memory"].as_u64().expect("measured");
        assert!(peak < needed / 2 + OVERHEAD, "{options}: {peak} of {needed} bytes");
    }
}
