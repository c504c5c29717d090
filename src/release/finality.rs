//! Letting a release out, and making sure that it is: the API says nothing where it does not let the user.

use super::ReleaseError;
use super::api::Api;
use super::model::Release;

impl Api {
    /// Makes a release final; it must be good. Returns it as it is then.
    pub(super) fn let_go(&self, release: u64) -> Result<Release, ReleaseError> {
        self.finalize(release)?;
        match self.good_release(release)? {
            found if found.is_final => Ok(found),
            _ => Err(ReleaseError::NotFinal(release)),
        }
    }

    /// A release that devices may run once it is final.
    pub(super) fn good_release(&self, release: u64) -> Result<Release, ReleaseError> {
        match self.releases(&[release])?.into_iter().next() {
            Some(found) if found.is_good() => Ok(found),
            Some(_) => Err(ReleaseError::Withdrawn(release)),
            // Whoever does not see it may not change it.
            None => Err(ReleaseError::NotFinal(release)),
        }
    }
}
