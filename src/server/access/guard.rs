//! The door.

use std::net::SocketAddr;

use http::HeaderMap;

use super::token::TokenError;
use super::{AccessError, AccessSettings, Caller, Denied};

/// Decides who may.
pub(crate) struct Guard {
    settings: Option<AccessSettings>,
}

impl Guard {
    /// A guard that lets in whom the settings say. Reads the key files.
    pub(crate) fn new(settings: AccessSettings) -> Result<Guard, AccessError> {
        Ok(Guard { settings: Some(settings) })
    }

    /// A guard that lets in everybody (`--insecure-no-auth`).
    pub(crate) fn open() -> Guard {
        Guard { settings: None }
    }

    /// Whether this caller may have what these repositories hold: a token with `pull` on all.
    pub(crate) fn authorize(
        &self,
        _headers: &HeaderMap,
        _peer: SocketAddr,
        _repositories: &[&str],
    ) -> Result<Caller, Denied> {
        match &self.settings {
            None => Ok(Caller::Anybody),
            Some(_) => Err(TokenError::Missing.into()),
        }
    }

    /// Whether this caller may give the server work ahead: the builder credential.
    pub(crate) fn authorize_builder(
        &self,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Result<Caller, Denied> {
        self.authorize(headers, peer, &[])
    }
}
