//! The encoder's options, the same for every command that encodes.

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use remora::delta::{Algorithm, Effort, Goal, Options};

use super::units;

/// The link that is usual, in bits a second.
const LINK_RATE: &str = "1M";

/// How the delta is made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Encoder options")]
pub(super) struct EncodingArguments {
    /// How matches are found
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    algorithm: AlgorithmName,
    /// What to make small: the modelled time from the first byte fetched to the last command run
    /// on the device, or bytes alone
    #[arg(long, value_enum, default_value_t, value_name = "GOAL")]
    prefer: Prefer,
    /// The device's link, in bits a second
    #[arg(long, value_parser = units::parse_rate, default_value = LINK_RATE, value_name = "RATE")]
    link_rate: u64,
    /// What a command costs the device, beside moving its bytes
    #[arg(long, value_parser = parse_device_speed, default_value_t, value_name = "COSTS")]
    device_speed: DeviceSpeed,
    /// How hard to try: 1 is fastest, 9 is smallest
    #[arg(long, value_parser = RangedU64ValueParser::<u8>::new().range(1..=9), default_value_t = 5)]
    #[arg(value_name = "1-9")]
    effort: u8,
    /// The most memory for the encoder's indexes and work space; for v2 half of it is for file names
    #[arg(long, value_parser = units::parse_size, default_value = "256MiB", value_name = "SIZE")]
    memory: u64,
    /// How many threads work [default: one a core]
    #[arg(long, value_parser = RangedU64ValueParser::<u16>::new().range(1..=1024))]
    #[arg(value_name = "N")]
    threads: Option<u16>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum AlgorithmName {
    /// Byte-granular matches, chosen by cost
    #[default]
    Fine,
    /// Aligned 512-byte blocks, as rdiff and balena-engine: only to compare with
    Rsync,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Prefer {
    /// The shortest modelled update
    #[default]
    Time,
    /// The fewest bytes
    Size,
}

/// What commands cost a device, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct DeviceSpeed {
    copy: f64,
    literal: f64,
}

impl Default for DeviceSpeed {
    /// Between an x86 server and a small board.
    fn default() -> Self {
        DeviceSpeed { copy: 50e-6, literal: 20e-6 }
    }
}

impl std::fmt::Display for DeviceSpeed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = |seconds: f64| (seconds * 1e9).round() / 1e3;
        write!(out, "copy={}us,literal={}us", micros(self.copy), micros(self.literal))
    }
}

/// Reads `copy=50us,literal=20us`; what is not named keeps its default.
fn parse_device_speed(text: &str) -> Result<DeviceSpeed, String> {
    let refuse = || "write costs like copy=50us,literal=20us (units ns, us, ms, s)".to_owned();
    let mut speed = DeviceSpeed::default();
    for part in text.split(',') {
        let (name, cost) = part.split_once('=').ok_or_else(refuse)?;
        let cost = units::parse_cost(cost).ok_or_else(refuse)?;
        match name.trim() {
            "copy" => speed.copy = cost,
            "literal" => speed.literal = cost,
            _ => return Err(refuse()),
        }
    }
    Ok(speed)
}

impl EncodingArguments {
    /// What the encoder is to do.
    pub(super) fn options(&self) -> Options {
        let mut options = Options::default();
        options.algorithm = match self.algorithm {
            AlgorithmName::Fine => Algorithm::Fine,
            AlgorithmName::Rsync => Algorithm::Rsync,
        };
        options.goal = match self.prefer {
            Prefer::Size => Goal::Size,
            Prefer::Time => self.device(),
        };
        options.effort = Effort::new(self.effort).unwrap_or_default();
        options.memory = self.memory;
        options
    }

    /// One of the options that only deltas of commands have a use for, if its value is not the usual one.
    pub(super) fn about_commands(&self) -> Option<&'static str> {
        let unusual = [
            (self.algorithm != AlgorithmName::default(), "--algorithm"),
            (self.prefer != Prefer::default(), "--prefer"),
            (units::parse_rate(LINK_RATE) != Ok(self.link_rate), "--link-rate"),
            (self.device_speed != DeviceSpeed::default(), "--device-speed"),
        ];
        unusual.into_iter().find_map(|(is_unusual, option)| is_unusual.then_some(option))
    }

    /// The device that is to be served, whatever the goal.
    pub(super) fn device(&self) -> Goal {
        Goal::UpdateTime {
            bytes_per_second: self.link_rate as f64 / 8.0,
            copy_seconds: self.device_speed.copy,
            literal_seconds: self.device_speed.literal,
        }
    }

    /// Bytes a second that reach the device.
    pub(super) fn link_bytes(&self) -> f64 {
        self.link_rate as f64 / 8.0
    }

    /// How many threads are to work, if somebody said.
    pub(super) fn threads(&self) -> Option<u16> {
        self.threads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_speeds_are_read_as_they_are_printed() {
        let speed = DeviceSpeed { copy: 0.00025, literal: 1.5e-6 };
        assert_eq!(speed.to_string(), "copy=250us,literal=1.5us");
        assert_eq!(parse_device_speed(&speed.to_string()), Ok(speed));
        let half = parse_device_speed("literal=0s").expect("half");
        assert_eq!(half, DeviceSpeed { copy: 50e-6, literal: 0.0 });
        for bad in ["", "copy", "copy=", "copy=1", "seek=1us", "copy=1us,", "copy=-1us"] {
            assert!(parse_device_speed(bad).is_err(), "{bad:?}");
        }
    }
}
