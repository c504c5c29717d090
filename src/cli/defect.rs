//! Our own defects: a panic ends like every other failure, with its own exit code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use remora::Cause;

use super::failure::{Failure, general_hint};

/// From now on a library that panics because memory has run out does so without a word: that is no
/// defect, and [`guard`] says what it is.
pub(super) fn install() {
    let previous = take_hook();
    set_hook(Box::new(move |panic| {
        if !is_out_of_memory(panic.payload()) {
            previous(panic);
        }
    }));
}

/// Does `work`; if it panics, that is a failure of ours. What it was is on stderr by then, and what
/// was half-written is gone.
pub(super) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    // Nothing that the work could leave in disorder is looked at again.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let (cause, what, hint) = match is_out_of_memory(&*panic) {
            true => (Cause::Resources, "out of memory", "allow more, or use fewer threads"),
            false => {
                let cause = Cause::Defect;
                (cause, "remora stopped at a defect of its own", general_hint(cause))
            }
        };
        Err(Failure::new(cause, what, hint))
    })
}

/// Whether it is the panic of a library that the system gave no memory: libdeflater says it so.
fn is_out_of_memory(panic: &(dyn Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.is_some_and(|text| text.ends_with("out of memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_with_exit_code_1() {
        assert!(guard(|| Ok(())).is_ok());
        let failure = guard(|| panic!("on purpose")).expect_err("a failure");
        assert_eq!(failure.exit_code(), 1);
        let failure = guard(|| panic!("x: out of memory")).expect_err("a failure");
        assert_eq!(failure.exit_code(), 3);
    }
}
