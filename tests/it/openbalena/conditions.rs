//! Which rows of a table are meant: a key in brackets, and conditions that all have to hold.

use std::cmp::Ordering;

use serde_json::Value;

use super::data::Data;
use super::filters::{Text, parts};
use super::tables::Table;

/// Keeps to users what everybody may read.
const OWN: &str = "is_directly_accessible_by__user/any(dau:1 eq 1)";
const OF_RELEASE: &str = "release_image/any(ri:ri/is_part_of__release eq ";
const OF_FLEET: &str = "is_a_build_of__service/any(s:s/application eq ";
const OF_NO_RELEASE: &str = "not(release_image/any(ri:1 eq 1))";

#[derive(Debug)]
pub(super) enum Condition {
    Compared { column: String, operator: Operator, value: Value },
    Among { column: String, values: Vec<Value> },
    Own,
    OfRelease(u64),
    OfFleet(u64),
    OfNoRelease,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    Greater,
}

/// `7` or `application=1,service_name='main'`: an ID, or all columns of the table's key.
pub(super) fn keyed(table: Table, key: &str) -> Option<Vec<Condition>> {
    let equal = |column: &str, value| {
        let operator = Operator::Equal;
        Condition::Compared { column: column.to_owned(), operator, value }
    };
    if let Ok(id) = key.parse::<u64>() {
        return Some(vec![equal("id", id.into())]);
    }
    let parts = parts(key, ',');
    let mut conditions = Vec::new();
    for column in table.key() {
        let part = parts.iter().find_map(|part| part.strip_prefix(&format!("{column}=")))?;
        let mut text = Text::new(part);
        conditions.push(equal(column, text.literal()?));
        text.end()?;
    }
    (!conditions.is_empty() && conditions.len() == parts.len()).then_some(conditions)
}

/// Conditions with `and` between them.
pub(super) fn all(table: Table, filter: &str) -> Option<Vec<Condition>> {
    let mut text = Text::new(filter);
    let mut conditions = vec![one(table, &mut text)?];
    while text.word(" and ").is_some() {
        conditions.push(one(table, &mut text)?);
    }
    text.end()?;
    Some(conditions)
}

fn one(table: Table, text: &mut Text<'_>) -> Option<Condition> {
    if text.word(OWN).is_some() {
        return (table == Table::Fleets).then_some(Condition::Own);
    }
    if text.word(OF_RELEASE).is_some() {
        let release = text.number()?;
        text.word(")")?;
        return (table == Table::Images).then_some(Condition::OfRelease(release));
    }
    if text.word(OF_FLEET).is_some() {
        let fleet = text.number()?;
        text.word(")")?;
        return (table == Table::Images).then_some(Condition::OfFleet(fleet));
    }
    if text.word(OF_NO_RELEASE).is_some() {
        return (table == Table::Images).then_some(Condition::OfNoRelease);
    }
    let column = text.name().filter(|name| table.columns().contains(name))?.to_owned();
    if text.word(" in ").is_some() {
        let values = text.numbers()?.into_iter().map(Value::from).collect();
        return Some(Condition::Among { column, values });
    }
    let operators = [
        (" eq ", Operator::Equal),
        (" ne ", Operator::Unequal),
        (" lt ", Operator::Less),
        (" gt ", Operator::Greater),
    ];
    let operator = operators.iter().find(|(word, _)| text.word(word).is_some())?.1;
    Some(Condition::Compared { column, operator, value: text.literal()? })
}

impl Condition {
    pub(super) fn holds(&self, data: &Data, row: &Value) -> bool {
        match self {
            Condition::Own => true,
            Condition::Compared { column, operator, value } => {
                operator.holds(&plain(&row[column]), value)
            }
            Condition::Among { column, values } => values.contains(&plain(&row[column])),
            Condition::OfRelease(release) => data
                .release_images
                .iter()
                .any(|one| one.release == *release && row["id"] == one.image),
            Condition::OfFleet(fleet) => {
                let image = row["id"].as_u64().map(|id| data.image(id));
                image.is_some_and(|image| data.service(image.service).fleet == *fleet)
            }
            Condition::OfNoRelease => data.release_images.iter().all(|one| row["id"] != one.image),
        }
    }
}

impl Operator {
    fn holds(self, left: &Value, right: &Value) -> bool {
        match self {
            Operator::Equal => left == right,
            Operator::Unequal => left != right,
            Operator::Less => compared(left, right) == Ordering::Less,
            Operator::Greater => compared(left, right) == Ordering::Greater,
        }
    }
}

/// Numbers by size, everything else by its letters.
pub(super) fn compared(left: &Value, right: &Value) -> Ordering {
    match (left.as_u64(), right.as_u64()) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.as_str().cmp(&right.as_str()),
    }
}

/// A row that is referred to counts as its ID.
pub(super) fn plain(value: &Value) -> Value {
    value.get("__id").unwrap_or(value).clone()
}
