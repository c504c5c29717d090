//! Projects that are pushed in tests: small ones around a static busybox.

use super::engine_contexts::{BASE, busybox};
use super::pushes::Push;
use crate::sample_image::noise;

/// The size of a file that a delta is worth for.
pub(super) const DATA: usize = 100_000;

/// A project whose image has a shell and runs these lines.
pub(super) fn steps(lines: &str) -> Push {
    let dockerfile = format!("{BASE}{lines}\n");
    Push::of(&[("Dockerfile", dockerfile.as_bytes()), ("busybox", busybox())])
}

/// A project of one file that does not compress, always the same for a `seed` but for a few bytes.
pub(super) fn data(seed: u64, change: &str) -> Push {
    let file = changed(seed, change);
    Push::of(&[("Dockerfile", b"FROM scratch\nCOPY data /data\n"), ("data", &file)])
}

/// The file of such a project.
pub(super) fn changed(seed: u64, change: &str) -> Vec<u8> {
    let mut file = noise(seed, DATA);
    file[DATA / 2..DATA / 2 + change.len()].copy_from_slice(change.as_bytes());
    file
}

/// Services, each with the lines that its image runs after a shell is there.
pub(super) fn services(services: &[(&str, &str)]) -> Push {
    let mut compose = "version: \"2.4\"\nservices:\n".to_owned();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, lines) in services {
        compose += &format!("  {name}:\n    build: ./{name}\n");
        files.push((format!("{name}/Dockerfile"), format!("{BASE}{lines}\n").into_bytes()));
        files.push((format!("{name}/busybox"), busybox().to_vec()));
    }
    files.push(("docker-compose.yml".to_owned(), compose.into_bytes()));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    Push::of(&files)
}
