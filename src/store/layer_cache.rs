//! Where layers may be had beside where their images live.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use super::error::StoreError;
use crate::image::DiffId;

/// A place for layers that several stores have together.
pub(crate) trait LayerCache: Send + Sync + fmt::Debug {
    /// The layer's tar, compressed in a way that a layer may be; `None` if it is not there, or comes sooner from where its
    /// image lives, which takes `stored` bytes there. A read that has to wait is interrupted now and then.
    fn open(&self, diff_id: DiffId, stored: u64) -> Option<Box<dyn Read + Send>>;

    /// What was [`open`](Self::open)ed came in as `bytes` of tar within `time`.
    fn served(&self, diff_id: DiffId, bytes: u64, time: Duration);

    /// What was [`open`](Self::open)ed did not come to an end, or is not the layer.
    fn failed(&self, diff_id: DiffId, error: &StoreError);

    /// The layer came in from where its image lives, from `stored` bytes as `bytes` of tar within `time`: others may want it
    /// from here.
    fn offer(&self, diff_id: DiffId, stored: u64, bytes: u64, time: Duration);
}
