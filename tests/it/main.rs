//! Everything that uses Remora from outside, in one test binary.

mod cli;
mod image_places;
mod images;
mod sample_image;
mod store;
mod tools;
mod v3;
