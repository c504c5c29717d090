//! What servers tell each other of themselves.

use std::sync::Arc;
use std::time::Duration;

use crate::image::Digest;
use crate::progress::Stage;
use crate::server::pair::Pair;

/// What a server is to the others, and for how long what it said counts if nothing more is heard of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::server::jobs) struct Terms {
    /// That it holds its jobs. A server that dies keeps others from its jobs for so long; one that stalls
    /// for longer loses its work.
    pub(in crate::server::jobs) lease: Duration,
    /// That somebody waits for a job.
    pub(in crate::server::jobs) wish: Duration,
    /// How many jobs it builds at the same time.
    pub(in crate::server::jobs) places: usize,
    /// Whether it answers devices.
    pub(in crate::server::jobs) answers: bool,
    /// How many finished jobs it mirrors, at most.
    pub(in crate::server::jobs) mirrored: usize,
}

/// Images that are remembered of a server, at most.
pub(in crate::server::jobs) const MOST_IMAGES: usize = 2_000;

/// A sign of life.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::server::jobs) struct Sign<'a> {
    /// The jobs that somebody waits for at this server.
    pub(in crate::server::jobs) wanted: &'a [Arc<Pair>],
    /// Images, by their manifests, whose layers this server has got since the last sign.
    pub(in crate::server::jobs) images: &'a [Digest],
}

/// What a server hears in return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many servers answer devices, this one included if it does. At least 1.
    pub(crate) answering: usize,
}

impl Standing {
    /// A server that is alone.
    pub(in crate::server::jobs) const ALONE: Standing = Standing { answering: 1 };
}

/// A job that a server would build.
#[derive(Debug, Clone)]
pub(in crate::server::jobs) struct Candidate {
    pub(in crate::server::jobs) pair: Arc<Pair>,
    /// Whether the job is left to another server that has its layers and a free place.
    pub(in crate::server::jobs) patient: bool,
}

/// How far a server is with what it builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server::jobs) struct Report {
    pub(in crate::server::jobs) pair: Arc<Pair>,
    pub(in crate::server::jobs) stage: Stage,
    /// How much is done, 0 to 100.
    pub(in crate::server::jobs) percent: u8,
}

/// What was told by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server::jobs) enum Told {
    /// There may be news of jobs.
    News,
    /// How far another server is.
    Progress(Report),
}
