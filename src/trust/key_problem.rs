//! What can be the matter with a public key.

/// The problem with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// No PEM of a public key.
    #[error("holds no public key in PEM form")]
    NotAKey,
    /// A key that must stay with whoever signs.
    #[error("holds a private key, and signatures are checked with the public one")]
    Private,
    /// A certificate.
    #[error("holds a certificate, not a public key")]
    Certificate,
    /// An algorithm or size that is not known here.
    #[error("holds a key of a kind that is not supported")]
    Unsupported,
}

impl KeyProblem {
    /// Returns what a user can do about the problem.
    pub fn hint(self) -> &'static str {
        match self {
            KeyProblem::NotAKey => "name a file with BEGIN PUBLIC KEY, such as cosign.pub",
            KeyProblem::Private => {
                "name the public key's file, such as cosign.pub, and keep the private one to yourself"
            }
            KeyProblem::Certificate => {
                "take the key out of it: openssl x509 -in CERTIFICATE -noout -pubkey"
            }
            KeyProblem::Unsupported => {
                "ECDSA on P-256 or P-384, Ed25519, and RSA from 2048 bits are supported"
            }
        }
    }
}
