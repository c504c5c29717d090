//! v2.
mod deflate;
mod entry;
mod error;
mod file_list;
mod input;
mod numbers;
mod options;
mod plan;
pub use error::{BatchError, BatchProblem, V2Error};
pub use options::{ListScope, Options};
