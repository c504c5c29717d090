//! What a caller says about a pull.

#[cfg(feature = "api")]
use std::sync::Arc;

use super::cost::Link;
#[cfg(feature = "api")]
use crate::api::Client;
use crate::image::{ImageReference, Platform};
use crate::trust::Policy;

/// A server that is asked for deltas, as devices ask it.
#[cfg(feature = "api")]
#[derive(Debug, Clone)]
pub struct DeltaServer(pub(super) Arc<Client>);

#[cfg(feature = "api")]
impl DeltaServer {
    /// The server of `client`.
    pub fn new(client: Client) -> Self {
        DeltaServer(Arc::new(client))
    }
}

/// How an image is pulled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PullOptions {
    /// The platform, where there are images for several.
    pub platform: Platform,
    /// Images that deltas may apply to, beside those that the store knows.
    pub bases: Vec<ImageReference>,
    /// The rules that the target must meet; without any, nothing is claimed of who made it. Deltas need none: what they
    /// make is compared with the target's digests.
    pub policy: Option<Policy>,
    /// Take no delta.
    pub plain: bool,
    /// A server that is asked for deltas, unless one of Remora's own is beside the image.
    #[cfg(feature = "api")]
    pub delta_server: Option<DeltaServer>,
    /// Have that server make a delta which is not there, and wait for it.
    #[cfg(feature = "api")]
    pub make_delta: bool,
    /// The link that time is modelled for.
    pub link: Link,
    /// The name that the image gets in the store, if not the one that it was asked for by.
    pub name: Option<ImageReference>,
}

impl Default for PullOptions {
    fn default() -> Self {
        PullOptions {
            platform: Platform::host(),
            bases: Vec::new(),
            policy: None,
            plain: false,
            #[cfg(feature = "api")]
            delta_server: None,
            #[cfg(feature = "api")]
            make_delta: true,
            link: Link::default(),
            name: None,
        }
    }
}
