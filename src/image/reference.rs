//! Names of images: the text a user types, parsed and printed.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Digest, DigestError};
use crate::quote::quoted;

/// Other tools' transports that Remora has none of. Without this list `dir:x` would be taken for the
/// Docker Hub image `dir` with the tag `x`.
const OTHER_TRANSPORTS: [&str; 7] =
    ["containers-storage:", "dir:", "docker-daemon:", "ostree:", "sif:", "tarball:", "oci-dir:"];

/// What is wrong with the name of a repository that has any.
const CAPITALS: &str = "the repository's name has a capital letter";

/// How digests begin, also those that are refused.
const DIGESTS: [&str; 2] = ["sha256:", "sha512:"];

/// Stands for a registry's name where that must not be looked at.
const SOME_HOST: &str = "registry.invalid";

/// Where an image is, as skopeo and its relatives write it (containers-transports(5)).
///
/// | text | meaning |
/// |---|---|
/// | `host[:port]/repository[:tag][@digest]`, `docker://…` | a registry |
/// | `oci:DIR[:TAG]`, `oci:DIR@DIGEST` | an OCI image layout |
/// | `oci-archive:FILE[:TAG]`, `oci-archive:FILE@DIGEST` | a tar of an OCI image layout; `-` is stdin or stdout |
/// | `docker-archive:FILE[:REFERENCE]` | what `docker save` writes; `-` is stdin or stdout |
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageReference {
    /// A repository of a registry.
    Registry(RegistryReference),
    /// A folder in the OCI image layout.
    OciLayout {
        /// The folder that holds `index.json`.
        dir: PathBuf,
        /// The image in it that is meant; needed if there are several.
        name: Option<LayoutName>,
    },
    /// A tar file of an OCI image layout.
    OciArchive {
        /// Where the tar is.
        file: ArchiveFile,
        /// The image in it that is meant; needed if there are several.
        name: Option<LayoutName>,
    },
    /// A tar as `docker save` writes it.
    DockerArchive {
        /// Where the tar is.
        file: ArchiveFile,
        /// The image in it that is meant; needed if there are several.
        image: Option<ArchivedImage>,
    },
}

/// The file of a `docker-archive:` or `oci-archive:` reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ArchiveFile {
    /// A file by its path.
    Path(PathBuf),
    /// `-`: standard input when read, standard output when written.
    Stdio,
}

/// The name of one image in an OCI layout.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LayoutName {
    /// By its `org.opencontainers.image.ref.name`.
    Tag(String),
    /// By the digest of its manifest or index.
    Digest(Digest),
}

impl LayoutName {
    /// The tag, if it is one.
    pub fn tag(&self) -> Option<&str> {
        match self {
            LayoutName::Tag(tag) => Some(tag),
            LayoutName::Digest(_) => None,
        }
    }
}

/// The choice of one image in a docker archive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ArchivedImage {
    /// By its name, such as `busybox:1.29`.
    Named(String),
    /// `@N`: the N-th image in the archive, counted from 0, for images without a name.
    Nth(usize),
}

/// An image in a registry, completed as skopeo completes it: `busybox` is
/// `docker.io/library/busybox:latest`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegistryReference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that names no image, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Not of the form `host[:port]/repository[:tag][@digest]`.
    #[error("{} is not an image reference: {reason}", quoted(text))]
    Registry {
        /// The text that was to be parsed, shortened.
        text: String,
        /// The problem with it.
        reason: String,
    },
    /// A transport without the path it needs.
    #[error("{} has no path after {transport:?}", quoted(text))]
    NoPath {
        /// The text that was to be parsed.
        text: String,
        /// The transport it starts with.
        transport: &'static str,
    },
    /// A place in a registry for something new, without the tag it is to get.
    #[error("{0:?} names no tag, and without one it would replace the image that people pull")]
    NoTag(String),
    /// A place in a layout for something new, by the digest of what is there.
    #[error("{0:?} means what is there, by its digest, and nothing new can be put there")]
    DigestForOutput(String),
    /// A transport that Remora does not have.
    #[error("the transport {} is not supported", quoted(.0))]
    Transport(String),
}

impl ReferenceError {
    /// Returns what a user can do about the error.
    pub fn hint(&self) -> Option<String> {
        if let ReferenceError::NoTag(text) = self {
            return Some(format!("put a tag of its own behind it, for instance {text}:delta"));
        }
        if let ReferenceError::DigestForOutput(_) = self {
            return Some("name the new image by a tag, for instance oci:DIR:TAG".to_owned());
        }
        if let ReferenceError::Transport(_) = self {
            let hint = "docker://, oci:, oci-archive: and docker-archive: are; an engine's image comes \
                        through a pipe, docker save NAME at one end and docker-archive:- at the other";
            return Some(hint.to_owned());
        }
        if let ReferenceError::Registry { text, .. } = self {
            if let Some(rest) = url(text) {
                return Some(format!("leave out the scheme: {rest}"));
            }
            if has_capitals_only(text) {
                return Some("write the repository's name in small letters".to_owned());
            }
        }
        Some(
            "write host[:port]/repository[:tag][@digest], docker://…, oci:DIR[:TAG], \
             oci-archive:FILE[:TAG] or docker-archive:FILE[:REFERENCE]"
                .to_owned(),
        )
    }
}

impl ImageReference {
    /// The place that `text` names for an image that is to be written.
    ///
    /// # Errors
    /// As for any reference; and a registry's without a tag is refused: it would stand for `latest`.
    pub fn for_output(text: &str) -> Result<Self, ReferenceError> {
        let reference = text.parse()?;
        let name = text.rsplit('/').next().unwrap_or_default();
        match reference {
            ImageReference::Registry(_) if !name.contains([':', '@']) => {
                Err(ReferenceError::NoTag(text.to_owned()))
            }
            ImageReference::OciLayout { name: Some(LayoutName::Digest(_)), .. }
            | ImageReference::OciArchive { name: Some(LayoutName::Digest(_)), .. } => {
                Err(ReferenceError::DigestForOutput(text.to_owned()))
            }
            _ => Ok(reference),
        }
    }

    /// The file that the image is in, if it is an archive.
    pub fn archive(&self) -> Option<&ArchiveFile> {
        match self {
            ImageReference::OciArchive { file, .. }
            | ImageReference::DockerArchive { file, .. } => Some(file),
            ImageReference::Registry(_) | ImageReference::OciLayout { .. } => None,
        }
    }

    /// The file or folder that the image is in; none for a registry, standard input or output.
    pub fn path(&self) -> Option<&Path> {
        match (self, self.archive()) {
            (ImageReference::OciLayout { dir, .. }, _) => Some(dir),
            (_, Some(ArchiveFile::Path(path))) => Some(path),
            _ => None,
        }
    }

    /// Whether what is written here must be plain tars: a docker archive holds no compressed layers.
    pub fn holds_plain_layers(&self) -> bool {
        matches!(self, ImageReference::DockerArchive { .. })
    }
}

impl RegistryReference {
    /// The image that `rest` (`repository[:tag][@digest]`) names in the registry `host`, whatever that
    /// is called: no rule that completes short names applies.
    ///
    /// # Errors
    /// [`ReferenceError::Registry`] if `rest` is not of that form.
    pub fn in_registry(host: &str, rest: &str) -> Result<Self, ReferenceError> {
        let reference: Self = format!("{SOME_HOST}/{rest}").parse()?;
        Ok(RegistryReference { host: host.to_owned(), ..reference })
    }

    /// The registry, `host[:port]`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository, without the host.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the tag, if one was given or neither tag nor digest was (then `latest`).
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest of the manifest, if one was given. The digest decides, whatever the tag says.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }
}

impl FromStr for RegistryReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let refuse = |reason: String| ReferenceError::Registry {
            text: text.chars().take(300).collect(),
            reason,
        };
        if let Some((host, rest)) = ipv6_host(text) {
            return Self::in_registry(host, rest);
        }
        if let Some(digest) = other_digest(text) {
            return Err(refuse(digest.to_string()));
        }
        let parsed: oci_spec::distribution::Reference =
            text.parse().map_err(|error: oci_spec::distribution::ParseError| {
                refuse(match (url(text), has_capitals_only(text)) {
                    (Some(_), _) => "it is a URL".to_owned(),
                    (None, true) => CAPITALS.to_owned(),
                    (None, false) => error.to_string(),
                })
            })?;
        // Such a first part passes for a host, but is none without a dot or a port.
        if parsed.repository().contains(|c: char| c.is_ascii_uppercase()) {
            return Err(refuse(CAPITALS.to_owned()));
        }
        let digest = parsed.digest().map(Digest::from_str).transpose();
        Ok(RegistryReference {
            host: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            tag: parsed.tag().map(str::to_owned),
            digest: digest.map_err(|error| refuse(error.to_string()))?,
        })
    }
}

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
        if let Some(other) = OTHER_TRANSPORTS.iter().find(|other| text.starts_with(**other)) {
            return Err(ReferenceError::Transport((*other).to_owned()));
        }
        text.parse().map(ImageReference::Registry)
    }
}

/// What comes after the scheme, if `text` is a URL.
fn url(text: &str) -> Option<&str> {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))
}

/// Whether capital letters are all that keeps `text` from being a reference.
fn has_capitals_only(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    small != text && small.parse::<oci_spec::distribution::Reference>().is_ok()
}

/// Splits off a host that is an IPv6 address, `[ADDRESS][:PORT]/…`, which the grammar of references
/// does not have (RFC 3986, section 3.2.2).
fn ipv6_host(text: &str) -> Option<(&str, &str)> {
    let (host, rest) = text.split_once('/')?;
    let (address, port) = host.strip_prefix('[')?.split_once(']')?;
    address.parse::<Ipv6Addr>().ok()?;
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some((host, rest))
}

/// What is wrong with the digest at the end of `text` if it is one of another algorithm.
fn other_digest(text: &str) -> Option<DigestError> {
    let (_, digest) = text.rsplit_once('@')?;
    digest.parse::<Digest>().err().filter(DigestError::is_of_other_algorithm)
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

impl fmt::Display for RegistryReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, name) = match self {
            ImageReference::Registry(reference) => return reference.fmt(formatter),
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

impl fmt::Display for ArchiveFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveFile::Path(path) => path.display().fmt(formatter),
            ArchiveFile::Stdio => formatter.write_str("-"),
        }
    }
}

impl fmt::Display for ArchivedImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchivedImage::Named(name) => formatter.write_str(name),
            ArchivedImage::Nth(number) => write!(formatter, "@{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("docker-daemon:app:1", "is not supported"),
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
