//! What comparing deployments with their images finds.

use std::path::PathBuf;

use serde::Serialize;

use crate::store::Trouble;

/// The deployments that need a store, compared with their images.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct AuditReport {
    /// How many deployments were compared.
    pub deployments: u64,
    /// Those that are not as they were made.
    pub damaged: Vec<DamagedDeployment>,
    /// The files of deployments that could not be compared because a layer is missing in the store.
    pub not_compared: Vec<PathBuf>,
    /// The files of deployments that containers may change: they were not compared.
    pub changeable: Vec<PathBuf>,
    /// The files of deployments that could not be looked at because their file system is not mounted.
    pub out_of_reach: Vec<PathBuf>,
    /// The files of deployments that were made from the store, and that the store does not know of any more.
    pub unknown: Vec<PathBuf>,
    /// The links to current deployments that lead to none, and why.
    pub broken_links: Vec<Trouble>,
    /// The folders of deployments none of which is current.
    pub none_current: Vec<PathBuf>,
    /// What could not be compared or mended, and why.
    pub troubles: Vec<Trouble>,
}

/// A deployment that is not as it was made.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct DamagedDeployment {
    /// Where its files are.
    pub rootfs: PathBuf,
    /// Files, links and folders that were not as the image says.
    pub differing: u64,
    /// How many of these were made again.
    pub mended: u64,
    /// Names that the image does not have. They are left alone.
    pub foreign: u64,
    /// The first paths of both kinds.
    pub paths: Vec<String>,
    /// The first of those that could not be made again, and why.
    pub not_mended: Vec<Trouble>,
    /// Whether its record could not be read. The record is written again with what is known if it is mended.
    pub record: bool,
    /// Whether its `config.json` is another than the one that was made. It is left alone.
    pub config: bool,
}

impl DamagedDeployment {
    /// Returns whether it is not as it was made, still.
    pub fn is_damaged_still(&self) -> bool {
        self.mended < self.differing || self.foreign > 0 || self.config
    }
}
