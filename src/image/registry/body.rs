//! The body of an answer, piece by piece.

use std::future::Future;

use reqwest::Response;

use super::RegistryError;
use super::endpoint::Host;

/// The first bytes of an answer's body, at most `limit`.
pub(super) async fn read_start(
    host: &Host,
    mut response: Response,
    limit: usize,
) -> Result<Vec<u8>, RegistryError> {
    let mut body = Vec::new();
    while body.len() < limit
        && let Some(piece) = next_piece(host, &mut response).await?
    {
        body.extend_from_slice(&piece[..piece.len().min(limit - body.len())]);
    }
    Ok(body)
}

/// The next bytes of an answer's body; `None` at its end.
pub(super) fn next_piece<'a>(
    host: &'a Host,
    response: &'a mut Response,
) -> impl Future<Output = Result<Option<bytes::Bytes>, RegistryError>> + 'a {
    host.wait(None, response.chunk())
}
