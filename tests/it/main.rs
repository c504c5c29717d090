//! Everything that uses Remora from outside, in one test binary.

mod images;
mod store;
mod v3;
