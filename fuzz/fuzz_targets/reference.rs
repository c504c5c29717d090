//! References: any text is read or refused, and what is read is written so that it reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::image::{ImageReference, Platform, RegistryReference};

fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<ImageReference>() {
        let written = reference.to_string();
        assert_eq!(written.parse::<ImageReference>().as_ref(), Ok(&reference), "{written}");
    }
    if let Ok(reference) = text.parse::<RegistryReference>() {
        assert_eq!(reference.to_string().parse::<RegistryReference>().as_ref(), Ok(&reference));
    }
    let _ = text.parse::<Platform>();
});
