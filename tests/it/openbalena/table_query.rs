//! Queries for rows of a build: any columns that the table has, any conditions on them.

use serde_json::{Map, Value, json};

use super::conditions::{self, Condition, compared, plain};
use super::data::Data;
use super::filters::{Options, decode, parts};
use super::query::Version;
use super::tables::Table;

/// The rows that are meant, and what is shown of them.
pub(super) struct TableQuery {
    pub(super) version: Version,
    pub(super) table: Table,
    pub(super) conditions: Vec<Condition>,
    pub(super) options: Options,
}

impl TableQuery {
    /// Reads `/v7/release(7)?$filter=…`; the other options are left for who knows them.
    pub(super) fn read(path: &str) -> Option<Self> {
        let (version, rest) = match path.split_at_checked(4)? {
            ("/v6/", rest) => (Version::V6, rest),
            ("/v7/", rest) => (Version::V7, rest),
            _ => return None,
        };
        let (path, mut options) = match rest.split_once('?') {
            Some((path, query)) => (path, Options::read(query)?),
            None => (rest, Options::default()),
        };
        let path = decode(path)?;
        let (resource, key) = match path.split_once('(') {
            Some((resource, key)) => (resource, Some(key.strip_suffix(')')?)),
            None => (path.as_str(), None),
        };
        let table = Table::named(resource)?;
        let mut conditions = match key {
            Some(key) => conditions::keyed(table, key)?,
            None => Vec::new(),
        };
        if let Some(filter) = options.take("$filter") {
            conditions.extend(conditions::all(table, &filter)?);
        }
        Some(TableQuery { version, table, conditions, options })
    }

    /// Whether strangers get 401 for it, rather than no rows.
    pub(super) fn needs_user(&self) -> bool {
        matches!(self.table, Table::Labels | Table::Variables)
            || self.conditions.iter().any(|condition| matches!(condition, Condition::Own))
    }

    /// The rows that are meant, whole.
    pub(super) fn rows(&self, data: &Data) -> Vec<Value> {
        let holds = |row: &Value| self.conditions.iter().all(|one| one.holds(data, row));
        self.table.rows(data, self.version).into_iter().filter(holds).collect()
    }

    pub(super) fn answer(mut self, data: &Data) -> Option<Vec<Value>> {
        let mut rows = self.rows(data);
        if let Some(order) = self.options.take("$orderby") {
            sort(&mut rows, self.table, &order)?;
        }
        if let Some(top) = self.options.take("$top") {
            rows.truncate(top.parse().ok()?);
        }
        let select = self.options.take("$select")?;
        let columns: Vec<&str> = select.split(',').collect();
        columns.iter().all(|name| self.table.columns().contains(name)).then_some(())?;
        let expand = self.options.take("$expand");
        // Fields are looked at also if no row is there.
        expansion(data, self.table, None, expand.as_deref())?;
        self.options.end()?;
        let shown = |row: &Value| {
            let chosen = columns.iter().map(|&name| (name.to_owned(), row[name].clone()));
            let mut shown: Map<String, Value> = chosen.collect();
            shown.extend(expansion(data, self.table, row["id"].as_u64(), expand.as_deref())?);
            Some(Value::Object(shown))
        };
        rows.iter().map(shown).collect()
    }
}

fn sort(rows: &mut [Value], table: Table, order: &str) -> Option<()> {
    let (column, direction) = order.split_once(' ').unwrap_or((order, "asc"));
    table.columns().contains(&column).then_some(())?;
    rows.sort_by(|one, other| compared(&plain(&one[column]), &plain(&other[column])));
    match direction {
        "asc" => {}
        "desc" => rows.reverse(),
        _ => return None,
    }
    Some(())
}

/// What a fleet refers to. None if something else is wanted, with or without a fleet.
fn expansion(
    data: &Data,
    table: Table,
    row: Option<u64>,
    expand: Option<&str>,
) -> Option<Map<String, Value>> {
    let mut shown = Map::new();
    let Some(expand) = expand else { return Some(shown) };
    (table == Table::Fleets).then_some(())?;
    let fleet = row.map(|id| data.fleet(id));
    for part in parts(expand, ',') {
        let (name, inner) = part.split_once('(')?;
        let inner = inner.strip_suffix(')')?;
        let value = match name {
            "application_type" => {
                let multicontainer = fleet.is_none_or(|fleet| fleet.multicontainer);
                let row = json!({ "slug": "default", "supports_multicontainer": multicontainer });
                json!([selected(&row, inner.strip_prefix("$select=")?)?])
            }
            "is_for__device_type" => {
                (inner == "$select=slug;$expand=is_of__cpu_architecture($select=slug)")
                    .then_some(())?;
                let architecture = fleet.map(|fleet| &fleet.architecture);
                let device_type = fleet.map(|fleet| &fleet.device_type);
                json!([{ "slug": device_type, "is_of__cpu_architecture": [{ "slug": architecture }] }])
            }
            "should_be_running__release" => {
                let columns = inner.strip_prefix("$select=")?;
                let known = |name: &str| Table::Releases.columns().contains(&name);
                columns.split(',').all(known).then_some(())?;
                let target = fleet.and_then(|fleet| fleet.target);
                let row = target.map(|id| super::tables::release(data.release(id)));
                row.iter().map(|row| selected(row, columns)).collect::<Option<Value>>()?
            }
            _ => return None,
        };
        shown.insert(name.to_owned(), value);
    }
    Some(shown)
}

fn selected(row: &Value, columns: &str) -> Option<Value> {
    columns.split(',').map(|name| Some((name.to_owned(), row.get(name)?.clone()))).collect()
}
