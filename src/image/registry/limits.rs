//! Sizes and times that talking to a registry keeps to.

use std::time::Duration;

/// Bytes of a token server's answer. Tokens are some kilobytes.
pub(super) const MAX_TOKEN_ANSWER_BYTES: usize = 1 << 20;

/// Bytes of an error answer that are looked at.
pub(super) const MAX_ERROR_ANSWER_BYTES: usize = 64 << 10;

/// Characters of a registry's error message that are passed on.
pub(super) const MAX_MESSAGE_CHARS: usize = 300;

/// Characters of a detail of such a message.
pub(super) const MAX_DETAIL_CHARS: usize = 200;

/// Bytes of a file with credentials.
pub(super) const MAX_AUTH_FILE_BYTES: u64 = 1 << 20;

/// Bytes of a credential helper's answer.
pub(super) const MAX_HELPER_ANSWER_BYTES: u64 = 1 << 20;

/// How long a credential helper may take: it may ask a person for a password.
pub(super) const HELPER_TIME: Duration = Duration::from_secs(120);

/// How long a connection may take to come about.
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(30);

/// How soon whoever waits for the network notices that the work is to stop.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// After how long a silence whoever waits is told of it, and how often at most.
pub(super) const NOTICE_TIME: Duration = Duration::from_secs(10);

/// How long a registry may take for a sign of life.
pub(super) const REACH_TIME: Duration = Duration::from_secs(10);

/// Tokens and credentials kept in memory, one for each repository asked for: a server meets a new
/// one with every image.
pub(super) const MAX_KEPT: usize = 1_000;

/// The longest pause between two attempts.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause that a registry is left alone for because it asked for that.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(3600);

/// Redirects followed for one request.
pub(super) const MAX_REDIRECTS: usize = 10;

/// How often one blob's download is taken up again, however much came through each time.
pub(super) const MAX_RESUMES: u32 = 1000;

/// Lifetime of a token that does not say (Docker token authentication spec, `expires_in`), and the
/// shortest that one may have.
pub(super) const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// The longest time that a token is taken for good, whatever it says.
pub(super) const MAX_TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A token is renewed this long before its end, for the way to the registry and clocks that differ.
pub(super) const TOKEN_MARGIN: Duration = Duration::from_secs(10);

/// Pieces of a blob that wait between the network and the reader, or the disk and the network. Each
/// is at most some hundred kilobytes.
pub(super) const PIECES_IN_FLIGHT: usize = 8;

/// Bytes of an upload's piece.
pub(super) const UPLOAD_PIECE_BYTES: usize = 128 << 10;

/// Blobs uploaded at the same time.
pub(super) const UPLOADS_AT_ONCE: usize = 4;
