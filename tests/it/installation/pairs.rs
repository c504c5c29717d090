//! Small images, and pairs of them that a delta is worth between.

use crate::sample_image::{SampleImage, Style, noise, tar};

/// An image and the one that takes its place.
pub(crate) struct Pair {
    pub(crate) base: SampleImage,
    pub(crate) target: SampleImage,
}

/// An image in the registry.
#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    /// Without the host.
    pub(crate) repository: String,
    /// As devices name it: by its digest.
    pub(crate) reference: String,
    pub(crate) image: SampleImage,
}

impl Pair {
    /// A pair that differs in a few bytes of a `size` that no other seed's pair has a byte of.
    pub(crate) fn similar(seed: u64, size: usize) -> Self {
        let old = noise(seed, size);
        let mut new = old.clone();
        new[size / 2..size / 2 + 9].copy_from_slice(b"a new one");
        Pair { base: image(seed, &old), target: image(seed, &new) }
    }

    /// A pair that differs in half of the bytes of its last quarter, here and there: on a slow link each
    /// stretch between is worth a COPY, on a fast one none.
    pub(crate) fn scattered(seed: u64) -> Self {
        const SIZE: usize = 64 << 10;
        const STRETCH: usize = 32;
        let old = noise(seed, SIZE);
        let mut new = old.clone();
        let other = noise(seed ^ 0x5555_5555, SIZE);
        for at in (SIZE / 4 * 3..SIZE).step_by(2 * STRETCH) {
            new[at..at + STRETCH].copy_from_slice(&other[at..at + STRETCH]);
        }
        Pair { base: image(seed, &old), target: image(seed, &new) }
    }

    /// A pair with nothing in common.
    pub(crate) fn unrelated(seed: u64) -> Self {
        const SIZE: usize = 60_000;
        let target = noise(seed ^ 0x5555_5555, SIZE);
        Pair { base: image(seed, &noise(seed, SIZE)), target: image(seed + 1, &target) }
    }
}

fn image(seed: u64, data: &[u8]) -> SampleImage {
    let label = tar("name", format!("image {seed}").as_bytes());
    SampleImage::of_tars(Style::Docker, "amd64", vec![label, tar("data", data)])
}

/// The name of a repository: openBalena gives each image one of its own.
pub(crate) fn repository(number: usize) -> String {
    // Far apart in the first half, which delta tags are called after.
    format!("v2/{:016x}{number:016x}", (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
