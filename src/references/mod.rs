//! The references room: where programs name other places of themselves, and what such a reference is once things moved.
//!
//! Here live a program's regions and how they are told from an ELF file, references in code and tables, the map from old
//! addresses to new ones, the prediction of references by it, and literals of code with absolute addresses. Everything is
//! pure. Not here: how covers are found (`delta`), and how all this is written down (`chunked`).
//!
//! Source of the rules: `docs/formats/remora-delta.md`, "Programs". Encoder and applier both go by this code.

mod aarch64;
mod aarch64_immediate;
mod address_map;
mod arm;
mod arm_immediate;
mod elf;
#[cfg(test)]
mod instruction_tests;
mod labels;
mod literals;
mod predictor;
mod program;
mod reference;
mod scan;
mod stretch;
#[cfg(test)]
pub(crate) mod test_programs;
#[cfg(test)]
mod tests;

pub use elf::elf_regions;
pub use labels::{label_base, label_target};
pub use literals::{to_absolute, to_relative};
pub use predictor::Predictor;
pub use program::{Kind, Program, Region, Side};
pub use reference::Reference;
pub use scan::references;
pub use stretch::{Part, Parts, Stretch, program_at};
