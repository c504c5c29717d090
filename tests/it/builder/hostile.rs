//! Projects that are made to do harm: refused in one clear line, and nothing is written for them.

use super::pushes::{Push, gzip};
use super::scene::Scene;

/// A tar with one entry of this kind, which no client packs, and a Dockerfile.
fn entry(name: &[u8], kind: tar::EntryType, link: &str) -> Push {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    if !link.is_empty() {
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    }
    header.set_cksum();
    archive.append(&header, std::io::empty()).expect("written");
    let mut header = tar::Header::new_ustar();
    let dockerfile = b"FROM scratch\nCOPY . /\n";
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "Dockerfile", &dockerfile[..]).expect("written");
    Push::of_bytes(gzip(&archive.into_inner().expect("written")))
}

fn compose(text: &str) -> Push {
    Push::of(&[
        ("docker-compose.yml", text.as_bytes()),
        ("Dockerfile", b"FROM scratch\nCOPY . /\n"),
    ])
}

/// Aliases of aliases: nine levels of nine.
fn alias_bomb() -> String {
    let mut text = "x0: &x0 [a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..9 {
        let before = vec![format!("*x{}", level - 1); 9].join(", ");
        text += &format!("x{level}: &x{level} [{before}]\n");
    }
    text + "services: {a: {build: ., command: *x8}}\n"
}

#[test]
fn projects_that_reach_out_of_themselves_or_blow_up_are_refused() {
    let scene = Scene::with(&[("REMORA_PROJECT_FILES", "1000")]);
    let many: Vec<String> = (0..1500).map(|number| format!("f{number}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    for (push, word) in [
        (entry(b"../../etc/passwd", tar::EntryType::Regular, ""), "\"..\""),
        (entry(b"/etc/passwd", tar::EntryType::Regular, ""), "absolute"),
        (entry(b"disk", tar::EntryType::Block, ""), "files, folders and links only"),
        (entry(b"hard", tar::EntryType::Link, "../../etc/shadow"), "hard"),
        (Push::of(&many), "1000 files"),
        (compose(&alias_bomb()), "docker-compose.yml"),
        (compose("services: {a: {build: ., env_file: ../../../etc/passwd}}"), "env_file"),
        (compose("services: {a: {build: ../..}}"), "context"),
        (compose("services: {a: {build: ., volumes: ['/etc:/host']}}"), "volumes"),
    ] {
        let told = scene.failed(push);
        assert!(told.contains(word), "{word}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    assert_eq!(scene.rows().writes(), 0);
}

#[test]
fn links_are_data_and_the_builders_surroundings_are_nobodys() {
    let scene = Scene::with(&[("SECRET_OF_THE_BUILDER", "heron-9")]);
    let link = entry(b"link", tar::EntryType::Symlink, "/etc/hostname");
    let release = scene.pushed(link);
    let image = scene.installation.open(&scene.reference(release, "main"));
    let layer = crate::sample_image::layer_tar(&image, 0).expect("a layer");
    let mut archive = tar::Archive::new(&layer[..]);
    let entries = archive.entries().expect("entries").map(|entry| entry.expect("an entry"));
    let found = entries.filter(|entry| entry.header().entry_type().is_symlink()).count();
    assert_eq!(found, 1);

    let text = "services: {a: {build: ., environment: {A: \"x${SECRET_OF_THE_BUILDER}y${HOME}\"}}}";
    let release = scene.pushed(compose(text));
    assert_eq!(scene.rows().image_variables(release, "a")["A"], "xy");
    let code = b"FROM scratch\n# <%= 6 * 7 %>\nLABEL a=\"<%= 6 * 7 %>\"\nCOPY . /\n";
    let release = scene.pushed(Push::of(&[("Dockerfile.template", code)]));
    let image = scene.installation.open(&scene.reference(release, "main"));
    let config: serde_json::Value =
        serde_json::from_slice(image.config().bytes()).expect("a configuration");
    assert_eq!(config["config"]["Labels"]["a"], "<%= 6 * 7 %>");
}
