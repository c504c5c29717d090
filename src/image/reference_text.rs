//! Names of images as people write them: parsed and printed.

use std::fmt;
use std::str::FromStr;

use super::DigestError;
use super::reference::{ArchiveFile, ArchivedImage, ImageReference, LayoutName};
use super::reference_error::ReferenceError;

/// Other tools' transports that Remora has none of. Without this list `dir:x` would be taken for the
/// Docker Hub image `dir` with the tag `x`.
const OTHER_TRANSPORTS: [&str; 6] =
    ["containers-storage:", "dir:", "ostree:", "sif:", "tarball:", "oci-dir:"];

/// How digests begin, also those that are refused.
const DIGESTS: [&str; 2] = ["sha256:", "sha512:"];

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if let Some(rest) = text.strip_prefix("docker://") {
            return rest.parse().map(ImageReference::Registry);
        }
        if let Some(rest) = text.strip_prefix("oci:") {
            let (dir, name) = path_in_layout("oci:", text, rest)?;
            return Ok(ImageReference::OciLayout { dir: dir.into(), name });
        }
        if let Some(rest) = text.strip_prefix("oci-archive:") {
            let (file, name) = path_in_layout("oci-archive:", text, rest)?;
            return Ok(ImageReference::OciArchive { file: archive_file(file), name });
        }
        if let Some(rest) = text.strip_prefix("docker-archive:") {
            let (file, name) = path_and_name("docker-archive:", text, rest)?;
            return Ok(ImageReference::DockerArchive {
                file: archive_file(file),
                image: name.map(archived_image),
            });
        }
        if let Some(rest) = text.strip_prefix("docker-daemon:") {
            return rest.parse().map(ImageReference::DockerDaemon);
        }
        if let Some(other) = OTHER_TRANSPORTS.iter().find(|other| text.starts_with(**other)) {
            return Err(ReferenceError::Transport((*other).to_owned()));
        }
        text.parse().map(ImageReference::Registry)
    }
}

/// Splits `PATH[:TAG]` or `PATH@DIGEST`. A tag may hold an `@`, a path only where no digest comes after.
fn path_in_layout<'a>(
    transport: &'static str,
    text: &str,
    rest: &'a str,
) -> Result<(&'a str, Option<LayoutName>), ReferenceError> {
    if let Some((path, digest)) = rest.split_once('@')
        && !path.contains(':')
        && DIGESTS.iter().any(|start| digest.starts_with(start))
    {
        let digest = digest.parse().map_err(|error: DigestError| ReferenceError::Registry {
            text: text.chars().take(300).collect(),
            reason: error.to_string(),
        })?;
        let (path, _) = path_and_name(transport, text, path)?;
        return Ok((path, Some(LayoutName::Digest(digest))));
    }
    let (path, tag) = path_and_name(transport, text, rest)?;
    Ok((path, tag.map(LayoutName::Tag)))
}

/// Splits `PATH[:NAME]` at the first colon, as skopeo does: paths with a colon cannot be written.
fn path_and_name<'a>(
    transport: &'static str,
    text: &str,
    rest: &'a str,
) -> Result<(&'a str, Option<String>), ReferenceError> {
    let (path, name) = rest.split_once(':').unwrap_or((rest, ""));
    if path.is_empty() {
        return Err(ReferenceError::NoPath { text: text.to_owned(), transport });
    }
    Ok((path, (!name.is_empty()).then(|| name.to_owned())))
}

fn archive_file(path: &str) -> ArchiveFile {
    if path == "-" { ArchiveFile::Stdio } else { ArchiveFile::Path(path.into()) }
}

fn archived_image(name: String) -> ArchivedImage {
    match name.strip_prefix('@').map(str::parse) {
        Some(Ok(number)) => ArchivedImage::Nth(number),
        _ => ArchivedImage::Named(name),
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, name) = match self {
            ImageReference::Registry(reference) => return reference.fmt(formatter),
            ImageReference::DockerDaemon(image) => {
                return write!(formatter, "docker-daemon:{image}");
            }
            ImageReference::OciLayout { dir, name } => {
                return write_in_layout(
                    formatter,
                    &format!("oci:{}", dir.display()),
                    name.as_ref(),
                );
            }
            ImageReference::OciArchive { file, name } => {
                return write_in_layout(formatter, &format!("oci-archive:{file}"), name.as_ref());
            }
            ImageReference::DockerArchive { file, image } => {
                (format!("docker-archive:{file}"), image.as_ref().map(ToString::to_string))
            }
        };
        match name {
            Some(name) => write!(formatter, "{place}:{name}"),
            None => formatter.write_str(&place),
        }
    }
}

fn write_in_layout(
    formatter: &mut fmt::Formatter<'_>,
    place: &str,
    name: Option<&LayoutName>,
) -> fmt::Result {
    match name {
        Some(LayoutName::Tag(tag)) => write!(formatter, "{place}:{tag}"),
        Some(LayoutName::Digest(digest)) => write!(formatter, "{place}@{digest}"),
        None => formatter.write_str(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    fn parsed(text: &str) -> String {
        match text.parse::<ImageReference>() {
            Ok(reference) => format!("{reference:?}"),
            Err(error) => format!("refused: {error}"),
        }
    }

    #[test]
    fn registry_names_are_completed_as_skopeo_completes_them() {
        let digest = Digest::of(b"");
        for (text, complete) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("docker://busybox:1.29", "docker.io/library/busybox:1.29"),
            ("balena/app", "docker.io/balena/app:latest"),
            ("index.docker.io/app", "docker.io/library/app:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("[::1]:5000/app:1", "[::1]:5000/app:1"),
            ("docker://[2001:db8::7]/team/app", "[2001:db8::7]/team/app:latest"),
            ("registry.example.com:5000/a/b/c:x", "registry.example.com:5000/a/b/c:x"),
            (&format!("r.example/a@{digest}"), &format!("r.example/a@{digest}")),
            (&format!("r.example/a:1@{digest}"), &format!("r.example/a:1@{digest}")),
        ] {
            let reference: ImageReference = text.parse().expect(text);
            assert_eq!(reference.to_string(), complete);
            assert_eq!(complete.parse(), Ok(reference), "{text}");
        }
    }

    #[test]
    fn places_on_disk_are_split_at_the_first_colon() {
        for (text, expected) in [
            ("oci:dir/a", r#"OciLayout { dir: "dir/a", name: None }"#),
            ("oci:/x:1:2", r#"OciLayout { dir: "/x", name: Some(Tag("1:2")) }"#),
            ("oci:a@b:app@c", r#"OciLayout { dir: "a@b", name: Some(Tag("app@c")) }"#),
            (
                "oci-archive:a.tar:v1",
                r#"OciArchive { file: Path("a.tar"), name: Some(Tag("v1")) }"#,
            ),
            ("docker-archive:-", "DockerArchive { file: Stdio, image: None }"),
            (
                "docker-archive:a.tar:app:1",
                r#"DockerArchive { file: Path("a.tar"), image: Some(Named("app:1")) }"#,
            ),
            (
                "docker-archive:a.tar:@2",
                r#"DockerArchive { file: Path("a.tar"), image: Some(Nth(2)) }"#,
            ),
        ] {
            assert_eq!(parsed(text), expected);
            let reference: ImageReference = text.parse().expect(text);
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn an_image_of_a_layout_is_named_by_its_digest() {
        let digest = Digest::of(b"");
        for transport in ["oci:dir", "oci-archive:-"] {
            let text = format!("{transport}@{digest}");
            let reference: ImageReference = text.parse().expect(&text);
            let (ImageReference::OciLayout { name, .. } | ImageReference::OciArchive { name, .. }) =
                &reference
            else {
                panic!("{reference:?}");
            };
            assert_eq!(*name, Some(LayoutName::Digest(digest)));
            assert_eq!(reference.to_string(), text);
            let error = ImageReference::for_output(&text).expect_err("nothing new");
            assert!(error.to_string().contains("nothing new can be put there"), "{error}");
        }
    }

    #[test]
    fn images_of_an_engine_are_named_as_skopeo_names_them() {
        let id = Digest::of(b"");
        for (text, shown) in [
            ("docker-daemon:app:1", "docker-daemon:app:1"),
            ("docker-daemon:docker.io/library/app:1", "docker-daemon:app:1"),
            ("docker-daemon:docker.io/team/app:1", "docker-daemon:team/app:1"),
            ("docker-daemon:r.example:5000/app:1", "docker-daemon:r.example:5000/app:1"),
            (&format!("docker-daemon:{id}"), &format!("docker-daemon:{id}")),
            (&format!("docker-daemon:app@{id}"), &format!("docker-daemon:app@{id}")),
        ] {
            let reference: ImageReference = text.parse().expect(text);
            assert_eq!(reference.to_string(), shown);
            assert_eq!(shown.parse(), Ok(reference), "{text}");
        }
        let by_id = format!("docker-daemon:{id}");
        assert!(by_id.parse::<ImageReference>().is_ok());
        let error = ImageReference::for_output(&by_id).expect_err("nothing new");
        assert!(error.to_string().contains("nothing new can be put there"), "{error}");
    }

    #[test]
    fn what_names_no_image_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "must have at least one component"),
            ("oci:", "has no path"),
            ("oci:dir@sha256:00", "is not a digest"),
            (
                &format!("oci:dir@sha512:{}", "0".repeat(128)),
                "is a sha512 digest, and only sha256 digests are supported",
            ),
            ("docker-archive::x", "has no path"),
            ("dir:app", "\"dir:\" is not supported"),
            ("docker-daemon:app", "is named with a tag, by a digest or by its ID"),
            ("docker-daemon:", "must have at least one component"),
            ("docker-daemon:sha256:00", "neither an ID nor a name"),
            ("docker-daemon:App:1", "has a capital letter"),
            ("https://example.com/app", "it is a URL"),
            ("Registry.example/App", "has a capital letter"),
            ("teamOne/app:1", "has a capital letter"),
            ("app@sha256:00", "invalid reference format"),
            (
                &format!("app@sha512:{}", "0".repeat(128)),
                "is a sha512 digest, and only sha256 digests are supported",
            ),
            ("[::1]", "invalid reference format"),
            ("[::g]/app", "invalid reference format"),
            ("[::1]:x/app", "invalid reference format"),
            ("[::1]/APP", "has a capital letter"),
            ("../app", "invalid reference format"),
        ] {
            let result = parsed(text);
            assert!(result.starts_with("refused") && result.contains(reason), "{text}: {result}");
        }
    }
}
