//! Records: what turns one old file into the new one.

use std::ops::Range;

use rayon::prelude::*;

use super::deflate::Deflater;
use super::numbers::{push_int, push_short};
use super::plan::Transfer;
use super::steps::{Blocks, Step, choose};
use super::tokens::{self, push_data, push_run};
use crate::delta::{Base, Command, Encoder, Goal, Options as Matching};

/// The flag of a record that carries content.
pub(super) const TRANSFER: u16 = 0x8000;

/// Files up to this size are matched whole without an index if nothing but their ends differ.
const LITERAL_PIECE: usize = 1 << 20;
/// How much of the new file one part of a record makes, at most: the unit of parallel work.
const PART: usize = 1 << 20;

/// What a LITERAL costs more here than in a v3 delta, in bytes: it is a deflate stretch of its own.
const LITERAL_BYTES: f64 = 3.0;
/// The memory for the index of one old file.
const INDEX_MEMORY: u64 = 96 << 20;
