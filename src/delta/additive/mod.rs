//! Encoding with additions: stretches of the base that are nearly those of the target.
//!
//! Here live the choice among lanes, the matches with changed bytes that `matching` finds, that for programs, by what their
//! references name, and members of archives, by what is in them. Not here: how covers are written, and what that costs (a
//! dialect's [`CoverPrices`]).

mod archives;
#[cfg(test)]
mod archives_tests;
mod by_names;
mod choice;
mod cut;
mod encoder;
mod members;
mod old_archives;
mod prices;
mod programs;
#[cfg(test)]
mod tests;

pub use archives::open_archives;
pub use by_names::covers_by_names;
pub use encoder::Covers;
pub use prices::CoverPrices;
pub use programs::programs;
