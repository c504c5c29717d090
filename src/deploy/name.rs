//! Names of what is deployed.

use std::fmt;
use std::str::FromStr;

/// The longest name: it becomes part of a container's ID.
const MAX_BYTES: usize = 64;

/// The name of what is deployed: small letters, digits, `-`, `_` and `.`, the first a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeploymentName(String);

/// A text is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has up to {MAX_BYTES} small letters, digits, '-', '_' and '.', and begins with a letter or digit"
)]
pub struct NameError;

impl FromStr for DeploymentName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let allowed = |byte: u8| plain(byte) || b"-_.".contains(&byte);
        let begins_well = text.bytes().next().is_some_and(plain);
        match begins_well && text.len() <= MAX_BYTES && text.bytes().all(allowed) {
            true => Ok(DeploymentName(text.to_owned())),
            false => Err(NameError),
        }
    }
}

impl DeploymentName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeploymentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_name_and_part_of_a_containers_id() {
        for name in ["app", "a", "0", "my-app_2.1", &"x".repeat(MAX_BYTES)] {
            assert_eq!(
                name.parse::<DeploymentName>().map(|it| it.to_string()),
                Ok(name.to_owned())
            );
        }
        let long = "x".repeat(MAX_BYTES + 1);
        for name in ["", ".", "..", ".a", "-a", "a/b", "../a", "A", "a b", "a\0", "ä", &long] {
            assert_eq!(name.parse::<DeploymentName>(), Err(NameError), "{name:?}");
        }
    }
}
