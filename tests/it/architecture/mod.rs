//! The house as `docs/architecture.md` draws it: what may import what, read from the sources.

mod graph;
mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use remora::Dialect;

use self::graph::{Graph, Module, circles};

/// Rooms and what else lies in `src/`, from the ground up. Nothing imports what stands above it, and of those
/// that stand on one line none imports another.
const LEVELS: [&[&str]; 20] = [
    &[
        "accounts",
        "archives",
        "beneath",
        "kind",
        "leb128",
        "remedy",
        "progress",
        "temporary",
        "tar",
        "quote",
        "references",
        "space",
        "small_file",
        "threads",
        "tls",
    ],
    &["cause"],
    &["engine", "measure", "memory", "output", "user_namespace"],
    &["image", "delta", "rootfs"],
    &["sealed"],
    &["chunked", "librsync", "store", "tar_diff", "trust"],
    &["pack"],
    &["dialect"],
    &["unpack"],
    &["bundle"],
    &["deploy"],
    &["artifact", "v2", "v3"],
    &["apply"],
    &["api", "end_signals"],
    &["fetch"],
    &["release"],
    &["project", "serving"],
    &["builder", "server"],
    &["error"],
    &["cli"],
];

/// Modules that hold nothing but constants of one format.
const CONSTANTS: [&str; 2] = ["flags", "format"];

/// What stands beside the drawing: the library's root and the types that join all rooms' errors.
const ROOTS: [&str; 2] = ["lib", "main"];

/// A file below `src/`.
struct SourceFile {
    path: PathBuf,
    room: String,
    /// Without the tests at its end.
    text: String,
}

fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("entry").path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("rs") => found.extend(source(&root, &path)),
                _ => {}
            }
        }
    }
    assert!(found.len() > 200, "the sources are in src/");
    found
}

/// The file at `path`, unless it is a test.
fn source(root: &Path, path: &Path) -> Option<SourceFile> {
    let path = path.strip_prefix(root).expect("below it").to_owned();
    let first = path.iter().next().expect("a name").to_str().expect("text");
    let room = first.trim_end_matches(".rs").to_owned();
    let text = fs::read_to_string(root.join(&path)).expect("text");
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let file = SourceFile { path, room, text: text[..end].to_owned() };
    (!is_test(&file.path)).then_some(file)
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| {
        let part = part.to_str().unwrap_or_default().trim_end_matches(".rs");
        part == "tests" || part.ends_with("_tests") || part.starts_with("test_")
    })
}

fn graph(files: &[SourceFile]) -> Graph {
    let text = |file: &SourceFile| file.path.to_str().expect("text").to_owned();
    let paths: Vec<String> = files.iter().map(text).collect();
    Graph::new(paths.iter().map(String::as_str).zip(files.iter().map(|file| file.text.as_str())))
}

/// A module as one reads it: `tar/entry`.
fn shown(module: &Module) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("/") }
}

fn levels() -> BTreeMap<&'static str, usize> {
    let rooms = LEVELS.iter().enumerate();
    rooms.flat_map(|(level, rooms)| rooms.iter().map(move |room| (*room, level))).collect()
}

#[test]
fn nothing_imports_from_above_and_no_dialect_another() {
    let levels = levels();
    let level = |module: &Module| {
        let room = module.first().map_or("lib", String::as_str);
        let level = levels.get(room).copied();
        assert!(level.is_some() || ROOTS.contains(&room), "{room} is in no level of the drawing");
        level.map(|level| (level, room.to_owned()))
    };
    let mut broken = Vec::new();
    for (module, needs) in graph(&sources()).needs() {
        let Some((own, room)) = level(&module) else { continue };
        for need in needs {
            let Some((other, other_room)) = level(&need) else { continue };
            if other_room != room && other >= own && own > 0 || other > own {
                broken.push(format!("{} needs {}", shown(&module), shown(&need)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn no_file_needs_one_that_needs_it() {
    let needs = graph(&sources()).needs();
    let circles = circles(&needs);
    let told: Vec<Vec<String>> = circles
        .iter()
        .map(|circle| {
            let inside = |module: &Module| needs[module].intersection(circle).map(shown);
            let line = |module| {
                format!("{} needs {}", shown(module), inside(module).collect::<Vec<_>>().join(", "))
            };
            circle.iter().map(line).collect()
        })
        .collect();
    assert!(told.is_empty(), "{} circles: {told:#?}", told.len());
}

#[test]
fn needs_are_seen_through_every_form_of_import() {
    let files = [
        ("lib.rs", "pub mod kind;\nmod room;\npub use room::Thing;"),
        ("kind.rs", "pub enum Kind { Small }\npub const LIMIT: u8 = 1;"),
        ("room/mod.rs", "mod one;\nmod two;\nmod three;\npub use one::{Thing, make as made};"),
        ("room/one.rs", "pub struct Thing;\npub fn make() {}\npub(in crate::room::two) struct S;"),
        ("room/two.rs", "use crate::{Thing, kind::{self, LIMIT}};\nfn f() { kind::Kind::Small; }"),
        ("room/four.rs", "fn f() { assert!(vec![super::one::make()].is_empty()); }"),
        (
            "room/three.rs",
            "mod field { use super::super::made; }\nfn f() -> super::two::T { todo!() }",
        ),
        ("cli.rs", "use remora::kind;\nfn f() { kind::LIMIT; }\n#[cfg(test)] mod tests;"),
    ];
    let needs = Graph::new(files.into_iter()).needs();
    let needs: Vec<String> = needs
        .iter()
        .flat_map(|(module, needs)| {
            needs.iter().map(move |need| format!("{} {}", shown(module), shown(need)))
        })
        .collect();
    assert_eq!(
        needs,
        [
            "cli kind",
            "room/four room/one",
            "room/three room/one",
            "room/two kind",
            "room/two room/one"
        ]
    );
}

#[test]
fn names_of_our_own_are_imported_one_by_one() {
    for source in sources() {
        let parsed = source::Source::parse(&source.text);
        let globs = parsed.imports.iter().filter(|import| import.name.is_none());
        // Nobody can say what else comes with all names of a module, but constants of one format may.
        let own = globs.filter(|import| {
            ["crate", "remora", "super", "self"].contains(&import.path[0].as_str())
                && !import.path.last().is_some_and(|name| CONSTANTS.contains(&name.as_str()))
        });
        let paths: Vec<_> = own.map(|import| import.path.join("::")).collect();
        assert!(paths.is_empty(), "{} imports all of {paths:?}", source.path.display());
    }
}

#[test]
fn circles_are_found_however_long_they_are() {
    let files = [
        ("a.rs", "use crate::b::B;\npub struct A;"),
        ("b.rs", "use crate::c::C;\npub struct B;"),
        ("c.rs", "fn f(_: crate::a::A) {}\npub struct C;"),
        ("d.rs", "use crate::a::A;"),
    ];
    let found = circles(&Graph::new(files.into_iter()).needs());
    let found: Vec<Vec<String>> =
        found.iter().map(|circle| circle.iter().map(shown).collect()).collect();
    assert_eq!(found, [["a", "b", "c"]]);
}

#[test]
fn only_the_tar_room_reads_a_tar_header() {
    for source in sources() {
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
    for source in sources() {
        if ["cli", "main"].contains(&source.room.as_str()) {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let code = line.trim_start();
            if code.starts_with("//") || !code.contains('"') {
                continue;
            }
            let text: String = code.split('"').skip(1).step_by(2).collect();
            // Another program's options are facts: of a format, and of how OCI runtimes are started.
            let text = text.replace("zstd --long", "");
            if source.path.ends_with("deploy/runtime.rs") {
                continue;
            }
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
    for source in sources() {
        let at_edge = ["api", "builder", "end_signals", "engine", "serving", "server", "cli"]
            .contains(&source.room.as_str())
            || ["image/registry", "image/docker_daemon"]
                .iter()
                .any(|it| source.path.starts_with(it));
        let is_async = source.text.contains("async ") && source.text.contains(".await");
        let names_http = source.text.contains("use reqwest") || source.text.contains("use axum");
        assert!(at_edge || !(is_async || names_http), "{}", source.path.display());
    }
}

/// What stands between quotes in code, line by line.
fn quoted(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter(|(_, line)| line.contains('"')).flat_map(|(index, line)| {
        line.split('"').skip(1).step_by(2).map(move |text| (index + 1, text.to_owned()))
    })
}

#[test]
fn the_name_of_a_format_stands_in_one_file() {
    // Remora's own dialect is called as the program is.
    let others = Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Remora);
    let names: Vec<&str> = others.map(Dialect::name).collect();
    for source in sources() {
        // Variants of processors have such names too.
        let allowed = ["artifact/form.rs", "dialect.rs", "image/platform.rs"];
        if allowed.iter().any(|path| source.path == Path::new(path)) {
            continue;
        }
        for (line, text) in quoted(&source.text) {
            let place = format!("{}:{line}: {text:?}", source.path.display());
            assert!(!names.contains(&text.as_str()), "{place}");
            assert!(!text.contains("vnd.remora.delta"), "{place}");
        }
    }
}

#[test]
fn what_images_are_made_of_names_no_dialect_and_the_search_no_stream() {
    let nevers: [(&str, &[&str]); 4] = [
        ("pack", &["v2", "v3", "librsync", "dialect"]),
        ("delta", &["v2", "v3", "librsync", "dialect"]),
        ("store", &["v2", "v3", "librsync", "dialect"]),
        ("image", &["v2", "v3", "librsync", "dialect"]),
    ];
    for source in sources() {
        let Some((room, never)) = nevers.iter().find(|(room, _)| *room == source.room) else {
            continue;
        };
        let parsed = source::Source::parse(&source.text);
        let imported = parsed.imports.iter().map(|import| &import.path);
        for path in imported.chain(&parsed.paths) {
            let named = path.iter().find(|segment| never.contains(&segment.as_str()));
            assert!(named.is_none(), "{room}: {} names {path:?}", source.path.display());
        }
    }
}

#[test]
fn only_the_command_line_knows_exit_codes() {
    for source in sources() {
        if ["cli", "main"].contains(&source.room.as_str()) {
            continue;
        }
        for name in ["ExitCode", "process::exit"] {
            assert!(!source.text.contains(name), "{} names {name}", source.path.display());
        }
    }
}
