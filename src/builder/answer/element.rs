//! One element of the answer.

use serde_json::{Value, json};

/// An element, as the balena CLI understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    /// A line for good.
    Line(String),
    /// A line that the next one overwrites.
    Passing(String),
    /// The line is cleared.
    Erase,
    /// A line that tells that the build failed: the CLI exits with 1 at the end.
    Failure(String),
    /// A line that tells that all is done.
    Success(String),
    /// The release's ID: with it the CLI cancels, tags and notes.
    Release(u64),
}

impl Element {
    pub(super) fn to_json(&self) -> Value {
        match self {
            Element::Line(text) => json!({ "message": text }),
            Element::Passing(text) => json!({ "message": text, "replace": true }),
            Element::Erase => json!({ "type": "metadata", "resource": "cursor", "value": "erase" }),
            Element::Failure(text) => json!({ "message": text, "isError": true }),
            Element::Success(text) => json!({ "message": text, "isSuccess": true }),
            Element::Release(id) => {
                json!({ "type": "metadata", "resource": "buildLogId", "value": id })
            }
        }
    }

    /// Whether the element may be left out for somebody who reads slowly: output of builds, and bars.
    pub(super) fn is_dispensable(&self) -> bool {
        matches!(self, Element::Line(_) | Element::Passing(_) | Element::Erase)
    }
}
