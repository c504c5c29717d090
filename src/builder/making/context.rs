//! A build context on its way to an engine: written by a thread while the engine takes it.

use std::io::{self, Write};

use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::mpsc;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;
/// Pieces that wait for the engine.
const PIECES: usize = 4;

type Sender = mpsc::Sender<io::Result<Bytes>>;

/// The end that is written to. Blocks as long as the engine takes nothing.
pub(super) struct ContextWriter {
    piece: Vec<u8>,
    sender: Sender,
}

/// Both ends.
pub(super) fn channel() -> (ContextWriter, impl Stream<Item = io::Result<Bytes>> + Send + 'static) {
    let (sender, receiver) = mpsc::channel(PIECES);
    let stream = unfold(receiver, |mut receiver: mpsc::Receiver<io::Result<Bytes>>| async {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    (ContextWriter { piece: Vec::with_capacity(PIECE), sender }, stream)
}

impl ContextWriter {
    /// Writes all that `write` does; an error reaches the engine, so that no part is taken for the whole.
    pub(super) fn fill(mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let written = write(&mut self).and_then(|()| self.flush());
        if let Err(error) = written {
            // Nobody may be there any more.
            let _ = self.sender.blocking_send(Err(error));
        }
    }
}

impl Write for ContextWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(Ok(Bytes::from(piece))).map_err(gone)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn pieces_add_up_and_an_error_comes_last() {
        let (writer, stream) = channel();
        let all: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        let expected = all.clone();
        let write = move |out: &mut dyn Write| {
            out.write_all(&all)?;
            out.flush()?;
            Err(io::Error::other("lost"))
        };
        let thread = std::thread::spawn(move || writer.fill(write));
        let pieces: Vec<io::Result<Bytes>> = stream.collect().await;
        thread.join().expect("ended");
        let (last, pieces) = pieces.split_last().expect("pieces");
        assert!(last.is_err());
        let bytes: Vec<u8> = pieces.iter().flatten().flatten().copied().collect();
        assert!(bytes == expected);
    }
}
