//! What a policy says of an image that it accepts.

use std::fmt;

use crate::image::Digest;

/// Why an image was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What was accepted, requirement by requirement.
    pub accepted: Vec<Accepted>,
}

/// What met one requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepted {
    /// A signature.
    Signature {
        /// The key that signed, by its file.
        key: String,
        /// The name that the signature gives to the image, if it gives any.
        name: Option<String>,
        /// The digest that is signed.
        digest: Digest,
        /// The rule that asked for it.
        rule: String,
    },
    /// Anything would have been accepted: nothing was checked.
    Anything {
        /// The rule that says so.
        rule: String,
    },
}

impl Verdict {
    /// Whether a signature was checked. If not, nothing is known of the image.
    pub fn is_signed(&self) -> bool {
        self.accepted.iter().any(|accepted| matches!(accepted, Accepted::Signature { .. }))
    }
}

impl fmt::Display for Verdict {
    /// One line: `signed by cosign.pub for registry.example.com/app`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed: Vec<String> = self.accepted.iter().filter_map(signature).collect();
        match (signed.is_empty(), self.accepted.first()) {
            (false, _) => write!(formatter, "signed by {}", signed.join(" and by ")),
            (true, Some(Accepted::Anything { rule })) => {
                write!(formatter, "not checked: {rule} accepts anything")
            }
            (true, _) => formatter.write_str("not checked"),
        }
    }
}

fn signature(accepted: &Accepted) -> Option<String> {
    match accepted {
        Accepted::Signature { key, name: Some(name), .. } => Some(format!("{key} for {name}")),
        Accepted::Signature { key, name: None, digest, .. } => Some(format!("{key} for {digest}")),
        Accepted::Anything { .. } => None,
    }
}
