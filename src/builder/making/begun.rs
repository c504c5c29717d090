//! How a build began, for whoever does not wait for its end.

/// How a build began.
#[derive(Debug)]
pub(in crate::builder) enum Begun {
    Release(u64),
    Not(String),
}
