//! The answer as a body: what waits in the queue, and a sign of life where nothing happens.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::queue::Queue;

/// White space between elements: no reader of JSON minds.
const SIGN_OF_LIFE: &str = "\n";

/// The answer to one push.
pub(in crate::builder) struct AnswerBody {
    queue: Arc<Queue>,
    /// Tells when whoever pushes has gone; not after the end.
    gone: Option<DropGuard>,
    /// How long nothing is written at most.
    heartbeat: Duration,
}

impl AnswerBody {
    /// What comes through `queue`, with a sign of life after each `heartbeat` without anything. If the reader goes before the
    /// end, `gone` is cancelled.
    pub(in crate::builder) fn new(
        queue: Arc<Queue>,
        gone: CancellationToken,
        heartbeat: Duration,
    ) -> Self {
        AnswerBody { queue, gone: Some(gone.drop_guard()), heartbeat }
    }

    pub(in crate::builder) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut body| async {
            let piece = body.next().await?;
            Some((Ok::<Bytes, std::convert::Infallible>(piece), body))
        }))
    }

    async fn next(&mut self) -> Option<Bytes> {
        match tokio::time::timeout(self.heartbeat, self.queue.next()).await {
            Ok(Some(text)) => Some(Bytes::from(text)),
            Ok(None) => {
                self.gone.take().map(DropGuard::disarm);
                None
            }
            Err(_) => Some(Bytes::from_static(SIGN_OF_LIFE.as_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::super::element::Element;
    use super::*;

    #[tokio::test]
    async fn silence_is_broken_and_the_end_is_no_going() {
        let (queue, gone) = (Arc::new(Queue::default()), CancellationToken::new());
        let body = AnswerBody::new(Arc::clone(&queue), gone.clone(), Duration::from_millis(10));
        let mut body = body.into_body().into_data_stream();
        for _ in 0..3 {
            assert_eq!(body.next().await.expect("a sign").expect("fine"), SIGN_OF_LIFE);
        }
        queue.push(&Element::Line("x".to_owned()));
        queue.close();
        while body.next().await.is_some() {}
        drop(body);
        assert!(!gone.is_cancelled());
    }

    #[tokio::test]
    async fn whoever_goes_before_the_end_is_gone() {
        let (queue, gone) = (Arc::new(Queue::default()), CancellationToken::new());
        drop(AnswerBody::new(queue, gone.clone(), Duration::from_secs(15)).into_body());
        assert!(gone.is_cancelled());
    }
}
