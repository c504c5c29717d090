//! The house as `docs/architecture.md` draws it: what may import what, read from the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms and what else lies in `src/`, from the ground up. Nothing imports what stands above it, and of those
/// that stand on one line none imports another.
const LEVELS: [&[&str]; 11] = [
    &["kind", "remedy", "progress", "temporary", "tar", "quote", "space", "small_file"],
    &["cause"],
    &["measure", "output"],
    &["image", "delta", "rootfs"],
    &["librsync", "store"],
    &["pack"],
    &["v2", "v3"],
    &["dialect"],
    &["api", "end_signals"],
    &["server"],
    &["cli"],
];

/// What stands beside the drawing: the library's root and the types that join all rooms' errors.
const ROOTS: [&str; 3] = ["lib", "main", "error"];

struct Source {
    path: PathBuf,
    room: String,
    /// Without the tests at its end.
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("entry").path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("rs") => found.push(source(&root, &path)),
                _ => {}
            }
        }
    }
    assert!(found.len() > 200, "the sources are in src/");
    found
}

fn source(root: &Path, path: &Path) -> Source {
    let path = path.strip_prefix(root).expect("below it").to_owned();
    let first = path.iter().next().expect("a name").to_str().expect("text");
    let room = first.trim_end_matches(".rs").to_owned();
    let text = fs::read_to_string(root.join(&path)).expect("text");
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    Source { path, room, text: text[..end].to_owned() }
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| {
        let part = part.to_str().unwrap_or_default().trim_end_matches(".rs");
        part == "tests" || part.ends_with("_tests") || part.starts_with("test_")
    })
}

/// The rooms that a source names after `crate::`, also in braces and inside functions.
fn imports(text: &str) -> BTreeSet<String> {
    let name = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let after = &text[at + "crate::".len()..];
        match after.strip_prefix('{') {
            None => found.insert(name(after)),
            Some(list) => {
                let list = &list[..list.find(';').unwrap_or(list.len())];
                let mut depth = 0;
                let mut start = true;
                for (index, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' => start = true,
                        c if start && depth == 0 && !c.is_whitespace() => {
                            found.insert(name(&list[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
                true
            }
        };
    }
    found
}

fn levels() -> BTreeMap<&'static str, usize> {
    let rooms = LEVELS.iter().enumerate();
    rooms.flat_map(|(level, rooms)| rooms.iter().map(move |room| (*room, level))).collect()
}

#[test]
fn nothing_imports_from_above_and_no_dialect_another() {
    let levels = levels();
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !is_test(&source.path)) {
        if ROOTS.contains(&source.room.as_str()) {
            continue;
        }
        let Some(own) = levels.get(source.room.as_str()) else {
            panic!("{} is in no level of the drawing", source.path.display());
        };
        for room in imports(&source.text) {
            let Some(level) = levels.get(room.as_str()) else { continue };
            let ground = *own == 0 && *level == 0;
            if room != source.room && level >= own && !ground {
                broken.push(format!("{} imports {room}", source.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn imports_are_seen_in_every_form() {
    let text = "use crate::image::Image;\nuse crate::{ErrorKind, store::{Layer, Store}, v2};\n\
                fn f() { crate::delta::g(); }";
    let names: Vec<_> = imports(text).into_iter().collect();
    assert_eq!(names, ["ErrorKind", "delta", "image", "store", "v2"]);
}

#[test]
fn only_the_tar_room_reads_a_tar_header() {
    for source in sources().iter().filter(|source| !is_test(&source.path)) {
        let names_crate =
            source.text.contains("tar::Archive") || source.text.contains("tar::Header");
        let names_magic = source.text.contains("b\"ustar");
        assert!(
            source.room == "tar" || !(names_crate || names_magic),
            "{} reads tar headers itself",
            source.path.display()
        );
    }
}

#[test]
fn the_library_names_no_option_and_no_command() {
    for source in sources().iter().filter(|source| !is_test(&source.path)) {
        if ["cli", "main"].contains(&source.room.as_str()) {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let code = line.trim_start();
            if code.starts_with("//") || !code.contains('"') {
                continue;
            }
            let text: String = code.split('"').skip(1).step_by(2).collect();
            // Another program's option is a fact of the format.
            let text = text.replace("zstd --long", "");
            let names_option = text.split(['"', ' ', '`', '(']).any(|word| {
                word.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic))
            });
            let place = format!("{}:{}: {code}", source.path.display(), number + 1);
            assert!(!names_option, "{place}");
            for command in ["remora create", "remora apply", "remora serve", "remora store"] {
                assert!(!text.contains(command), "{place}");
            }
        }
    }
}

#[test]
fn async_code_and_http_are_at_the_edges_only() {
    for source in sources().iter().filter(|source| !is_test(&source.path)) {
        let at_edge = ["api", "end_signals", "server", "cli"].contains(&source.room.as_str())
            || source.path.starts_with("image/registry");
        let is_async = source.text.contains("async ") && source.text.contains(".await");
        let names_http = source.text.contains("use reqwest") || source.text.contains("use axum");
        assert!(at_edge || !(is_async || names_http), "{}", source.path.display());
    }
}
