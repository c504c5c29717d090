//! The failure of a plan, and whether its delta is to blame.

use super::FetchError;

/// Why a plan was not carried out.
pub(super) struct Failed {
    pub(super) error: FetchError,
    /// Whether that is about the delta of the plan or the base that it applies to, and not about a layer that comes as it is.
    pub(super) by_delta: bool,
}

impl Failed {
    pub(super) fn by_delta(error: impl Into<FetchError>) -> Self {
        Failed { error: error.into(), by_delta: true }
    }
}

impl<E: Into<FetchError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed { error: error.into(), by_delta: false }
    }
}
