//! What images may unpack to: options of every command that unpacks some.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use remora::image::UnpackLimits;

use super::units;

/// What is refused because it unpacks to too much.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArguments {
    /// The largest layer that is taken, uncompressed
    #[arg(long, value_parser = units::parse_size, default_value = "16GiB", value_name = "SIZE")]
    max_layer_size: u64,
    /// The most that all layers of an image may have together, uncompressed
    #[arg(long, value_parser = units::parse_size, default_value = "64GiB", value_name = "SIZE")]
    max_image_size: u64,
    /// The largest archive that is taken through a pipe or compressed, uncompressed
    #[arg(long, value_parser = units::parse_size, default_value = "64GiB", value_name = "SIZE")]
    max_archive_size: u64,
    /// How many times its size something may unpack to, beyond 64 MiB
    #[arg(long, value_parser = RangedU64ValueParser::<u64>::new().range(1..), value_name = "N")]
    #[arg(default_value = "1100")]
    max_ratio: u64,
}

impl LimitArguments {
    pub(super) fn limits(&self) -> UnpackLimits {
        let mut limits = UnpackLimits::default();
        limits.layer_bytes = self.max_layer_size;
        limits.image_bytes = self.max_image_size;
        limits.archive_bytes = self.max_archive_size;
        limits.ratio = self.max_ratio;
        limits
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        limits: LimitArguments,
    }

    #[test]
    fn the_defaults_are_the_librarys() {
        let command = Command::parse_from(["remora"]);
        assert_eq!(command.limits.limits(), UnpackLimits::default());
    }
}
