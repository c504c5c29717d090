//! Names of releases, as people and scripts write them.

use std::fmt;
use std::str::FromStr;

/// The shortest beginning of a commit that is taken for one.
const MIN_COMMIT: usize = 6;
/// The longest commit: a hash of git's.
const MAX_COMMIT: usize = 40;
/// Longer than any honest name.
const MAX_NAME: usize = 512;
/// The version of a fleet that means the release which the fleet runs.
const LATEST: &str = "latest";

/// The name of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleaseName {
    /// Digits: the release's ID or, if there is no such release, the beginning of its commit.
    Digits(String),
    /// The release's commit, or its beginning.
    Commit(String),
    /// A version in a fleet.
    Version {
        /// The fleet's slug or name.
        fleet: String,
        /// The version as the API has it (`raw_version`).
        version: String,
    },
    /// The release that a fleet's devices are to run.
    Tracked {
        /// The fleet's slug or name.
        fleet: String,
    },
}

/// A text that names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a release's ID, commit, FLEET:VERSION or FLEET")]
#[non_exhaustive]
pub struct ReleaseNameError;

impl FromStr for ReleaseName {
    type Err = ReleaseNameError;

    fn from_str(text: &str) -> Result<Self, ReleaseNameError> {
        if text.is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
            return Err(ReleaseNameError);
        }
        let all = |accepted: fn(&u8) -> bool| text.as_bytes().iter().all(accepted);
        if all(u8::is_ascii_digit) && text.len() <= MAX_COMMIT {
            return Ok(ReleaseName::Digits(text.to_owned()));
        }
        if all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && (MIN_COMMIT..=MAX_COMMIT).contains(&text.len())
        {
            return Ok(ReleaseName::Commit(text.to_owned()));
        }
        match text.split_once(':') {
            Some(("", _) | (_, "")) => Err(ReleaseNameError),
            Some((fleet, LATEST)) => Ok(ReleaseName::Tracked { fleet: fleet.to_owned() }),
            Some((fleet, version)) => {
                Ok(ReleaseName::Version { fleet: fleet.to_owned(), version: version.to_owned() })
            }
            None => Ok(ReleaseName::Tracked { fleet: text.to_owned() }),
        }
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReleaseName::Digits(text) | ReleaseName::Commit(text) => out.write_str(text),
            ReleaseName::Version { fleet, version } => write!(out, "{fleet}:{version}"),
            // A fleet may be called like a commit.
            ReleaseName::Tracked { fleet } if fleet.parse().as_ref() != Ok(self) => {
                write!(out, "{fleet}:{LATEST}")
            }
            ReleaseName::Tracked { fleet } => out.write_str(fleet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_four_kinds_of_names() {
        let fleet = "org/fleet".to_owned();
        for (text, name) in [
            ("17", ReleaseName::Digits("17".into())),
            ("aaab12", ReleaseName::Commit("aaab12".into())),
            (
                "org/fleet:1.2.3+rev4",
                ReleaseName::Version { fleet: fleet.clone(), version: "1.2.3+rev4".into() },
            ),
            ("org/fleet", ReleaseName::Tracked { fleet: fleet.clone() }),
            ("org/fleet:latest", ReleaseName::Tracked { fleet }),
            // Too short for a commit, and in the wrong case.
            ("abc", ReleaseName::Tracked { fleet: "abc".into() }),
            ("AAAB12", ReleaseName::Tracked { fleet: "AAAB12".into() }),
        ] {
            assert_eq!(text.parse(), Ok(name), "{text}");
        }
        for text in ["933:latest", "aaab12:latest", "org/fleet", "17", "org/fleet:1.0.0"] {
            assert_eq!(text.parse::<ReleaseName>().expect(text).to_string(), text);
        }
        for text in ["", ":1", "a:", "a\nb", &"x".repeat(600)] {
            assert_eq!(text.parse::<ReleaseName>(), Err(ReleaseNameError), "{text}");
        }
    }
}
