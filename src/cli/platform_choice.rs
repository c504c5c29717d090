//! `--platform`: one platform, or all that there are.

use std::str::FromStr;

use remora::image::{Platform, PlatformError};

/// Which images of a multi-platform one are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PlatformChoice {
    One(Platform),
    All,
}

impl FromStr for PlatformChoice {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        match text {
            "all" => Ok(PlatformChoice::All),
            text => text.parse().map(PlatformChoice::One),
        }
    }
}
