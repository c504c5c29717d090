//! Contexts read back with another reader of tars.

use std::io::Read;

use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

use super::*;
use crate::project::limits::ProjectLimits;
use crate::project::plan::Source;
use crate::project::read_project;
use crate::project::test_projects::{circumstances, project};

/// An entry as another reader sees it: name, type, target, content, owner.
type Seen = (String, tar::EntryType, String, String, u64);

fn seen(bytes: &[u8]) -> Vec<Seen> {
    let mut archive = tar::Archive::new(bytes);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let entries = archive.entries().expect("entries").map(|entry| {
        let mut entry = entry.expect("valid");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("memory");
        let link = text(&entry.link_name_bytes().unwrap_or_default());
        let header = entry.header();
        let (kind, owner) = (header.entry_type(), header.uid().expect("a number"));
        (text(&entry.path_bytes()), kind, link, text(&content), owner)
    });
    entries.collect()
}

/// The contexts of all services of a project.
fn contexts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let tar = ProjectTar::index(bytes, &ProjectLimits::default()).expect("taken");
    let project = read_project(&tar, &circumstances()).expect("a project");
    let written = project.services.iter().filter_map(|service| match &service.source {
        Source::Build(plan) => {
            let mut out = Vec::new();
            write_context(&tar, plan, &mut out).expect("vec");
            Some(out)
        }
        Source::Image(_) => None,
    });
    written.collect()
}

fn file(name: &str, content: &str) -> Seen {
    (name.to_owned(), tar::EntryType::Regular, String::new(), content.to_owned(), 0)
}

#[test]
fn a_context_has_its_folder_cut_off_and_the_dockerfile_that_was_found() {
    let bytes = project(&[
        ("docker-compose.yml", "services: {a: {build: web}, b: {build: .}}"),
        ("web/Dockerfile", "no"),
        ("web/Dockerfile.template", "FROM %%BALENA_ARCH%%"),
        ("web/.balena/x", "x"),
        ("website/x", "no"),
        (".balena/balena.yml", "{}"),
        ("Dockerfile", "FROM b"),
    ]);
    let contexts = contexts(&bytes);
    let web = [
        file("Dockerfile.template", "FROM %%BALENA_ARCH%%"),
        file(".balena/x", "x"),
        file("Dockerfile", "FROM aarch64"),
    ];
    assert_eq!(seen(&contexts[0]), web);
    let names: Vec<String> = seen(&contexts[1]).into_iter().map(|entry| entry.0).collect();
    let expected = [
        "docker-compose.yml",
        "web/Dockerfile",
        "web/Dockerfile.template",
        "web/.balena/x",
        "website/x",
        "Dockerfile",
    ];
    assert_eq!(names, expected);
}

#[test]
fn links_stay_links_and_content_is_written_once() {
    let mut writer = TreeWriter::new(Vec::new());
    let mut add = |name: &[u8], kind: NewKind<'_>, content: &[u8]| {
        writer.write(&NewEntry { name, kind, mode: 0o755, mtime: 0 }, content).expect("vec");
    };
    let compose = b"services: {a: {build: web}}";
    add(b"docker-compose.yml", NewKind::File(compose.len() as u64), compose);
    add(b"shared", NewKind::File(1), b"s");
    add(b"web/Dockerfile", NewKind::File(6), b"FROM a");
    add(b"web/d", NewKind::Folder, b"");
    add(b"web/one", NewKind::HardLink(b"shared"), b"");
    add(b"web/two", NewKind::HardLink(b"shared"), b"");
    add(b"web/soft", NewKind::Symlink(b"../../../etc/passwd"), b"");
    add(b"web/copy", NewKind::HardLink(b"web/Dockerfile"), b"");
    add(b"web/three", NewKind::HardLink(b"web/one"), b"");
    let bytes = writer.finish().expect("vec");
    let link = |name: &str, kind, target: &str| {
        (name.to_owned(), kind, target.to_owned(), String::new(), 0)
    };
    let expected = [
        link("d", tar::EntryType::Directory, ""),
        file("one", "s"),
        link("two", tar::EntryType::Link, "one"),
        link("soft", tar::EntryType::Symlink, "../../../etc/passwd"),
        file("copy", "FROM a"),
        link("three", tar::EntryType::Link, "one"),
        file("Dockerfile", "FROM a"),
    ];
    assert_eq!(seen(&contexts(&bytes)[0]), expected);
}

fn any_files() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop::collection::vec("[a-zäö.]{1,60}", 1..5)
        .prop_map(|parts| format!("x{}", parts.join("/x")));
    prop::collection::vec((name, any::<String>()), 0..12)
}

proptest! {
    #[test]
    fn any_files_read_back_the_same_each_time(files in any_files()) {
        let mut given: Vec<(&str, &str)> =
            files.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
        given.push(("Dockerfile", "FROM a"));
        let bytes = project(&given);
        let written = contexts(&bytes);
        prop_assert_eq!(&written, &contexts(&bytes));
        let last = |name: &str| given.iter().rposition(|(other, _)| *other == name);
        let expected: Vec<Seen> = given
            .iter()
            .enumerate()
            .filter(|(number, (name, _))| last(name) == Some(*number))
            .map(|(_, (name, content))| file(name, content))
            .collect();
        prop_assert_eq!(seen(&written[0]), expected);
    }
}
