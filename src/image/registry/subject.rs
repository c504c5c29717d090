//! On whose behalf a request is made.

/// On whose behalf a request is made.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) repository: &'a str,
    pub(super) scopes: &'a [String],
}

impl Subject<'_> {
    /// What the subject is known by.
    pub(super) fn key(&self) -> String {
        self.scopes.join(" ")
    }
}
