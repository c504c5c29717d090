//! What this room will not exceed, whatever a registry or an archive says.

/// Bytes of a manifest or index. Registries must take 4 MiB (OCI distribution spec, "Pushing
/// Manifests") and most refuse more.
pub(super) const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Bytes of an image config. A v3 delta carries its target's config inside its own, escaped, so this
/// is larger than any config that people write.
pub(super) const MAX_CONFIG_BYTES: u64 = 8 << 20;

/// Layers of one image. Engines stop at 127; the rest is room for formats that don't.
pub(super) const MAX_LAYERS: usize = 1024;

/// Indexes inside indexes before a manifest must come.
pub(super) const MAX_INDEX_DEPTH: usize = 4;
