//! The layer blob of a delta: a librsync stream in a compressed tar.

use std::io::{self, BufWriter, Write};

use crate::delta::{Command, Options};
use crate::image::DiffId;
use crate::librsync::{stream_len, write_stream};
use crate::pack::compression::{Allowance, Compression, Encoder};
use crate::pack::layer_tar::{tar_len, write_tar};
use crate::pack::{Hashed, Written};

/// Writes the layer blob of a delta: `commands` make `target`. `allowance` is that of the
/// whole delta.
pub(super) fn write_delta<W: Write>(
    target: &[u8],
    commands: &[Command],
    compression: Compression,
    encoding: &Options,
    allowance: &mut Allowance,
    out: W,
) -> io::Result<Written<W>> {
    let len = stream_len(commands);
    let encoder = Encoder::new(compression, encoding, tar_len(len), allowance, Hashed::new(out));
    // Commands are a few bytes each; hashing them one by one would take longer than finding them.
    let mut tar = BufWriter::new(Hashed::new(encoder));
    write_tar(len, &mut tar, |out| write_stream(target, commands, out))?;
    let (encoder, tar) = tar.into_inner().map_err(|error| error.into_error())?.finish();
    let (out, id) = encoder.finish()?.finish();
    Ok(Written { out, id, diff_id: DiffId(tar.digest) })
}
