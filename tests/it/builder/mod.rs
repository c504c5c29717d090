//! The builder behind `balena push`, as its clients see it, and the engines that it builds at.

mod away;
mod cancelling;
mod engine_contexts;
mod engine_kills;
mod engines;
mod engines_away;
mod engines_buildkit;
mod engines_places;
mod engines_pruning;
mod engines_push;
mod failing;
mod hostile;
mod processors;
mod projects;
pub(crate) mod push_answers;
pub(crate) mod pushes;
mod pushes_trials;
mod refusing;
mod released;
mod says;
mod scene;
mod silence;
mod stopped;
mod together;
mod vanished;
