//! Waiting until all pairs are made, or cannot be.

use std::time::{Duration, Instant};

use reqwest::Response;

use super::events::Events;
use super::{ApiError, Client, PairState, PairStatus, WantedPair};

/// The pause before a server that went away is asked again; it may be starting anew.
const PAUSE: Duration = Duration::from_secs(3);
/// How often in a row it may be away.
const MAX_FAILURES: u32 = 40;
/// How long a stream may be silent: the server gives a sign of life every 20 s.
const SILENCE_TIME: Duration = Duration::from_secs(60);
/// How often whoever sees pairs is told that one goes on.
const TICK: Duration = Duration::from_secs(1);

/// Sees what becomes of pairs: the number of the pair, and what it is like now.
pub type Seen<'a> = dyn FnMut(usize, &PairStatus) + 'a;

impl Client {
    /// Asks for deltas as [`prepare`](Client::prepare) does, and waits until each is ready or has
    /// failed. A server that stops is waited for: it goes on where it was.
    ///
    /// # Errors
    /// If the server refuses, never answered, or stays away for too long. A delta that cannot be made is
    /// told in its status instead.
    pub fn prepare_and_wait(
        &self,
        pairs: &[WantedPair],
        fleet: Option<&str>,
        seen: &mut Seen<'_>,
    ) -> Result<Vec<PairStatus>, ApiError> {
        self.connection.runtime.block_on(async {
            let mut failures = 0;
            let mut was_there = false;
            let mut statuses = Vec::new();
            loop {
                let result = self.follow(pairs, fleet, &mut statuses, seen).await;
                was_there |= !statuses.is_empty();
                match result {
                    Ok(true) => return Ok(statuses),
                    Ok(false) => failures = 0,
                    // A server that never answered is more likely misnamed than starting anew.
                    Err(error) if !was_there || !error.may_pass() => return Err(error),
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, "asking again");
                        if failures >= MAX_FAILURES {
                            return Err(error);
                        }
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// Asks for the pairs and follows the events until all are done. `false` where the stream ends
    /// before.
    async fn follow(
        &self,
        pairs: &[WantedPair],
        fleet: Option<&str>,
        statuses: &mut Vec<PairStatus>,
        seen: &mut Seen<'_>,
    ) -> Result<bool, ApiError> {
        // The stream comes first, so that no change falls between the two.
        let mut stream = self.events().await?;
        *statuses = self.post(pairs, fleet).await?;
        statuses.iter().enumerate().for_each(|(index, status)| seen(index, status));
        if let Some(pair) = statuses.iter().find(|pair| pair.status == PairState::Unknown) {
            return Err(self.not_queued(pair));
        }
        let mut events = Events::default();
        while !statuses.iter().all(PairStatus::is_done) {
            // What goes on is as it was.
            let mut tick = || {
                if let Some((index, status)) = statuses.iter().enumerate().find(is_going_on) {
                    seen(index, status);
                }
            };
            let Some(piece) = next_piece(&mut stream, &mut tick).await else { return Ok(false) };
            for event in events.read(&piece).ok_or_else(|| self.nonsense("an endless event"))? {
                // Who missed some asks again.
                if event.kind != "job" {
                    return Ok(false);
                }
                let Ok(status) = serde_json::from_str(&event.data) else { continue };
                take_over(statuses, &status, seen);
            }
        }
        Ok(true)
    }
}

/// The next piece of the stream; `None` if it ends, or is silent for too long. While it is silent, `tick` is called now and then.
async fn next_piece(stream: &mut Response, tick: &mut dyn FnMut()) -> Option<Vec<u8>> {
    let since = Instant::now();
    loop {
        match tokio::time::timeout(TICK, stream.chunk()).await {
            Ok(piece) => return piece.ok().flatten().map(Into::into),
            Err(_) if since.elapsed() >= SILENCE_TIME => return None,
            Err(_) => tick(),
        }
    }
}

fn is_going_on((_, pair): &(usize, &PairStatus)) -> bool {
    !pair.is_done()
}

/// Notes what has become of the pairs that `changed` is about.
fn take_over(statuses: &mut [PairStatus], changed: &PairStatus, seen: &mut Seen<'_>) {
    for (index, status) in statuses.iter_mut().enumerate() {
        if status.is_same_job(changed) && !status.is_done() {
            status.take_over(changed);
            seen(index, status);
        }
    }
}
