//! A way over TCP that a test may cut, hold up, slow down or lead elsewhere.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often what is held looks whether it may go on.
const HOLD_PAUSE: Duration = Duration::from_millis(20);
const BUFFER_BYTES: usize = 64 << 10;

/// What becomes of bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Nothing arrives, and nobody is told.
    Held,
    /// Each piece takes so long.
    Slow(Duration),
    /// Connections end, and new ones end at once.
    Cut,
}

/// A proxy on a free port, for as long as the process runs.
pub(crate) struct TcpProxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    way: Mutex<Way>,
    target: AtomicU16,
    open: Mutex<Vec<TcpStream>>,
}

impl TcpProxy {
    /// A proxy to a port of this machine.
    pub(crate) fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (way, open) = (Mutex::new(Way::Open), Mutex::default());
        let shared = Arc::new(Shared { way, target: AtomicU16::new(target), open });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                of_thread.connect(client);
            }
        });
        TcpProxy { port, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, way: Way) {
        *self.shared.way.lock().expect("nobody panics with it") = way;
        if way == Way::Cut {
            for stream in self.shared.open.lock().expect("nobody panics with it").drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// New connections go to another port.
    pub(crate) fn lead_to(&self, target: u16) {
        self.shared.target.store(target, Ordering::Relaxed);
    }
}

impl Shared {
    fn way(&self) -> Way {
        *self.way.lock().expect("nobody panics with it")
    }

    fn connect(self: &Arc<Self>, client: TcpStream) {
        let target = self.target.load(Ordering::Relaxed);
        if self.way() == Way::Cut {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { return };
        let copy = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
        let mut open = self.open.lock().expect("nobody panics with it");
        open.extend([copy(&client), copy(&server)]);
        drop(open);
        for (from, to) in [(copy(&client), copy(&server)), (server, client)] {
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.carry(from, to));
        }
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; BUFFER_BYTES];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            while self.way() == Way::Held {
                std::thread::sleep(HOLD_PAUSE);
            }
            if let Way::Slow(time) = self.way() {
                std::thread::sleep(time);
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}
