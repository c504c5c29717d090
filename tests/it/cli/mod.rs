//! The command line as its users meet it: every text, exit code and answer.

mod answers;
mod digest_file;
mod errors;
mod help;
mod interrupt;
mod list;
mod logins;
mod missing_blobs;
mod mistakes;
mod outputs;
mod platform_artifacts;
mod platforms;
mod progress;
mod release;
mod resources;
mod round_trip;
mod sandbox;
mod snapshot;
mod surroundings;

use sandbox::{LAYOUT, Sandbox};
use snapshot::assert_snapshot;

/// The image IDs of the fixture's releases; `fixtures/build.py` prints them.
const IMAGE_1_0: &str = "sha256:667f8daf460194308670be4efbebd4101abd169c0f5701f226d9cebfbbe128b2";
const IMAGE_1_1: &str = "sha256:9d6d69bf673023de43cd80bb2156a9133d7f9f24042c01eb5fb4dccbf7801a4a";
