//! The way in: a stream of bytes becomes an object.

use std::io::{self, Read};

use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart};

/// Pieces of an upload: S3 takes 10,000 of at least 5 MiB.
const PIECE_BYTES: usize = 16 << 20;
/// Pieces on their way at once.
const PIECES_AT_ONCE: usize = 3;

/// Why an object did not come to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The bytes could not be had.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The service does not take them.
    #[error(transparent)]
    Service(#[from] object_store::Error),
}

/// Sends bytes in pieces; the object appears when all are there. What fails leaves nothing. Reading blocks.
pub(crate) async fn send(
    store: &dyn ObjectStore,
    path: &ObjectPath,
    bytes: &mut (dyn Read + Send),
) -> Result<(), SendError> {
    let mut upload =
        WriteMultipart::new_with_chunk_size(store.put_multipart(path).await?, PIECE_BYTES);
    match send_pieces(&mut upload, bytes).await {
        Ok(()) => upload.finish().await.map(drop).map_err(SendError::from),
        Err(error) => {
            // What a service that is away does not hear stays until the bucket's rule for such uploads.
            let _ = upload.abort().await;
            Err(error)
        }
    }
}

async fn send_pieces(
    upload: &mut WriteMultipart,
    bytes: &mut (dyn Read + Send),
) -> Result<(), SendError> {
    loop {
        let mut piece = Vec::new();
        if bytes.take(PIECE_BYTES as u64).read_to_end(&mut piece)? == 0 {
            return Ok(());
        }
        upload.wait_for_capacity(PIECES_AT_ONCE).await?;
        upload.put(piece.into());
    }
}
