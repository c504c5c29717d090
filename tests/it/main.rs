//! Everything that uses Remora from outside, in one test binary.

mod store;
