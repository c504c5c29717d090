//! Remote Docker Engines: which there are, which one builds next, and what they are asked.
//!
//! Not here: what is built (the project room), and what becomes of the image (the builder room).
