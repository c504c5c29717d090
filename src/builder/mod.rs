//! The builder: a project in, images built by remote engines, a release with its deltas out.
//!
//! Not here: what a project says (the project room), and how deltas are made (the delta server does).

#[doc(hidden)]
pub mod engine;
