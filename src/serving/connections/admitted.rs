//! A client that was let in, until the connection ends.

use std::net::IpAddr;
use std::sync::Arc;

use super::activity::Activity;
use super::admission::Connections;

/// A place among the connections.
pub(super) struct Admitted {
    connections: Arc<Connections>,
    pub(super) activity: Arc<Activity>,
}

impl Admitted {
    /// Lets a client at `address` in.
    pub(super) fn new(connections: &Arc<Connections>, address: IpAddr) -> Self {
        let activity = connections.admit(address, |network, surplus, place| {
            Arc::new(Activity::new(Arc::clone(connections), network, surplus, place))
        });
        Admitted { connections: Arc::clone(connections), activity }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.activity.leave();
        self.connections.left();
    }
}
