//! Who may: may this caller have a delta of these repositories, or give the server work?
//!
//! Door: [`Guard`], built once from [`AccessSettings`], answers [`Guard::authorize`] for devices and
//! builders with a token and [`Guard::authorize_builder`] for the release pipeline's own credential.
//! [`DownloadSigner`] gives and checks the URLs of v2 downloads, which devices fetch without any
//! credentials.
//!
//! A refusal is a [`Denied`]: a kind, and one line that may be sent and logged because it never
//! holds any part of a token.
//!
//! Not here: HTTP answers (the routes make them), the server's own credentials at the registry, and
//! which registry may be contacted (the query room).

mod caller;
mod claims;
mod credential;
mod denied;
mod download_url;
mod guard;
mod jwk;
mod key_file;
mod keys;
mod networks;
mod permits;
mod public_key;
mod rate;
mod seen;
mod settings;
mod signed_in;
mod strangers;
#[cfg(test)]
mod test_issuer;
mod token;

pub(crate) use caller::Caller;
pub(crate) use denied::Denied;
pub(crate) use download_url::DownloadSigner;
pub(crate) use guard::Guard;
pub(crate) use permits::Permits;
pub(crate) use settings::{
    AccessError, AccessSettings, RateSettings, TokenAlgorithm, TokenSettings,
};
pub(crate) use signed_in::SignedIn;
