//! Checking one signature against what a requirement asks for.

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

impl Wanted<'_> {
    /// Checks a signature.
    ///
    /// # Errors
    /// Why the signature proves nothing.
    pub(super) fn check(&self, found: &Found) -> Result<Proof, String> {
        match found {
            Found::Simple { payload, signature } => self.check_simple(payload, signature),
            Found::Bundle(_) if !self.without_name => {
                Err("one is a bundle, which gives the image no name, and the rule asks for one"
                    .to_owned())
            }
            Found::Bundle(bundle) => self.check_bundle(bundle),
            Found::Odd(reason) => Err(reason.clone()),
        }
    }

    fn check_simple(&self, payload: &[u8], signature: &str) -> Result<Proof, String> {
        let signature =
            STANDARD.decode(signature).map_err(|_| "one is not in base64".to_owned())?;
        let key = self.signer(payload, &signature)?;
        let Some(Payload { name, digest }) = Payload::parse(payload) else {
            return Err("one signs what is no payload of cosign's".to_owned());
        };
        if digest != self.digest {
            return Err(format!("one is for another manifest, {digest}"));
        }
        if !self.identity.accepts(self.asked, &name) {
            return Err(format!("one is for another name, {}", shown(&name)));
        }
        Ok(Proof { key, name: Some(name) })
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
