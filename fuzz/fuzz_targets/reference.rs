//! References: any text is read or refused; of a registry's, what is read is written so that it reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::image::{ImageReference, Platform, RegistryReference};

fuzz_target!(|text: &str| {
    let _ = text.parse::<ImageReference>().map(|reference| reference.to_string());
    if let Ok(reference) = text.parse::<RegistryReference>() {
        assert_eq!(reference.to_string().parse::<RegistryReference>().as_ref(), Ok(&reference));
    }
    let _ = text.parse::<Platform>();
});
