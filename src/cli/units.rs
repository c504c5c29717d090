//! Amounts as people write and read them: sizes, link rates, times, ages.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

const SIZE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
    ("", 1),
];

const RATE_UNITS: &[(&str, u64)] = &[
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("bit/s", 1),
    ("", 1),
];

const AGE_UNITS: &[(&str, u64)] =
    &[("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];

const TIME_UNITS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// How many of the unit make a second.
const COST_UNITS: &[(&str, f64)] =
    &[("ns", 1e9), ("us", 1e6), ("µs", 1e6), ("ms", 1e3), ("s", 1.0)];

/// Reads a size in bytes: `512`, `300kB`, `256MiB`, `2G` (K, M, G, T alone count in powers of 1024).
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    whole(text, SIZE_UNITS).ok_or_else(|| "write a size like 256MiB, 2G or 500MB".to_owned())
}

/// Reads a link rate in bits a second: `1M`, `500k`, `1.5Mbit/s`.
pub(super) fn parse_rate(text: &str) -> Result<u64, String> {
    let rate = whole(text, RATE_UNITS).filter(|&rate| rate > 0);
    rate.ok_or_else(|| "write bits a second above 0, like 500k, 1M or 10Mbit/s".to_owned())
}

/// Reads an age: `90s`, `30m`, `12h`, `7d`, `2w`.
pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    let seconds = whole(text, AGE_UNITS);
    seconds.map(Duration::from_secs).ok_or_else(|| "write an age like 12h, 7d or 2w".to_owned())
}

/// Reads a time: `500ms`, `25s`, `15m`, `1h`, `7d`.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let milliseconds = whole(text, TIME_UNITS);
    milliseconds.map(Duration::from_millis).ok_or_else(|| "write a time like 25s or 15m".to_owned())
}

/// Reads a network: `10.0.0.0/8`, `fd00::/8`; an address alone is a network of itself.
pub(super) fn parse_network(text: &str) -> Result<IpNet, String> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse().ok().or_else(alone);
    network.ok_or_else(|| "write a network like 10.0.0.0/8, or an address".to_owned())
}

/// Reads what a command costs a device, in seconds: `50us`, `0.1ms`.
pub(super) fn parse_cost(text: &str) -> Option<f64> {
    let (number, unit) = split(text);
    let &(_, a_second) = COST_UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(parse_decimal(number)? / a_second)
}

/// The amount `text` names, in whole smallest units.
fn whole(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = split(text);
    let &(_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    if let Ok(number) = number.parse::<u64>() {
        return number.checked_mul(factor);
    }
    let amount = parse_decimal(number)? * factor as f64;
    (amount < u64::MAX as f64).then_some(amount.round() as u64)
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn parse_decimal(number: &str) -> Option<f64> {
    number.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// `bytes` for a person, in powers of 1000 as registries count: `17 B`, `80.0 kB`, `9.15 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        value /= 1_000.0;
        unit = next;
        // What would be printed as 1000 of this unit is 1.00 of the next.
        if value < 999.5 {
            break;
        }
    }
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A link's rate for a person, from bits a second: `500 kbit/s`, `1 Mbit/s`, `14.2 Mbit/s`.
pub(super) fn rate(bits_per_second: f64) -> String {
    let (value, unit) = match bits_per_second {
        rate if rate < 999.5e3 => (rate / 1e3, "kbit/s"),
        rate if rate < 999.5e6 => (rate / 1e6, "Mbit/s"),
        rate => (rate / 1e9, "Gbit/s"),
    };
    let decimals = if value < 99.95 && (value - value.round()).abs() >= 0.05 { 1 } else { 0 };
    format!("{value:.decimals$} {unit}")
}

/// Seconds for a person: `40 ms`, `1.5 s`, `35 s`, `2 min 5 s`, `1 h 3 min`.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1e3);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// So many layers.
pub(super) fn layers(number: u64) -> String {
    several(number, "layer")
}

/// So many of what is called `one`: `1 deployment`, `2 deployments`.
pub(super) fn several(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{} {one}s", count(number)),
    }
}

/// A count for a person, with a comma every three digits: `351,084`.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_alone_is_a_network_of_itself() {
        for (text, network) in
            [("127.0.0.1", "127.0.0.1/32"), ("::1", "::1/128"), ("10.0.0.0/8", "10.0.0.0/8")]
        {
            assert_eq!(parse_network(text).map(|it| it.to_string()), Ok(network.to_owned()));
        }
        for text in ["", "10.0.0.0/33", "proxy.example", "127.0.0.1:80"] {
            assert!(parse_network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_short_and_keep_the_digits_that_matter() {
        let cases = [
            (500e3, "500 kbit/s"),
            (999.6e3, "1 Mbit/s"),
            (1e6, "1 Mbit/s"),
            (14.23e6, "14.2 Mbit/s"),
            (100e6, "100 Mbit/s"),
            (1.26e9, "1.3 Gbit/s"),
        ];
        for (bits, text) in cases {
            assert_eq!(rate(bits), text);
        }
    }

    #[test]
    fn sizes_are_read_with_every_unit() {
        let size = |text| parse_size(text).ok();
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("300kB"), Some(300_000));
        assert_eq!(size("1.5 MB"), Some(1_500_000));
        assert_eq!(size("256MiB"), Some(256 << 20));
        assert_eq!(size("2G"), Some(2 << 30));
        assert_eq!(size("18446744073709551615"), Some(u64::MAX));
        for bad in ["", "M", "1 X", "-1", "1e9", "99999999999T", "1..2", "0x10", "1m", "NaN"] {
            assert_eq!(size(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn rates_are_bits_a_second_and_never_zero() {
        assert_eq!(parse_rate("10M"), Ok(10_000_000));
        assert_eq!(parse_rate("0.5Mbit/s"), Ok(500_000));
        assert_eq!(parse_rate("9600"), Ok(9_600));
        assert!(
            parse_rate("0").is_err() && parse_rate("0.1").is_err() && parse_rate("1MB").is_err()
        );
    }

    #[test]
    fn ages_and_costs_need_a_unit() {
        assert_eq!(parse_age("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert!(parse_age("7").is_err());
        assert_eq!(parse_cost("50us"), Some(50e-6));
        assert_eq!(parse_cost("0s"), Some(0.0));
        assert_eq!(parse_cost("50"), None);
    }

    #[test]
    fn sizes_are_printed_with_three_digits() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (80_002, "80.0 kB"),
            (9_995_000, "10.0 MB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (81_144_262, "81.1 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (amount, text) in table {
            assert_eq!(bytes(amount), text);
        }
    }

    #[test]
    fn times_and_counts_are_printed_for_people() {
        let table = [
            (0.0404, "40 ms"),
            (0.9996, "1.0 s"),
            (9.96, "10 s"),
            (59.6, "1 min 0 s"),
            (3_725.0, "1 h 2 min"),
        ];
        for (amount, text) in table {
            assert_eq!(seconds(amount), text);
        }
        assert_eq!([count(7), count(1_000), count(1_639_179)], ["7", "1,000", "1,639,179"]);
    }
}
