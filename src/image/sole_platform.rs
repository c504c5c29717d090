//! Images whose platform nobody said: of an index, the only image there is.

use super::{Image, ImageError, ImageReference, Platform, Transports};
use crate::progress::Progress;

impl Transports {
    /// Opens an image; of an index the one for `platform`, or else the only one there is. The platform
    /// of this machine says nothing about devices.
    ///
    /// # Errors
    /// [`ImageError::Malformed`] if there are several and no `platform` is set; otherwise as
    /// [`open_watched`](Self::open_watched).
    pub fn open_sole(
        &self,
        reference: &ImageReference,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Image, ImageError> {
        let opened = self.open_any_sole(reference, platform, progress)?;
        opened.refuse_artifact()?;
        Ok(opened)
    }

    /// The same, also of an artifact that has no config.
    ///
    /// # Errors
    /// The same as those of [`open_sole`](Self::open_sole).
    pub fn open_any_sole(
        &self,
        reference: &ImageReference,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Image, ImageError> {
        if let Some(platform) = platform {
            return self.open_any(reference, platform, progress);
        }
        let nowhere = Platform { os: "any".into(), architecture: "any".into(), variant: None };
        match self.open_any(reference, &nowhere, progress) {
            Err(ImageError::MissingPlatform { available, .. }) if available.len() == 1 => {
                self.open_any(reference, &available[0], progress)
            }
            Err(ImageError::MissingPlatform { reference, available, .. }) => {
                let names: Vec<String> = available.iter().map(ToString::to_string).collect();
                let reason =
                    format!("it is for several platforms and none is set: {}", names.join(", "));
                Err(ImageError::Malformed { reference, reason })
            }
            opened => opened,
        }
    }
}
