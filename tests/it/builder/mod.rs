//! The builder behind `balena push`, as its clients see it.

pub(crate) mod push_answers;
pub(crate) mod pushes;
mod pushes_trials;
