//! One policy: the requirements of each scope, read from `policy.json`. Whatever is not known there is refused, as
//! other tools refuse it: a misspelt key would be a rule that nobody applies.

use serde::Deserialize;

use super::error::TrustError;
use super::object::{Object, Unique};
use super::requirement::Requirement;
use super::scope;
use crate::image::ImageReference;
use crate::quote::quoted;

/// A policy from one place.
#[derive(Debug, Clone)]
pub(super) struct Document {
    /// Where it is from.
    place: String,
    default: Vec<Requirement>,
    transports: Unique<Unique<Vec<Requirement>>>,
}

/// The requirements for an image, and the words for where they stand.
pub(super) struct Rule<'a> {
    pub(super) name: String,
    pub(super) requirements: &'a [Requirement],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    default: Vec<Requirement>,
    #[serde(default)]
    transports: Unique<Unique<Vec<Requirement>>>,
}

impl Document {
    /// Reads the policy at `place`.
    pub(super) fn parse(json: &[u8], place: &str) -> Result<Self, TrustError> {
        let stated = serde_json::from_slice(json);
        let Object(Stated { default, transports }) =
            stated.map_err(|error| TrustError::policy(place, error))?;
        let document = Document { place: place.to_owned(), default, transports };
        match document.problem() {
            Some(problem) => Err(TrustError::policy(place, problem)),
            None => Ok(document),
        }
    }

    /// A policy that asks the same of every image.
    pub(super) fn of(place: String, requirement: Requirement) -> Self {
        Document { place, default: vec![requirement], transports: Unique::default() }
    }

    fn problem(&self) -> Option<String> {
        if self.default.is_empty() {
            return Some("the default has no requirements".to_owned());
        }
        let all = self.transports.0.iter().flat_map(|(transport, scopes)| {
            scopes.0.iter().map(move |(scope, requirements)| (transport, scope, requirements))
        });
        all.into_iter().find_map(|(transport, scope, requirements)| {
            let at = |problem| format!("{} of {}: {problem}", quoted(scope), quoted(transport));
            match requirements.is_empty() {
                true => Some(at("there are no requirements")),
                false => scope::problem(transport, scope).map(at),
            }
        })
    }

    /// The requirements for an image: those of its narrowest scope, of its transport, or of all images.
    pub(super) fn rule(&self, reference: &ImageReference) -> Rule<'_> {
        let transport = scope::transport(reference);
        let rules = self.transports.0.get(transport);
        let mut scopes = scope::scopes(reference);
        scopes.push(String::new());
        let found = rules
            .and_then(|rules| scopes.iter().find_map(|scope| Some((scope, rules.0.get(scope)?))));
        match found {
            Some((scope, requirements)) => {
                let scope = if scope.is_empty() { transport } else { scope };
                let name = format!("the rule for {} in {}", quoted(scope), self.place);
                Rule { name, requirements }
            }
            None if self.transports.0.is_empty() => {
                Rule { name: self.place.clone(), requirements: &self.default }
            }
            None => {
                let name = format!("the default of {}", self.place);
                Rule { name, requirements: &self.default }
            }
        }
    }
}
