//! gzip members by libdeflate and by zopfli.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libdeflater::{CompressionLvl, Compressor};

/// With fewer iterations zopfli loses on small streams too.
const ZOPFLI_ITERATIONS: NonZeroU64 = NonZeroU64::new(50).expect("not zero");

/// One gzip member by zopfli, without name or time.
pub(super) fn zopfli_member(piece: &[u8]) -> io::Result<Vec<u8>> {
    let options =
        zopfli::Options { iteration_count: ZOPFLI_ITERATIONS, ..zopfli::Options::default() };
    let mut member = Vec::new();
    zopfli::compress(options, zopfli::Format::Gzip, piece, &mut member)?;
    Ok(member)
}

/// libdeflate's compressors between one piece and the next, by level: the larger ones take megabytes.
#[derive(Default)]
pub(super) struct Compressors(Mutex<BTreeMap<i32, Vec<Workbench>>>);

/// A compressor, and memory for what it makes.
struct Workbench {
    compressor: Compressor,
    member: Vec<u8>,
}

impl Compressors {
    /// One gzip member, without name or time.
    pub(super) fn gzip(&self, piece: &[u8], level: i32) -> io::Result<Vec<u8>> {
        let mut bench = self.take(level);
        let bound = bench.compressor.gzip_compress_bound(piece.len());
        if bench.member.len() < bound {
            bench.member.resize(bound, 0);
        }
        let len =
            bench.compressor.gzip_compress(piece, &mut bench.member).map_err(io::Error::other)?;
        let member = bench.member[..len].to_vec();
        self.lock().entry(level).or_default().push(bench);
        Ok(member)
    }

    fn take(&self, level: i32) -> Workbench {
        let idle = self.lock().get_mut(&level).and_then(Vec::pop);
        idle.unwrap_or_else(|| Workbench {
            compressor: Compressor::new(
                CompressionLvl::new(level).expect("a level of libdeflate's"),
            ),
            member: Vec::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Vec<Workbench>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
