//! What this room will not exceed, whatever files and registries hold.

/// Bytes of a policy. A distribution's with all of its vendors' keys inline takes some hundred kilobytes.
pub(super) const MAX_POLICY_BYTES: u64 = 4 << 20;

/// Bytes of a file with a public key. An RSA key of 8192 bits takes under 2 KiB in PEM form.
pub(super) const MAX_KEY_BYTES: u64 = 64 << 10;

/// Bytes of what a signature signs: a name, a digest, and what the signer adds.
pub(super) const MAX_PAYLOAD_BYTES: u64 = 64 << 10;

/// Bytes of a signature with all that its maker wraps around it: certificates and a log's entries.
pub(super) const MAX_BUNDLE_BYTES: u64 = 256 << 10;

/// Signatures that are looked at in one place. Each is a request.
pub(super) const MAX_SIGNATURES: usize = 64;

/// Manifests with signatures that are looked at among those that refer to an image.
pub(super) const MAX_REFERRERS: usize = 32;

/// Reasons that an error keeps, of all those why signatures were not accepted.
pub(super) const MAX_REASONS: usize = 8;
