//! What the caller wants of an encoder: goal, effort, bounds.

/// Told how many more bytes of targets are done; returns whether to go on. If not, the search ends soon, and what it has not looked
/// at is literal.
pub type Advance<'a> = dyn Fn(u64) -> bool + Sync + 'a;

/// The method that finds matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// Byte-granular matching with commands chosen by cost.
    #[default]
    Fine,
    /// Aligned 512-byte blocks, as rdiff and balena-engine do it: a baseline to compare with.
    Rsync,
}

/// The meaning of "best".
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Goal {
    /// The fewest bytes.
    Size,
    /// The shortest time from the first byte fetched to the last command run on the device.
    UpdateTime {
        /// Bytes a second that reach the device.
        bytes_per_second: f64,
        /// Seconds the device takes for a COPY, beside moving its bytes.
        copy_seconds: f64,
        /// Seconds the device takes for a LITERAL.
        literal_seconds: f64,
    },
}

impl Goal {
    /// Returns the cost of a COPY beside its bytes, expressed in bytes of download.
    pub fn copy_bytes(&self) -> f64 {
        match *self {
            Goal::Size => 0.0,
            Goal::UpdateTime { bytes_per_second, copy_seconds, .. } => {
                copy_seconds * bytes_per_second
            }
        }
    }

    /// Returns the cost of a LITERAL beside its bytes, expressed in bytes of download.
    pub fn literal_bytes(&self) -> f64 {
        match *self {
            Goal::Size => 0.0,
            Goal::UpdateTime { bytes_per_second, literal_seconds, .. } => {
                literal_seconds * bytes_per_second
            }
        }
    }
}

impl Goal {
    /// The same device on a link of `rate` bytes a second; the goal of size knows no link.
    pub fn on_link(&self, rate: f64) -> Self {
        match *self {
            Goal::Size => Goal::Size,
            Goal::UpdateTime { copy_seconds, literal_seconds, .. } => {
                Goal::UpdateTime { bytes_per_second: rate, copy_seconds, literal_seconds }
            }
        }
    }
}

impl Default for Goal {
    /// A 1 Mbit/s link and a device between an x86 server and a small board.
    fn default() -> Self {
        Goal::UpdateTime {
            bytes_per_second: 125_000.0,
            copy_seconds: 50e-6,
            literal_seconds: 20e-6,
        }
    }
}

/// How much of the encoder's own time a smaller delta is worth: 1 (fastest) to 9 (smallest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effort(u8);

impl Effort {
    /// The effort `level`, or `None` outside 1 to 9.
    pub fn new(level: u8) -> Option<Self> {
        (1..=9).contains(&level).then_some(Effort(level))
    }

    /// The level, 1 to 9.
    pub fn level(self) -> u8 {
        self.0
    }
}

impl Default for Effort {
    fn default() -> Self {
        Effort(5)
    }
}

/// How an [`Encoder`](super::Encoder) looks for matches. The cost of matches is the dialect's to
/// say ([`Pricing`](super::Pricing)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// The method that finds matches.
    pub algorithm: Algorithm,
    /// How much time to spend.
    pub effort: Effort,
    /// The most anonymous memory the encoder may take for its indexes and work space, in bytes.
    pub memory: u64,
}

/// Everything about how commands are to be found and chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// The method that finds matches.
    pub algorithm: Algorithm,
    /// The meaning of "best".
    pub goal: Goal,
    /// How much time to spend.
    pub effort: Effort,
    /// The most anonymous memory the encoder may take for its indexes and work space, in bytes.
    pub memory: u64,
}

impl Options {
    /// Returns the part of it that the search needs to know.
    pub fn search(&self) -> Search {
        let Options { algorithm, effort, memory, goal: _ } = *self;
        Search { algorithm, effort, memory }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            algorithm: Algorithm::default(),
            goal: Goal::default(),
            effort: Effort::default(),
            memory: 256 << 20,
        }
    }
}
