//! Files of projects: any text is read or refused, whichever file it is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::project_fuzzing::read_texts;

fuzz_target!(|text: &str| {
    let _ = read_texts(text);
});
