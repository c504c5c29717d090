//! What is asked for, with all that a way to it is looked for with.

use super::options::PullOptions;
use crate::image::{ImageReference, Transports};
use crate::progress::Progress;
use crate::store::Store;

/// The image that is wanted, and all that a way to it is looked for with.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) reference: &'a ImageReference,
    pub(super) options: &'a PullOptions,
    pub(super) transports: &'a Transports,
    pub(super) store: &'a Store,
    pub(super) progress: &'a dyn Progress,
}
