//! A link to a server: it counts what comes through, can be slow, can break, and can go away.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Bytes passed on at a time.
const PIECE: usize = 16 << 10;

/// A link on a port of its own. It serves until the process ends.
pub(super) struct Link {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Bytes that came from the server.
    received: AtomicU64,
    /// Bytes a second; 0 is no bound.
    rate: AtomicU64,
    /// Bytes after which the connection that carries them breaks, once; 0 is never.
    breaks_after: AtomicU64,
    /// Whether the link goes away where it breaks.
    breaks_for_good: AtomicBool,
    is_away: AtomicBool,
}

impl Link {
    /// A link to `server`, `HOST:PORT`.
    pub(super) fn to(server: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State::default());
        let (server, shared) = (server.to_owned(), Arc::clone(&state));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.is_away.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(&server) else { continue };
                let state = Arc::clone(&shared);
                std::thread::spawn(move || carry(client, upstream, &state));
            }
        });
        Link { port, state }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Bytes that came from the server since this was last asked, heads of answers included.
    pub(super) fn take_received(&self) -> u64 {
        self.state.received.swap(0, Ordering::SeqCst)
    }

    /// From now on lets so many bytes through a second, on each connection.
    pub(super) fn pace(&self, bytes_per_second: u64) {
        self.state.rate.store(bytes_per_second, Ordering::SeqCst);
    }

    /// Breaks a connection, once, after so many bytes more of it.
    pub(super) fn break_after(&self, bytes: u64) {
        self.state.breaks_after.store(bytes, Ordering::SeqCst);
    }

    /// Breaks after so many bytes more of a connection, and carries nothing from then on.
    pub(super) fn go_away_after(&self, bytes: u64) {
        self.state.breaks_for_good.store(true, Ordering::SeqCst);
        self.break_after(bytes);
    }

    /// Carries again.
    pub(super) fn come_back(&self) {
        self.state.breaks_for_good.store(false, Ordering::SeqCst);
        self.state.is_away.store(false, Ordering::SeqCst);
    }
}

fn carry(client: TcpStream, upstream: TcpStream, state: &State) {
    let (mut from_client, mut to_server) = (client.try_clone().expect("ours"), upstream);
    let (mut from_server, mut to_client) = (to_server.try_clone().expect("ours"), client);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let mut piece = vec![0; PIECE];
    let mut carried = 0;
    while let Ok(len @ 1..) = from_server.read(&mut piece) {
        carried += len as u64;
        let limit = state.breaks_after.load(Ordering::SeqCst);
        if limit > 0 && carried > limit {
            state.breaks_after.store(0, Ordering::SeqCst);
            state.is_away.store(state.breaks_for_good.load(Ordering::SeqCst), Ordering::SeqCst);
            break;
        }
        state.received.fetch_add(len as u64, Ordering::SeqCst);
        if to_client.write_all(&piece[..len]).is_err() {
            break;
        }
        let rate = state.rate.load(Ordering::SeqCst);
        if rate > 0 {
            std::thread::sleep(Duration::from_secs_f64(len as f64 / rate as f64));
        }
    }
    let _ = to_client.shutdown(Shutdown::Both);
    let _ = from_server.shutdown(Shutdown::Both);
}
