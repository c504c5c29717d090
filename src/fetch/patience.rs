//! Patience with deltas: who may do without one does not wait for it as long as for the image itself.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::image::{Image, ImageError, NetworkCause, RegistryError};

/// A blob's bytes, which fail once nothing has come for a time. Readers of registries are interrupted now and then
/// while nothing comes.
pub(super) struct Patient<R> {
    inner: R,
    /// The host that the bytes come from.
    host: String,
    patience: Duration,
    silent_since: Instant,
}

impl<R> Patient<R> {
    /// The bytes of `inner`, a blob of `image`.
    pub(super) fn new(inner: R, image: &Image, patience: Duration) -> Self {
        let place = image.reference();
        let host = place.registry().map_or_else(|| place.to_string(), |it| it.host().to_owned());
        Patient { inner, host, patience, silent_since: Instant::now() }
    }

    fn silence(&self) -> io::Error {
        let reason = format!("nothing came for {} s", self.patience.as_secs());
        let (host, cause) = (self.host.clone(), NetworkCause::Connection);
        ImageError::from(RegistryError::Network { host, reason, cause }).into()
    }
}

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                let is_over = self.silent_since.elapsed() >= self.patience;
                Err(if is_over { self.silence() } else { error })
            }
            done => {
                self.silent_since = Instant::now();
                done
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::PATIENCE;

    /// Bytes that never come.
    struct Hanging;

    impl Read for Hanging {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Interrupted.into())
        }
    }

    fn patient<R>(inner: R, patience: Duration) -> Patient<R> {
        Patient { inner, host: "r.example".to_owned(), patience, silent_since: Instant::now() }
    }

    #[test]
    fn a_blob_of_which_nothing_comes_fails_as_a_network_does() {
        let read = patient(Hanging, Duration::from_millis(5)).read_to_end(&mut Vec::new());
        let error = ImageError::from_read(read.expect_err("nothing comes"));
        assert_eq!(error.cause(), crate::Cause::Unreachable, "{error}");
    }

    #[test]
    fn a_read_that_is_interrupted_in_time_is_left_to_its_reader() {
        let error = patient(Hanging, PATIENCE).read(&mut [0]).expect_err("interrupted");
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        let mut bytes = Vec::new();
        patient(&b"some"[..], Duration::ZERO).read_to_end(&mut bytes).expect("all there");
        assert_eq!(bytes, b"some");
    }
}
