//! The trust room: whether an image may be used, as containers' `policy.json` or a key says it, and the signatures
//! that prove it.
//!
//! Door: [`Policy`] is read from a file, from the places where other tools keep theirs, or made of one key;
//! [`Policy::verify`] looks for the signatures of an image and answers with a [`Verdict`].
//!
//! Not here: whether bytes are those that a digest names (the image room checks each blob), and making signatures.

mod attached;
mod bundle;
mod document;
mod error;
mod evidence;
mod identity;
mod key;
mod key_problem;
mod limits;
mod named;
mod object;
mod payload;
mod policy;
mod requirement;
mod scope;
mod signatures;
#[cfg(test)]
mod tests;
mod verdict;

pub use attached::{Statement, attached_signatures, statements};
pub use error::TrustError;
pub use key_problem::KeyProblem;
pub use policy::{Brought, Policy, Subject};
pub use verdict::{Accepted, Verdict};
