//! The beneath room: the one way to make, change and remove things below a folder that is held open.
//!
//! A [`Folder`] is a handle. Everything is reached from it by one name at a time, which is no path: a name with a
//! slash, a NUL byte, `.` and `..` are refused. No symbolic link is followed, neither the last name nor one on the
//! way, whoever put it there and whenever. What these names mean, and what belongs under them, lives elsewhere.

mod attributes;
mod exchangeable;
mod folder;
mod name;
mod remove;
mod resolve;
#[cfg(test)]
mod tests;

pub(crate) use attributes::{Target, Times, read_xattrs};
pub(crate) use exchangeable::{Exchangeable, exchangeable_above};
pub(crate) use folder::{Folder, Identity, NodeKind};
