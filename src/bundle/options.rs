//! How a bundle is made.

use serde::{Deserialize, Serialize};

use crate::unpack::UnpackOptions;

/// What a container may do to the files of its bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RootAccess {
    /// Change them.
    #[default]
    Writable,
    /// Nothing. `/run`, `/tmp` and `/var/tmp`, as far as the image has them, are in memory, as Podman has them for
    /// read-only containers.
    ReadOnly,
    /// Change what the container sees: changes are kept in a layer of the bundle's own (overlayfs), and the files stay
    /// as they are.
    Layered,
}

/// How a bundle is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BundleOptions {
    /// How its files are made.
    pub unpack: UnpackOptions,
    /// What a container may do to them.
    pub root: RootAccess,
}

impl From<UnpackOptions> for BundleOptions {
    fn from(unpack: UnpackOptions) -> Self {
        BundleOptions { unpack, root: RootAccess::default() }
    }
}
