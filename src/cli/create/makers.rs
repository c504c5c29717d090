//! How the deltas of all platforms are made, of each kind that is published under an index.

use remora::image::{Image, ImageContents};
use remora::v3::{self, DeltaReport};
use remora::{Dialect, artifact};

use super::all_platforms::{Delta, Maker, With};
use super::artifact::signatures;
use crate::cli::failure::Failure;

impl Delta for v3::Delta {
    fn contents(&self) -> &ImageContents {
        self.contents()
    }

    fn report(&self) -> &DeltaReport {
        self.report()
    }
}

impl Delta for artifact::Delta {
    fn contents(&self) -> &ImageContents {
        self.contents()
    }

    fn report(&self) -> &DeltaReport {
        self.report()
    }
}

impl Maker for v3::CreateOptions {
    type Delta = v3::Delta;

    fn format(&self) -> Dialect {
        Dialect::V3
    }

    fn make(
        &self,
        pairs: &[(&Image, &Image)],
        with: &With<'_>,
        begin: &dyn Fn(usize),
    ) -> Result<Vec<v3::Delta>, Failure> {
        Ok(v3::create_all(pairs, with.store, self, begin, with.session.progress())?)
    }
}

/// How artifacts are made.
pub(super) struct ArtifactMaker {
    pub(super) options: artifact::CreateOptions,
    /// Whether they bring the signatures of their targets.
    pub(super) signatures: bool,
}

impl Maker for ArtifactMaker {
    type Delta = artifact::Delta;

    fn format(&self) -> Dialect {
        self.options.dialect
    }

    fn make(
        &self,
        pairs: &[(&Image, &Image)],
        with: &With<'_>,
        begin: &dyn Fn(usize),
    ) -> Result<Vec<artifact::Delta>, Failure> {
        let progress = with.session.progress();
        let delta = |(number, (base, target)): (usize, &(&Image, &Image))| {
            begin(number);
            let mut options = self.options.clone();
            if self.signatures {
                options.signatures = signatures(target, with.transports, progress)?;
            }
            Ok(artifact::create(base, target, with.store, &options, progress)?)
        };
        pairs.iter().enumerate().map(delta).collect()
    }
}
