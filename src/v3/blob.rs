//! Layer blobs in the making: what is written is hashed, and the blob is a file until it is
//! published.

use std::io::{self, BufWriter, Write};

use sha2::{Digest as _, Sha256};

use super::compression::{Allowance, Compression, Encoder};
use super::layer_tar::{tar_len, write_tar};
use super::manifest::BlobId;
use crate::delta::{Command, MAGIC, Options, write_stream};
use crate::image::{Blob, BlobData, DiffId, Digest};
use crate::temporary::TemporaryFile;

/// Hashes and counts what passes through to `out`.
pub(super) struct Hashed<W> {
    out: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Hashed<W> {
    pub(super) fn new(out: W) -> Self {
        Hashed { out, hasher: Sha256::new(), size: 0 }
    }

    pub(super) fn finish(self) -> (W, BlobId) {
        (self.out, BlobId { digest: Digest::from_hasher(self.hasher), size: self.size })
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.out.write(bytes)?;
        self.hasher.update(&bytes[..len]);
        self.size += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A blob that has been written.
#[derive(Debug)]
pub(super) struct Written<W> {
    pub(super) out: W,
    pub(super) id: BlobId,
    /// The digest of what it unpacks to.
    pub(super) diff_id: DiffId,
}

impl Written<TemporaryFile> {
    /// The blob for an image that is to be written; the file must live until then.
    pub(super) fn to_blob(&self) -> Blob {
        Blob {
            digest: self.id.digest,
            size: self.id.size,
            data: BlobData::File(self.out.path().to_owned()),
        }
    }
}

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

/// How many bytes the delta stream of `commands` has: magic, commands, END.
pub(super) fn stream_len(commands: &[Command]) -> u64 {
    let len = |command: &Command| {
        let literal = match *command {
            Command::Literal { len } => len,
            Command::Copy { .. } => 0,
        };
        command.header_len() as u64 + literal
    };
    MAGIC.len() as u64 + commands.iter().map(len).sum::<u64>() + 1
}
