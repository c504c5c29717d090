//! Checking one signature against what a requirement asks for.

use std::fmt::{self, Display, Formatter};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::bundle::Bundle;
use super::error::shown;
use super::identity::SignedIdentity;
use super::key::Key;
use super::named::Named;
use super::payload::Payload;
use super::signatures::Found;
use crate::image::Digest;

/// What a signature is to prove.
pub(super) struct Wanted<'a> {
    /// The keys of which one must have signed.
    pub(super) keys: &'a [Key],
    /// The names that the signature may give to the image.
    pub(super) identity: &'a SignedIdentity,
    /// Whether a signature that gives no name will do.
    pub(super) without_name: bool,
    /// The image's name.
    pub(super) asked: Option<&'a Named>,
    /// The digest that must be signed.
    pub(super) digest: Digest,
}

/// A signature that proves it.
pub(super) struct Proof {
    /// The key that made it.
    pub(super) key: String,
    /// The name that it gives to the image.
    pub(super) name: Option<String>,
}

/// Why a signature proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unproved {
    /// The signature is a good one for this name, and nobody has said by which name the image is asked for.
    Nameless(String),
    /// Anything else, in words.
    Other(String),
}

impl Unproved {
    fn because(reason: impl Into<String>) -> Self {
        Unproved::Other(reason.into())
    }
}

impl Display for Unproved {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Unproved::Nameless(signed) => {
                write!(out, "one is for {}, and the image was given no name", shown(signed))
            }
            Unproved::Other(reason) => out.write_str(reason),
        }
    }
}

impl Wanted<'_> {
    /// Checks a signature.
    ///
    /// # Errors
    /// Why the signature proves nothing.
    pub(super) fn check(&self, found: &Found) -> Result<Proof, Unproved> {
        match found {
            Found::Simple { payload, signature } => self.check_simple(payload, signature),
            Found::Bundle(_) if !self.without_name => Err(Unproved::because(
                "one is a bundle, which gives the image no name, and the rule asks for one",
            )),
            Found::Bundle(bundle) => self.check_bundle(bundle).map_err(Unproved::Other),
            Found::Odd(reason) => Err(Unproved::because(reason)),
        }
    }

    fn check_simple(&self, payload: &[u8], signature: &str) -> Result<Proof, Unproved> {
        let signature =
            STANDARD.decode(signature).map_err(|_| Unproved::because("one is not in base64"))?;
        let key = self.signer(payload, &signature).map_err(Unproved::Other)?;
        let Some(Payload { name, digest }) = Payload::parse(payload) else {
            return Err(Unproved::because("one signs what is no payload of cosign's"));
        };
        if digest != self.digest {
            return Err(Unproved::Other(format!("one is for another manifest, {digest}")));
        }
        match self.identity.accepts(self.asked, &name) {
            true => Ok(Proof { key, name: Some(name) }),
            false if self.asked.is_none() && self.identity.needs_asked() => {
                Err(Unproved::Nameless(name))
            }
            false => Err(Unproved::Other(format!("one is for another name, {}", shown(&name)))),
        }
    }

    fn check_bundle(&self, bundle: &[u8]) -> Result<Proof, String> {
        let bundle = Bundle::parse(bundle).ok_or("one is a bundle without a statement")?;
        let signers = bundle.signatures.iter().map(|it| self.signer(&bundle.message, it));
        let other = || Err("one is a bundle without signatures".to_owned());
        let key = signers.reduce(Result::or).unwrap_or_else(other)?;
        match bundle.signs(self.digest) {
            true => Ok(Proof { key, name: None }),
            false => Err("one is a statement about something else".to_owned()),
        }
    }

    /// The name of the key that has made `signature`.
    fn signer(&self, message: &[u8], signature: &[u8]) -> Result<String, String> {
        let signer = self.keys.iter().find(|key| key.has_signed(message, signature));
        signer.map(|key| key.name.clone()).ok_or_else(|| "one is by another key".to_owned())
    }
}
