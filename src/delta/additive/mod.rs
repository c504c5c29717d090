//! Encoding with additions: stretches of the base that are nearly those of the target.
//!
//! Here live partners (the old file that a changed one probably comes from), the dense index of those, lanes (a
//! displacement between base and target, followed across changed bytes), the choice among them, that for programs, by what their
//! references name, and members of archives, by what is in them. Not here: how covers
//! are written, and what that costs (a dialect's [`CoverPrices`]).

mod agreement;
mod archives;
#[cfg(test)]
mod archives_tests;
mod balance;
mod by_names;
mod choice;
mod cut;
mod dense_index;
mod encoder;
mod lanes;
mod look_up;
mod members;
mod old_archives;
mod partners;
mod prices;
mod programs;
#[cfg(test)]
mod tests;

pub use archives::open_archives;
pub use by_names::covers_by_names;
pub use encoder::Covers;
pub use prices::CoverPrices;
pub use programs::programs;
