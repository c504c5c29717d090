//! The kinds of delta: the one table of their names, media types and places. Whatever shows, stores or
//! reads the name of one takes it from here.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The annotation of a delta's manifest that holds the image ID of the base, so that whoever lists what refers to an
/// image need not open each (OCI distribution spec, "Listing Referrers").
pub(crate) const BASE_ANNOTATION: &str = "vnd.remora.delta.base";

/// A kind of delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// An rsync batch ([`v2`](crate::v2)).
    V2,
    /// A delta image of librsync streams ([`v3`](crate::v3)).
    V3,
}

impl Dialect {
    /// All of them. The first is taken if none is named.
    pub const ALL: [Dialect; 2] = [Dialect::V3, Dialect::V2];

    /// Returns the name: in answers, metrics, the jobs table and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::V2 => "v2",
            Dialect::V3 => "v3",
        }
    }

    /// Returns one line that says what it is, for people who choose.
    pub const fn summary(self) -> &'static str {
        match self {
            Dialect::V2 => "A file that older devices apply with their rsync",
            Dialect::V3 => "A small image that balena-engine pulls",
        }
    }

    /// Returns what a delta of this kind is said to be: of an image the artifact type (OCI image spec,
    /// manifest, "artifactType"), of a file the content type (RFC 9110, section 8.3).
    pub const fn media_type(self) -> &'static str {
        match self {
            Dialect::V2 => "application/octet-stream",
            Dialect::V3 => "application/vnd.remora.delta.v3",
        }
    }

    /// Returns the name of the folder that deltas which are files are kept in, or `None` if they
    /// are images beside their target.
    pub const fn files_folder(self) -> Option<&'static str> {
        match self {
            Dialect::V2 => Some(self.name()),
            Dialect::V3 => None,
        }
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
        write!(formatter, "format is neither {}", names.join(" nor "))
    }
}

impl std::error::Error for UnknownDialect {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_no_two_are_the_same() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse(), Ok(dialect));
            assert_eq!(serde_json::to_string(&dialect).expect("text"), format!("\"{dialect}\""));
        }
        assert_eq!("v4".parse::<Dialect>(), Err(UnknownDialect));
        assert_eq!(UnknownDialect.to_string(), "format is neither v2 nor v3");
    }
}
