//! Whether two references name the same image, however they are spelled.

use std::path::Path;

use super::{ArchiveFile, ImageReference, LayoutName, RegistryReference, oci_layout};
use crate::output::FileId;

/// Whether an image that is written to `output` takes the place of the one that `input` names.
pub fn overwrites(output: &ImageReference, input: &ImageReference) -> bool {
    use ImageReference::{DockerDaemon, OciLayout, Registry};
    match (output, input) {
        (Registry(output), Registry(input)) => same_tag(output, input),
        (DockerDaemon(output), DockerDaemon(input)) => output == input,
        (OciLayout { dir: output, name: new }, OciLayout { dir: input, name: old }) => {
            let tag = new.as_ref().and_then(LayoutName::tag);
            let is_meant = match old {
                // The only image of the layout is meant, whatever its name.
                None => oci_layout::names(input, tag, None),
                Some(LayoutName::Digest(digest)) => oci_layout::names(input, tag, Some(*digest)),
                Some(LayoutName::Tag(_)) => false,
            };
            same_file(output, input) && (new == old || is_meant)
        }
        _ => match (output.archive(), input.archive()) {
            (Some(ArchiveFile::Path(output)), Some(input)) => {
                FileId::of(output).is_some_and(|output| Some(output) == archive_id(input))
            }
            _ => false,
        },
    }
}

/// Whether `file` is the archive, or a part of the layout, that `input` names.
pub fn is_part_of(file: &Path, input: &ImageReference) -> bool {
    let Some(id) = FileId::of(file) else { return false };
    match input {
        ImageReference::OciLayout { dir, .. } => {
            let folders = [dir.clone(), dir.join("blobs/sha256")];
            let entries = folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten();
            entries.flatten().any(|entry| FileId::of(&entry.path()) == Some(id))
        }
        _ => input.archive().and_then(archive_id) == Some(id),
    }
}

fn archive_id(file: &ArchiveFile) -> Option<FileId> {
    match file {
        ArchiveFile::Path(path) => FileId::of(path),
        ArchiveFile::Stdio => FileId::of_stdin(),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    FileId::of(one).is_some_and(|id| FileId::of(other) == Some(id))
}

fn same_tag(output: &RegistryReference, input: &RegistryReference) -> bool {
    let name = |image: &RegistryReference| {
        (host(image), image.repository().to_owned(), image.tag().map(str::to_owned))
    };
    match (output.tag(), input.tag()) {
        (None, None) => output == input,
        _ => name(output) == name(input),
    }
}

/// The registry's name in one spelling: without the port that HTTPS has anyway, and this machine
/// always called the same.
fn host(image: &RegistryReference) -> String {
    let host = image.host().to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, format!(":{port}")),
        _ => (host, String::new()),
    };
    match name {
        "localhost" | "127.0.0.1" | "[::1]" => format!("localhost{port}"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overwritten(output: &str, input: &str) -> bool {
        overwrites(&output.parse().expect(output), &input.parse().expect(input))
    }

    #[test]
    fn one_image_of_a_registry_has_several_spellings() {
        let digest = format!("@sha256:{}", "0".repeat(64));
        for (output, input, same) in [
            ("r.example/a:1", "docker://r.example/a:1", true),
            ("r.example:443/a:1", "r.example/a:1", true),
            ("127.0.0.1:5000/a:1", "localhost:5000/a:1", true),
            ("app:latest", "docker.io/library/app", true),
            ("index.docker.io/app:1", "app:1", true),
            ("r.example/a:1", &format!("r.example/a:1{digest}"), true),
            ("r.example/a:1", &format!("r.example/a{digest}"), false),
            ("r.example/a:2", "r.example/a:1", false),
            ("r.example/b:1", "r.example/a:1", false),
            ("r.example:5000/a:1", "r.example/a:1", false),
        ] {
            assert_eq!(overwritten(output, input), same, "{output} over {input}");
        }
    }
}
