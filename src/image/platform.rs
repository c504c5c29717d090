//! Platforms, and which manifest of an index serves one.

use crate::quote::quoted;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// `os/architecture[/variant]` in Go's names, as image indexes write it (OCI image spec, image
/// index, "platform").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Platform {
    /// The operating system, for instance `linux`.
    pub os: String,
    /// The processor architecture, for instance `amd64` or `arm`.
    pub architecture: String,
    /// The architecture's variant, for instance `v7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A text that is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a platform of the form os/architecture[/variant]", quoted(.0))]
pub struct PlatformError(String);

impl Platform {
    /// Linux on this machine's architecture.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "loongarch64" => "loong64",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            "mips64" if cfg!(target_endian = "little") => "mips64le",
            other => other,
        };
        Platform { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
    }

    /// How well an image for `offered` runs where `self` is wanted: 0 is best, `None` not at all.
    ///
    /// The variants that stand for no variant (`arm` is `arm/v7`, `arm64` is `arm64/v8`, `amd64` is
    /// `amd64/v1`) and the older ones that run on a newer one are those of containerd's and skopeo's.
    pub(super) fn rank(&self, offered: &Platform) -> Option<usize> {
        if self.os != offered.os || self.architecture != offered.architecture {
            return None;
        }
        let wanted = self.full_variant();
        let offered = offered.full_variant();
        let runs: &[&str] = match (self.architecture.as_str(), wanted) {
            ("arm", "v8") => &["v8", "v7", "v6", "v5"],
            ("arm", "v7") => &["v7", "v6", "v5"],
            ("arm", "v6") => &["v6", "v5"],
            ("amd64", "v4") => &["v4", "v3", "v2", "v1"],
            ("amd64", "v3") => &["v3", "v2", "v1"],
            ("amd64", "v2") => &["v2", "v1"],
            _ => return (wanted == offered).then_some(0),
        };
        runs.iter().position(|variant| *variant == offered)
    }

    /// Whether both are the same, one perhaps without the variant that is meant then anyway.
    pub fn is_same(&self, other: &Platform) -> bool {
        (&self.os, &self.architecture, self.full_variant())
            == (&other.os, &other.architecture, other.full_variant())
    }

    /// Whether an image for `offered` runs on devices that are `self`. Configs of ARM images often name no
    /// variant: then nothing speaks against it.
    pub fn runs(&self, offered: &Platform) -> bool {
        let same = (&self.os, &self.architecture) == (&offered.os, &offered.architecture);
        let is_open =
            self.architecture == "arm" && (self.variant.is_none() || offered.variant.is_none());
        same && (is_open || self.rank(offered).is_some())
    }

    fn full_variant(&self) -> &str {
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("arm", None) => "v7",
            ("arm64", None) => "v8",
            ("amd64", None) => "v1",
            (_, variant) => variant.unwrap_or_default(),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let word = |part: &&str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(word) {
            return Err(PlatformError(text.chars().take(100).collect()));
        }
        let (architecture, implied) = goes_name(parts[1]);
        Ok(Platform {
            os: parts[0].to_owned(),
            architecture: architecture.to_owned(),
            variant: parts.get(2).copied().or(implied).map(str::to_owned),
        })
    }
}

/// What Go calls an architecture that others call `name`, and the variant that such a name implies:
/// containerd's and Debian's names, and those of uname(1).
fn goes_name(name: &str) -> (&str, Option<&'static str>) {
    match name {
        "x86_64" | "x86-64" => ("amd64", None),
        "i386" | "i486" | "i586" | "i686" => ("386", None),
        "aarch64" => ("arm64", None),
        "armhf" | "armv7l" | "armv7" => ("arm", Some("v7")),
        "armel" | "armv6l" | "armv6" => ("arm", Some("v6")),
        "ppc64el" => ("ppc64le", None),
        other => (other, None),
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().expect(text)
    }

    #[test]
    fn a_platform_survives_text() {
        for text in ["linux/amd64", "linux/arm/v7", "windows/arm64/v8"] {
            assert_eq!(platform(text).to_string(), text);
        }
        for text in ["", "linux", "linux/", "/arm", "a/b/c/d", "linux/arm v7", "linux//v7"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn other_names_of_architectures_are_understood() {
        for (text, meant) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armv6l", "linux/arm/v6"),
            ("linux/i686", "linux/386"),
            ("linux/armhf/v6", "linux/arm/v6"),
        ] {
            assert_eq!(platform(text), platform(meant), "{text}");
        }
    }

    #[test]
    fn the_host_is_a_platform_that_parses() {
        assert_eq!(platform(&Platform::host().to_string()), Platform::host());
    }

    #[test]
    fn an_image_runs_on_its_own_platform_and_on_newer_variants() {
        for (device, image, runs) in [
            ("linux/arm/v7", "linux/arm/v6", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm", "linux/arm/v6", true),
            ("linux/arm/v6", "linux/arm", true),
            ("linux/amd64", "linux/amd64/v3", false),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64", "linux/arm", false),
            ("linux/amd64", "windows/amd64", false),
        ] {
            assert_eq!(platform(device).runs(&platform(image)), runs, "{image} on {device}");
        }
    }

    #[test]
    fn the_closest_variant_that_runs_ranks_first() {
        for (wanted, offered, rank) in [
            ("linux/amd64", "linux/amd64", Some(0)),
            ("linux/amd64", "linux/amd64/v1", Some(0)),
            ("linux/amd64", "linux/amd64/v3", None),
            ("linux/amd64/v3", "linux/amd64", Some(2)),
            ("linux/arm64", "linux/arm64/v8", Some(0)),
            ("linux/arm64/v8", "linux/arm64", Some(0)),
            ("linux/arm", "linux/arm/v7", Some(0)),
            ("linux/arm/v7", "linux/arm/v6", Some(1)),
            ("linux/arm/v6", "linux/arm/v7", None),
            ("linux/arm/v5", "linux/arm/v5", Some(0)),
            ("linux/amd64", "windows/amd64", None),
            ("linux/riscv64", "linux/riscv64", Some(0)),
            ("linux/arm/v7", "linux/arm64/v7", None),
        ] {
            assert_eq!(platform(wanted).rank(&platform(offered)), rank, "{wanted} from {offered}");
        }
    }
}
