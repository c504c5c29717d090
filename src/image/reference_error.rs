//! Texts that name no image, and why.

use crate::quote::quoted;

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
            let file = match text.contains(['.', ':', '/']) {
                true => String::new(),
                false => format!("; a file is written as oci-archive:{text}"),
            };
            return Some(format!(
                "put a tag of its own behind it, for instance {text}:delta{file}"
            ));
        }
        if let ReferenceError::DigestForOutput(_) = self {
            return Some("name the new image by a tag, for instance oci:DIR:TAG".to_owned());
        }
        if let ReferenceError::Transport(_) = self {
            let hint = "docker://, oci:, oci-archive:, docker-archive: and docker-daemon: are; another engine's image \
                        comes through a pipe, podman save NAME at one end and docker-archive:- at the other";
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
             oci-archive:FILE[:TAG], docker-archive:FILE[:REFERENCE] or docker-daemon:NAME:TAG"
                .to_owned(),
        )
    }
}

/// Returns what comes after the scheme, if `text` is a URL.
pub(super) fn url(text: &str) -> Option<&str> {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))
}

/// Whether capital letters are all that keeps `text` from being a reference.
pub(super) fn has_capitals_only(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    small != text && small.parse::<oci_spec::distribution::Reference>().is_ok()
}
