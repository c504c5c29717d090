//! Names of images in registries, parsed and printed.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::reference_error::{ReferenceError, has_capitals_only, url};
use super::{Digest, DigestError};

/// The problem with the name of a repository that has any.
const CAPITALS: &str = "the repository's name has a capital letter";

/// Stands for a registry's name where that must not be looked at.
const SOME_HOST: &str = "registry.invalid";

/// An image in a registry, completed as skopeo completes it: `busybox` is
/// `docker.io/library/busybox:latest`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegistryReference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
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

/// Splits off a host that is an IPv6 address, `[ADDRESS][:PORT]/…`, which the grammar of references
/// does not have (RFC 3986, section 3.2.2).
fn ipv6_host(text: &str) -> Option<(&str, &str)> {
    let (host, rest) = text.split_once('/')?;
    let (address, port) = host.strip_prefix('[')?.split_once(']')?;
    address.parse::<Ipv6Addr>().ok()?;
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some((host, rest))
}

/// Returns the problem with the digest at the end of `text` if the digest is one of another algorithm.
fn other_digest(text: &str) -> Option<DigestError> {
    let (_, digest) = text.rsplit_once('@')?;
    digest.parse::<Digest>().err().filter(DigestError::is_of_other_algorithm)
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
