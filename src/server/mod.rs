//! The delta server: HTTP in, JSON out. Routes, who may, jobs, metrics.
//!
//! Async is allowed here; builds are blocking calls of the library on threads of their own.
//!
//! Not here: how a delta is made (the v2 and v3 rooms) and how images are read (the image room).

#[expect(unused_imports, reason = "the routes will ask it")]
#[cfg_attr(not(test), expect(dead_code, reason = "the routes will ask it"))]
mod access;
#[allow(dead_code, reason = "the routes will use it")]
mod build;
mod error;
#[allow(dead_code, unused_imports, reason = "the routes will use it")]
mod jobs;
mod pair;
mod query;

pub use error::ServerError;
pub use query::{DeltaQuery, ImageVersion, NamedImage, QueryError};
