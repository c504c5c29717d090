//! What the API checks of a written value by itself: its presence, kind, length, and whether it is one of a few.

use serde_json::{Value, json};

use super::tables::Table;
use super::writes::{Checked, Fields};
use crate::scripted_server::{Reply, Request};

/// In bytes; anything longer never reaches the API's own checks.
const LONGEST_BODY: usize = 512 * 1024;
/// Of the kind of column that names have.
const SHORT_TEXT: usize = 255;
const STATUSES: [&str; 6] = ["running", "success", "failed", "error", "cancelled", "interrupted"];
const SOURCES: [&str; 2] = ["cloud", "local"];

/// Columns with a length of their own, and what the API says of them.
const LENGTHS: [(Table, &str, usize, &str); 5] = [
    (
        Table::Labels,
        "value",
        300,
        "each image label has a value that has a Length (Type) that is less than or equal to 300.",
    ),
    (
        Table::Variables,
        "value",
        100_000,
        "each image environment variable has a value that has a Length (Type) that is less than or \
         equal to 100000.",
    ),
    (
        Table::Images,
        "error_message",
        300_000,
        "each image that has an error message, has an error message that has a Length (Type) that is \
         less than or equal to 300000.",
    ),
    (
        Table::Images,
        "content_hash",
        71,
        "each image that has a content hash, has a content hash that has a Length (Type) that is less \
         than or equal to 71.",
    ),
    (
        Table::Images,
        "build_log",
        1_500_000,
        "each image that has a build log, has a build log that has a Length (Type) that is less than \
         or equal to 1500000.",
    ),
];

/// A body's columns. What is wrong here is said in HTML.
pub(super) fn body(request: &Request) -> Checked<Fields> {
    if request.body.len() > LONGEST_BODY {
        return Err(page(413, "Payload Too Large"));
    }
    serde_json::from_slice(&request.body).map_err(|_| page(400, "Bad Request"))
}

pub(super) fn required(table: Table, fields: &Fields) -> Checked<()> {
    let names: &[&str] = match table {
        Table::Releases => &[
            "belongs_to__application",
            "commit",
            "composition",
            "source",
            "start_timestamp",
            "status",
        ],
        Table::Images => &["is_a_build_of__service", "start_timestamp", "status"],
        Table::Labels | Table::Variables => &["release_image", "value"],
        Table::Tags => &["release", "tag_key", "value"],
        other => other.key(),
    };
    let all = names.iter().chain(table.key()).all(|&name| fields.contains_key(name));
    if all { Ok(()) } else { Err(Reply::status(500)) }
}

pub(super) fn values(table: Table, fields: &Fields) -> Checked<()> {
    for (name, value) in fields {
        let allowed: &[&str] = match name.as_str() {
            "status" => &STATUSES,
            "source" => &SOURCES,
            _ => &[],
        };
        if !allowed.is_empty() && !allowed.iter().any(|one| value == one) {
            return Err(refused("Check constraint violated"));
        }
        if is_short_text(name) && value.as_str().is_none_or(|text| text.len() > SHORT_TEXT) {
            return Err(Reply::status(400));
        }
        if name == "value" && !value.is_string() {
            return Err(Reply::status(400));
        }
        if name == "semver" && !value.as_str().is_some_and(is_version) {
            return Err(refused("Invalid semver format"));
        }
        if name.ends_with("_timestamp") && !value.is_null() {
            milliseconds(value)?;
        }
        let limit = LENGTHS.iter().find(|(of, column, ..)| (*of, *column) == (table, name));
        if let Some((.., length, rule)) = limit
            && value.as_str().is_some_and(|text| text.chars().count() > *length)
        {
            return Err(violated(rule));
        }
    }
    Ok(())
}

fn is_short_text(name: &str) -> bool {
    ["commit", "service_name", "label_name", "name", "tag_key", "project_type"].contains(&name)
}

fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u64>().is_ok())
}

/// A time since 1970, from a number of milliseconds or `2026-11-28T12:00:00.000Z`.
pub(super) fn milliseconds(value: &Value) -> Checked<u64> {
    let time = value.as_u64().or_else(|| {
        let text = value.as_str()?;
        let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
        let numbers = |text: &str, separator: char| -> Option<[u64; 3]> {
            let parts: Option<Vec<u64>> =
                text.split(separator).map(|part| part.parse().ok()).collect();
            parts?.try_into().ok()
        };
        let [year, month, day] = numbers(date, '-')?;
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "000"));
        let [hours, minutes, seconds] = numbers(clock, ':')?;
        let fraction: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
        let days = days_until(year, month, day)?;
        Some((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + fraction)
    });
    time.ok_or_else(|| Reply::status(400))
}

fn days_until(year: u64, month: u64, day: u64) -> Option<u64> {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = leap_days(year) > leap_days(year.checked_sub(1)?);
    let years = year.checked_sub(1970)? * 365 + leap_days(year - 1) - leap_days(1969);
    let months = BEFORE.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    Some(years + months + u64::from(is_leap && month > 2) + day.checked_sub(1)?)
}

pub(super) fn violated(rule: &str) -> Reply {
    refused(&format!("It is necessary that {rule}"))
}

pub(super) fn not_there(column: &str) -> Reply {
    conflict(&format!("Data is referenced by {column}."))
}

pub(super) fn not_unique(table: Table) -> Reply {
    let columns: Vec<String> = table.key().iter().map(|name| format!("\"{name}\"")).collect();
    conflict(&format!("{} must be unique.", columns.join(" and ")))
}

fn conflict(text: &str) -> Reply {
    Reply::status(409).body(json!(text).to_string())
}

fn refused(text: &str) -> Reply {
    Reply::status(400).body(json!(text).to_string())
}

fn page(status: u16, reason: &str) -> Reply {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n\
         </head>\n<body>\n<pre>{reason}</pre>\n</body>\n</html>\n"
    );
    Reply::status(status).header("Content-Type", "text/html; charset=utf-8").body(text)
}
