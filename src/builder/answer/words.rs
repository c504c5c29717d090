//! How things are put.

use std::time::Duration;

/// Where the text begins after a tag.
const COLUMN: usize = 11;
/// Characters between a bar's brackets.
const BAR: usize = 50;
/// The colours of terminals (ECMA-48, SGR).
const CYAN: u8 = 36;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const RED: u8 = 31;
const BLUE: u8 = 34;

/// What stands before a line.
#[derive(Debug, Clone, Copy)]
pub(in crate::builder) enum Tag<'a> {
    Info,
    Warn,
    Error,
    Success,
    Delta,
    /// What an engine says of a service.
    Service(&'a str),
}

impl Tag<'_> {
    fn name(&self) -> (&str, u8) {
        match self {
            Tag::Info => ("Info", CYAN),
            Tag::Warn => ("Warn", YELLOW),
            Tag::Error => ("Error", RED),
            Tag::Success => ("Success", GREEN),
            Tag::Delta => ("Delta", CYAN),
            Tag::Service(name) => (name, BLUE),
        }
    }

    /// The text after the tag, all of its lines below each other.
    pub(super) fn before(&self, text: &str) -> String {
        let (name, colour) = self.name();
        let space = " ".repeat(COLUMN.saturating_sub(name.chars().count() + 2).max(1));
        let lines = text.lines().map(|line| format!("\x1b[{colour}m[{name}]\x1b[39m{space}{line}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A bar as balenaCloud draws it.
pub(in crate::builder) fn bar(percent: u8) -> String {
    let percent = usize::from(percent.min(100));
    let full = percent * BAR / 100;
    let arrow = if full < BAR { ">" } else { "" };
    format!("[{:<BAR$}] {percent}%", format!("{}{arrow}", "=".repeat(full)))
}

/// A number of bytes, as people read it.
pub(in crate::builder) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1000.0 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    match unit {
        "B" => format!("{count} B"),
        unit => format!("{value:.2} {unit}"),
    }
}

/// A time, as balenaCloud puts it.
pub(in crate::builder) fn time(taken: Duration) -> String {
    let counted = |number: u64, unit: &str| match number {
        1 => format!("1 {unit}"),
        number => format!("{number} {unit}s"),
    };
    let seconds = taken.as_secs_f64().round() as u64;
    match (seconds / 60, seconds % 60) {
        (0, seconds) => counted(seconds, "second"),
        (minutes, 0) => counted(minutes, "minute"),
        (minutes, seconds) => {
            format!("{}, {}", counted(minutes, "minute"), counted(seconds, "second"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_below_each_other() {
        assert_eq!(
            Tag::Info.before("a\nb"),
            "\x1b[36m[Info]\x1b[39m     a\n\x1b[36m[Info]\x1b[39m     b"
        );
        assert_eq!(Tag::Success.before("a"), "\x1b[32m[Success]\x1b[39m  a");
        assert_eq!(
            Tag::Service("a-long-service").before("a"),
            "\x1b[34m[a-long-service]\x1b[39m a"
        );
    }

    #[test]
    fn bars_are_as_wide_as_they_are_long() {
        assert_eq!(bar(0), format!("[>{}] 0%", " ".repeat(49)));
        assert_eq!(bar(50), format!("[{}>{}] 50%", "=".repeat(25), " ".repeat(24)));
        assert_eq!(bar(100), format!("[{}] 100%", "=".repeat(50)));
        assert_eq!(bar(200), bar(100));
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(bytes(312), "312 B");
        assert_eq!(bytes(1_500), "1.50 kB");
        assert_eq!(bytes(999_999_999), "1000.00 MB");
        assert_eq!(time(Duration::from_secs(26)), "26 seconds");
        assert_eq!(time(Duration::from_millis(60_600)), "1 minute, 1 second");
        assert_eq!(time(Duration::from_secs(120)), "2 minutes");
    }
}
