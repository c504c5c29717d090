//! What makes deltas, as the jobs see it.

use serde::Serialize;

use super::pair::Pair;
use crate::image::Digest;
use crate::progress::Progress;

/// Makes deltas. Its calls block; they come from threads made for them, never from those that answer
/// requests. It may be called for several pairs at once, never for one pair twice at the same time.
pub(crate) trait Builder: Send + Sync + 'static {
    /// What the build will take, from the sizes of the images alone (manifests: a few requests).
    fn estimate(&self, pair: &Pair) -> Result<Estimate, BuildError>;

    /// Makes the delta for the links of `fleet`, proves it, and puts it where devices find it. Looks at
    /// [`cancelled`](crate::progress::Progress::cancelled) now and then, and stops with
    /// [`Blame::Cancelled`] when it is set. Finds what an earlier call already made.
    fn build(&self, pair: &Pair, fleet: &str, progress: &dyn Progress)
    -> Result<Built, BuildError>;

    /// What the links of a fleet's devices carry, in bytes a second. May read a file.
    fn link(&self, fleet: &str, repository: &str) -> f64;
}

/// What a build will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// Bytes of memory at its peak.
    pub(crate) memory: u64,
}

/// A delta that was made, or was found not to be worth it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Built {
    /// Where it is.
    pub(crate) place: BuiltPlace,
    /// What a device downloads, in bytes.
    pub(crate) bytes: u64,
    /// What it would download without the delta, in bytes, where that is known.
    pub(crate) pull_bytes: Option<u64>,
    /// Commands (v3) or runs of matched bytes (v2).
    pub(crate) commands: u64,
    /// Wall time that making it took.
    pub(crate) seconds: f64,
}

/// Where a delta is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuiltPlace {
    /// In the target's repository.
    Tag {
        /// The tag.
        tag: String,
        /// The digest of the delta's manifest.
        digest: Digest,
    },
    /// Among the artifacts.
    File {
        /// The key under which it was published.
        key: String,
    },
    /// Nowhere: pulling the target costs hardly more.
    NotWorth,
}

/// Why a delta was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct BuildError {
    /// What is to blame, which decides what happens next.
    pub(crate) cause: Blame,
    /// One line, without secrets.
    pub(crate) message: String,
}

impl BuildError {
    /// What whoever asks for the delta may know: nothing about this machine. The log has all of it.
    pub(crate) fn told(&self) -> &str {
        match self.cause {
            Blame::Disk => "the server has trouble with its disk",
            Blame::Defect => "the server stopped at a defect",
            _ if !names_a_path(&self.message) => &self.message,
            Blame::Registry => "the server has trouble with the registry",
            Blame::PushRefused => "the registry takes no delta",
            Blame::Missing => "the registry lacks an image, or a part of one",
            Blame::Refused => "these images allow no delta",
            Blame::Cancelled => "nobody waits for it any more",
        }
    }
}

/// Whether a text has a file name with folders: `/a`, `./a` or `../a` where a word begins.
fn names_a_path(text: &str) -> bool {
    let begins = |word: &str| ["/", "./", "../"].iter().any(|start| word.starts_with(start));
    text.split(|letter: char| letter.is_whitespace() || "\"'`(=,<[".contains(letter)).any(begins)
}

/// What is to blame for a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Blame {
    /// The registry does not answer, answers 5xx, or does not accept us: passes, is tried again.
    Registry,
    /// The disk is full or broken: may pass, is tried again.
    Disk,
    /// The registry takes no push: stays so until somebody lets us.
    PushRefused,
    /// An image, or a part of one, is not there.
    Missing,
    /// The content: never works.
    Refused,
    /// The job was told to stop.
    Cancelled,
    /// A defect of ours.
    Defect,
}

impl Blame {
    /// All of them.
    pub(crate) const ALL: [Blame; 7] = [
        Blame::Registry,
        Blame::Disk,
        Blame::PushRefused,
        Blame::Missing,
        Blame::Refused,
        Blame::Cancelled,
        Blame::Defect,
    ];

    /// Its name in metrics, logs and the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Blame::Registry => "registry",
            Blame::Disk => "disk",
            Blame::PushRefused => "push_refused",
            Blame::Missing => "missing",
            Blame::Refused => "refused",
            Blame::Cancelled => "cancelled",
            Blame::Defect => "defect",
        }
    }

    /// Whether the same build may succeed a while later.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, Blame::Registry | Blame::Disk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_where_the_server_keeps_its_files() {
        for cause in Blame::ALL {
            for message in [
                "cannot write /delta-rsync/store/sha256/00: no space left on device",
                "r/a: layer 3: cannot read \"/delta-rsync/store\"",
                "cannot open ./deltas/v2/x",
                "cannot open (../deltas)",
            ] {
                let error = BuildError { cause, message: message.to_owned() };
                let told = error.told();
                assert!(!told.contains("delta-rsync") && !told.contains("deltas"), "{told}");
                assert!(!told.is_empty() && !told.contains('/'), "{told}");
            }
        }
    }

    #[test]
    fn what_is_said_of_images_is_told() {
        for message in [
            "r.example:81/v2/a@sha256:00: the config is no text",
            "r/a: layers of the type application/vnd.example are not supported",
            "https://r.example/v2/ answers 503",
        ] {
            for cause in [Blame::Refused, Blame::Missing, Blame::Registry] {
                let error = BuildError { cause, message: message.to_owned() };
                assert_eq!(error.told(), message);
            }
        }
    }
}
