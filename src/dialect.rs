//! The kinds of delta: the one table of their names, media types and places. Whatever shows, stores or
//! reads the name of one takes it from here.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

#[cfg(feature = "registry")]
use crate::image::Digest;

/// A kind of delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// An rsync batch ([`v2`](crate::v2)).
    V2,
    /// A delta image of librsync streams ([`v3`](crate::v3)).
    V3,
    /// The smallest: an artifact of layer deltas in chunks ([`artifact`](crate::artifact)).
    Remora,
    /// An artifact of tar-diff streams ([`artifact`](crate::artifact)).
    OciDelta,
}

impl Dialect {
    /// All of them. The first is taken if none is named.
    pub const ALL: [Dialect; 4] = [Dialect::V3, Dialect::V2, Dialect::Remora, Dialect::OciDelta];

    /// Returns the name: in answers, metrics, the jobs table and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::V2 => "v2",
            Dialect::V3 => "v3",
            Dialect::Remora => "remora",
            Dialect::OciDelta => "oci-delta",
        }
    }

    /// Returns one line that says what it is, for people who choose.
    pub const fn summary(self) -> &'static str {
        match self {
            Dialect::V2 => "A file that older devices apply with their rsync",
            Dialect::V3 => "A small image that balena-engine pulls",
            Dialect::Remora => "The smallest, for hosts that pull with Remora",
            Dialect::OciDelta => "For bootc and composefs hosts, which read no other",
        }
    }

    /// Returns what a delta of this kind is said to be: of an image the artifact type (OCI image spec,
    /// manifest, "artifactType"), of a file the content type (RFC 9110, section 8.3).
    pub const fn media_type(self) -> &'static str {
        match self {
            Dialect::V2 => "application/octet-stream",
            Dialect::V3 => "application/vnd.remora.delta.v3",
            Dialect::Remora => "application/vnd.remora.image-delta.v1",
            Dialect::OciDelta => "application/vnd.io.github.containers.oci-delta.v1",
        }
    }

    /// Returns the dialect whose deltas are said to be `media_type`, if there is one.
    #[cfg(feature = "registry")]
    pub(crate) fn of_media_type(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.media_type() == media_type)
    }

    /// Returns the dialect of an artifact that says to be of this type, if its deltas are artifacts or images.
    pub fn of_artifact(media_type: &str) -> Option<Self> {
        let is_it = |dialect: &Dialect| {
            dialect.files_folder().is_none() && dialect.media_type() == media_type
        };
        Self::ALL.into_iter().find(is_it)
    }

    /// Returns the annotation of a manifest of this kind that holds the image ID of the base, so that whoever lists what
    /// refers to an image need not open each (OCI distribution spec, "Listing Referrers").
    pub(crate) const fn base_annotation(self) -> &'static str {
        match self {
            Dialect::V2 | Dialect::V3 | Dialect::Remora => "vnd.remora.delta.base",
            Dialect::OciDelta => "io.github.containers.delta.source-config",
        }
    }

    /// Returns the name of the folder that deltas which are files are kept in, or `None` if they
    /// are images beside their target.
    pub const fn files_folder(self) -> Option<&'static str> {
        match self {
            Dialect::V2 => Some(self.name()),
            Dialect::V3 | Dialect::Remora | Dialect::OciDelta => None,
        }
    }
}

/// What tags of deltas begin with, Remora's server's and open-balena-delta's alike.
#[cfg(feature = "registry")]
pub(crate) const TAG_PREFIX: &str = "delta-";

/// Characters of a repository's name or of a digest that go into a tag.
#[cfg(feature = "registry")]
const TAG_PART: usize = 16;

#[cfg(feature = "registry")]
impl Dialect {
    /// All whose deltas are beside their target, as [`files_folder`](Self::files_folder) says.
    pub(crate) fn beside_images() -> impl Iterator<Item = Dialect> {
        Dialect::ALL.into_iter().filter(|dialect| dialect.files_folder().is_none())
    }

    /// Returns the tags that the delta from the manifest `digest` of the repository `source` to the manifest `target` may have in
    /// the target's repository: the name that open-balena-delta gives those of v3, which the delta of another digest may have,
    /// and one with the digest. The latter has that of the target too, but not for v3, which is named as ever.
    pub(crate) fn delta_tags(self, source: &str, digest: Digest, target: Digest) -> [String; 2] {
        let kind = match self {
            Dialect::V2 | Dialect::V3 => "",
            Dialect::Remora => "remora-",
            Dialect::OciDelta => "oci-",
        };
        let name = source.rsplit('/').next().unwrap_or(source);
        let part: String =
            name.chars().filter(char::is_ascii_alphanumeric).take(TAG_PART).collect();
        let usual = format!("{TAG_PREFIX}{kind}{part}");
        let part = |digest: Digest| format!("-{}", &digest.hex()[..TAG_PART]);
        let of_target = if kind.is_empty() { String::new() } else { part(target) };
        let exact = format!("{usual}{}{of_target}", part(digest));
        [usual, exact]
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect::ALL[0]
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, UnknownDialect> {
        Dialect::ALL.into_iter().find(|dialect| dialect.name() == text).ok_or(UnknownDialect)
    }
}

impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A text is no kind of delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownDialect;

impl fmt::Display for UnknownDialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Dialect::ALL.map(Dialect::name);
        names.sort_unstable();
        write!(formatter, "format is none of {}", names.join(", "))
    }
}

impl std::error::Error for UnknownDialect {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "registry")]
    #[test]
    fn a_tag_names_the_source_and_if_need_be_digests() {
        let (digest, target) = (Digest::of(b""), Digest::of(b"target"));
        let both = format!("e3b0c44298fc1c14-{}", &target.hex()[..TAG_PART]);
        let [remora, oci] = ["remora", "oci"].map(|kind| format!("delta-{kind}-ab-{both}"));
        for (dialect, source, tags) in [
            (
                Dialect::V3,
                "v2/0123456789abcdef0123456789abcdef",
                ["delta-0123456789abcdef", "delta-0123456789abcdef-e3b0c44298fc1c14"],
            ),
            (Dialect::V3, "v2/ab-1", ["delta-ab1", "delta-ab1-e3b0c44298fc1c14"]),
            (Dialect::Remora, "ab", ["delta-remora-ab", &remora]),
            (Dialect::OciDelta, "ab", ["delta-oci-ab", &oci]),
        ] {
            assert_eq!(dialect.delta_tags(source, digest, target), tags);
        }
    }

    #[test]
    fn every_name_reads_back_and_no_two_are_the_same() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse(), Ok(dialect));
            assert_eq!(serde_json::to_string(&dialect).expect("text"), format!("\"{dialect}\""));
        }
        assert_eq!("v4".parse::<Dialect>(), Err(UnknownDialect));
        assert_eq!(UnknownDialect.to_string(), "format is none of oci-delta, remora, v2, v3");
    }
}
