//! The names that openBalena has for processors, and what engines call them.

use std::fmt;
use std::str::FromStr;

/// The processors of a fleet's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// 64-bit x86.
    Amd64,
    /// 32-bit x86.
    I386,
    /// 32-bit x86 without long NOPs.
    I386Nlp,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM, seventh version, with a floating-point unit.
    Armv7hf,
    /// 32-bit ARM of the first Raspberry Pi.
    Rpi,
}

/// The kinds of machine that engines run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Machine {
    /// 64-bit x86.
    Amd64,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Architecture; 6] = [
        Architecture::Amd64,
        Architecture::I386,
        Architecture::I386Nlp,
        Architecture::Aarch64,
        Architecture::Armv7hf,
        Architecture::Rpi,
    ];

    /// Returns the name that openBalena has for it.
    pub fn slug(self) -> &'static str {
        match self {
            Architecture::Amd64 => "amd64",
            Architecture::I386 => "i386",
            Architecture::I386Nlp => "i386-nlp",
            Architecture::Aarch64 => "aarch64",
            Architecture::Armv7hf => "armv7hf",
            Architecture::Rpi => "rpi",
        }
    }

    /// Returns the kind of machine that runs its programs without emulation.
    pub fn machine(self) -> Machine {
        match self {
            Architecture::Amd64 | Architecture::I386 | Architecture::I386Nlp => Machine::Amd64,
            Architecture::Aarch64 | Architecture::Armv7hf | Architecture::Rpi => Machine::Arm64,
        }
    }

    /// Returns the platform as engines are told it.
    pub fn platform(self) -> &'static str {
        match self {
            Architecture::Amd64 => "linux/amd64",
            Architecture::I386 | Architecture::I386Nlp => "linux/386",
            Architecture::Aarch64 => "linux/arm64/v8",
            Architecture::Armv7hf => "linux/arm/v7",
            Architecture::Rpi => "linux/arm/v6",
        }
    }

    /// Returns the architecture that an image's configuration names.
    pub fn of_images(self) -> &'static str {
        let mut parts = self.platform().split('/');
        parts.nth(1).expect("a platform has an architecture")
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.slug())
    }
}

/// A text that names no architecture that openBalena knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownArchitecture;

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Architecture::ALL.into_iter();
        all.find(|architecture| architecture.slug() == text).ok_or(UnknownArchitecture)
    }
}
