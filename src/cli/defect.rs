//! Our own defects: a panic ends like every other failure, with its own exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};

use remora::ErrorKind;

use super::failure::{Failure, general_hint};

/// Does `work`; if it panics, that is a failure of ours. What it was is on stderr by then, and what
/// was half-written is gone.
pub(super) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    // Nothing that the work could leave in disorder is looked at again.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let kind = ErrorKind::Internal;
        Err(Failure::new(kind, "remora stopped at a defect of its own", general_hint(kind)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_with_exit_code_1() {
        assert!(guard(|| Ok(())).is_ok());
        let failure = guard(|| panic!("on purpose")).expect_err("a failure");
        assert_eq!(failure.exit_code(), 1);
    }
}
