//! Everything that uses Remora from outside, in one test binary.

mod cli;
mod images;
mod store;
mod v3;
