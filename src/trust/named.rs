//! Names of images as signatures and policies write them: a repository, perhaps a tag or a digest. Nothing is
//! added to them but what short names leave out (`busybox` is `docker.io/library/busybox`), above all no tag.

use std::fmt;

use crate::image::{Digest, RegistryReference};

/// The name of an image or of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Host and repository.
    name: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Named {
    /// Reads a name; `None` if `text` is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parsed: RegistryReference = text.parse().ok()?;
        let last = text.rsplit('/').next().unwrap_or_default();
        let stated = last.split('@').next().unwrap_or_default().contains(':');
        Some(Named {
            name: repository(&parsed),
            tag: parsed.tag().filter(|_| stated).map(str::to_owned),
            digest: parsed.digest(),
        })
    }

    /// The name of an image that somebody asks for. A digest decides, whatever the tag says.
    pub(super) fn of(image: &RegistryReference) -> Self {
        let digest = image.digest();
        let tag = image.tag().filter(|_| digest.is_none()).map(str::to_owned);
        Named { name: repository(image), tag, digest }
    }

    /// Host and repository.
    pub(super) fn repository(&self) -> &str {
        &self.name
    }

    /// Whether the name says neither tag nor digest.
    pub(super) fn is_repository(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// Whether the name says a tag.
    pub(super) fn has_tag(&self) -> bool {
        self.tag.is_some()
    }

    /// The name with another repository; `None` if that is none.
    pub(super) fn in_repository(&self, repository: &str) -> Option<Self> {
        let name = Self::parse(repository).filter(|new| new.name == repository)?.name;
        Some(Named { name, ..self.clone() })
    }
}

fn repository(image: &RegistryReference) -> String {
    format!("{}/{}", image.host(), image.repository())
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}
