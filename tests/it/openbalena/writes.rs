//! Rows that a build makes and changes, with the checks of open-balena-api 49, in its order and words.

use std::time::SystemTime;

use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value};

use super::changes::make_final;
use super::data::{Data, Image, Named, Release, ReleaseImage, next};
use super::query::Version;
use super::table_query::TableQuery;
use super::tables::{KEPT_OF_IMAGES, KEPT_OF_RELEASES, Table};
use super::{limits, timestamp};
use crate::scripted_server::{Reply, Request};

/// Columns of a body.
pub(super) type Fields = Map<String, Value>;
/// An answer that ends the request.
pub(super) type Checked<T> = Result<T, Reply>;

/// Who writes, and where the registry is.
pub(super) struct Writer<'a> {
    pub(super) user: &'a str,
    pub(super) registry: &'a str,
}

/// Answers a `POST` or `PATCH` on one of the tables; None for anything else and for columns that no table has.
pub(super) fn answer(data: &mut Data, writer: &Writer<'_>, request: &Request) -> Option<Reply> {
    let fields = match limits::body(request) {
        Ok(fields) => fields,
        Err(refusal) => return Some(refusal),
    };
    let query = TableQuery::read(&request.path)?;
    query.options.end()?;
    let known = |name: &String| query.table.columns().contains(&name.as_str());
    fields.keys().all(known).then_some(())?;
    match request.method.as_str() {
        "POST" if query.conditions.is_empty() => {
            Some(insert(data, writer, &query, &fields).unwrap_or_else(|refusal| refusal))
        }
        "PATCH" if !query.conditions.is_empty() => change(data, writer, &query, &fields),
        _ => None,
    }
}

fn insert(
    data: &mut Data,
    writer: &Writer<'_>,
    query: &TableQuery,
    fields: &Fields,
) -> Checked<Reply> {
    let table = query.table;
    limits::required(table, fields)?;
    limits::values(table, fields)?;
    let id = match table {
        Table::Releases => insert_release(data, writer, fields),
        Table::Services => insert_service(data, writer, fields),
        Table::Images => insert_image(data, writer, fields),
        Table::ReleaseImages => insert_release_image(data, writer, fields),
        Table::Labels | Table::Variables => insert_named(data, writer, table, fields),
        Table::Tags => insert_tag(data, writer, fields),
        Table::Fleets => Err(Reply::status(401)),
    }?;
    let rows = table.rows(data, query.version);
    let row = rows.iter().find(|row| row["id"] == id).expect("just added");
    Ok(Reply::status(201).header("Content-Type", "application/json").body(row.to_string()))
}

fn insert_release(data: &mut Data, writer: &Writer<'_>, fields: &Fields) -> Checked<u64> {
    let fleet = number(fields, "belongs_to__application");
    fleet_of_writer(data, writer, fleet, "belongs_to__application")?;
    let commit = text(fields, "commit");
    if text(fields, "status") == "success" {
        no_other_success(data, 0, fleet, &commit)?;
    }
    let now = SystemTime::now();
    let semver = fields.get("semver").and_then(Value::as_str).unwrap_or("0.0.0").to_owned();
    // A release is final unless it is said to be a draft.
    let is_draft = fields.get("is_final") == Some(&Value::Bool(false));
    let id = next(data.releases.iter().map(|release| release.id));
    data.releases.push(Release {
        id,
        fleet,
        commit,
        revision: (!is_draft).then(|| data.next_revision(fleet, &semver)),
        semver,
        status: text(fields, "status"),
        invalidated: false,
        start: limits::milliseconds(&fields["start_timestamp"])?,
        created: now.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis(),
        updated: timestamp(now),
        tags: Vec::new(),
        columns: kept(fields, &KEPT_OF_RELEASES),
    });
    data.changed(id);
    Ok(id)
}

fn insert_service(data: &mut Data, writer: &Writer<'_>, fields: &Fields) -> Checked<u64> {
    let (fleet, name) = (number(fields, "application"), text(fields, "service_name"));
    fleet_of_writer(data, writer, fleet, "application")?;
    if data.services.iter().any(|row| row.fleet == fleet && row.name == name) {
        return Err(limits::not_unique(Table::Services));
    }
    Ok(data.service_named(fleet, &name))
}

/// The API chooses where the image will be.
fn insert_image(data: &mut Data, writer: &Writer<'_>, fields: &Fields) -> Checked<u64> {
    let service = number(fields, "is_a_build_of__service");
    let row = data.services.iter().find(|row| row.id == service);
    let fleet = row.ok_or_else(|| limits::not_there("is_a_build_of__service"))?.fleet;
    fleet_of_writer(data, writer, fleet, "is_a_build_of__service")?;
    let id = next(data.images.iter().map(|image| image.id));
    data.images.push(Image {
        id,
        service,
        location: format!("{}/v2/{}", writer.registry, repository()),
        content_hash: None,
        size: None,
        status: String::new(),
        columns: Map::new(),
    });
    let written = write_image(data, id, fields);
    if written.is_err() {
        data.images.pop();
    }
    written.map(|()| id)
}

fn insert_release_image(data: &mut Data, writer: &Writer<'_>, fields: &Fields) -> Checked<u64> {
    let (release, image) = (number(fields, "is_part_of__release"), number(fields, "image"));
    let found = data.images.iter().find(|row| row.id == image);
    let service = found.ok_or_else(|| limits::not_there("image"))?.service;
    let of_image = data.service(service).fleet;
    fleet_of_writer(data, writer, of_image, "image")?;
    release_of_writer(data, writer, release, "is_part_of__release")?;
    if data.release_images.iter().any(|row| (row.release, row.image) == (release, image)) {
        return Err(limits::not_unique(Table::ReleaseImages));
    }
    let id = next(data.release_images.iter().map(|row| row.id));
    data.release_images.push(ReleaseImage { id, release, image });
    Ok(id)
}

fn insert_named(
    data: &mut Data,
    writer: &Writer<'_>,
    table: Table,
    fields: &Fields,
) -> Checked<u64> {
    let release_image = number(fields, "release_image");
    let found = data.release_images.iter().find(|row| row.id == release_image);
    let release = found.ok_or_else(|| limits::not_there("release_image"))?.release;
    release_of_writer(data, writer, release, "release_image")?;
    let name = text(fields, table.key()[1]);
    let rows = match table {
        Table::Labels => &mut data.labels,
        _ => &mut data.variables,
    };
    if rows.iter().any(|row| row.release_image == release_image && row.name == name) {
        return Err(limits::not_unique(table));
    }
    let id = next(rows.iter().map(|row| row.id));
    rows.push(Named { id, release_image, name, value: text(fields, "value") });
    Ok(id)
}

fn insert_tag(data: &mut Data, writer: &Writer<'_>, fields: &Fields) -> Checked<u64> {
    let (release, key) = (number(fields, "release"), text(fields, "tag_key"));
    release_of_writer(data, writer, release, "release")?;
    if data.release(release).tags.iter().any(|tag| tag.key == key) {
        return Err(limits::not_unique(Table::Tags));
    }
    Ok(data.add_tag(release, &key, &text(fields, "value")))
}

/// Rows that the user does not see, or that do not match, stay as they are, and the answer is the same.
fn change(
    data: &mut Data,
    writer: &Writer<'_>,
    query: &TableQuery,
    fields: &Fields,
) -> Option<Reply> {
    let rows = query.rows(&data.visible_to(Some(writer.user)));
    let ids = rows.iter().map(|row| row["id"].as_u64().expect("an ID"));
    // The database takes all of a request back if a part of it fails.
    let mut changed = data.clone();
    for id in ids {
        let written = limits::values(query.table, fields).and_then(|()| match query.table {
            Table::Releases => write_release(&mut changed, id, fields),
            Table::Images => write_image(&mut changed, id, fields),
            _ => Err(Reply::status(401)),
        });
        if let Err(refusal) = written {
            return Some(refusal);
        }
    }
    *data = changed;
    Some(match query.version {
        Version::V7 => Reply::status(200),
        Version::V6 => Reply::ok("\"OK\""),
    })
}

fn write_release(data: &mut Data, id: u64, fields: &Fields) -> Checked<()> {
    let row = data.release(id).clone();
    let is_final = fields.get("is_final").and_then(Value::as_bool);
    if row.is_final() && is_final == Some(false) {
        return Err(Reply::status(400).body("\"Finalized releases cannot be converted to draft.\""));
    }
    if let Some(status) = fields.get("status").and_then(Value::as_str) {
        if status == "success" {
            no_other_success(data, id, row.fleet, &row.commit)?;
        }
        status.clone_into(&mut data.release_mut(id).status);
    }
    if let Some(invalidated) = fields.get("is_invalidated").and_then(Value::as_bool) {
        data.release_mut(id).invalidated = invalidated;
    }
    data.release_mut(id).columns.extend(kept(fields, &KEPT_OF_RELEASES));
    if is_final == Some(true) {
        make_final(data, id);
    }
    data.changed(id);
    Ok(())
}

fn write_image(data: &mut Data, id: u64, fields: &Fields) -> Checked<()> {
    let row = data.images.iter_mut().find(|row| row.id == id).expect("a row of this API");
    row.columns.extend(kept(fields, &KEPT_OF_IMAGES));
    if fields.contains_key("status") {
        row.status = text(fields, "status");
    }
    if let Some(hash) = fields.get("content_hash") {
        row.content_hash = hash.as_str().map(str::to_owned);
    }
    if let Some(size) = fields.get("image_size") {
        row.size = size.as_u64().or_else(|| size.as_str()?.parse().ok());
    }
    if row.status == "success" && row.columns.get("push_timestamp").is_none_or(Value::is_null) {
        return Err(limits::violated(
            "each image that has a status that is equal to \"success\", has a push timestamp.",
        ));
    }
    Ok(())
}

fn no_other_success(data: &Data, id: u64, fleet: u64, commit: &str) -> Checked<()> {
    let same = |row: &&Release| row.fleet == fleet && row.commit == commit && row.id != id;
    if data.releases.iter().filter(same).any(|row| row.status == "success") {
        return Err(limits::violated(
            "each application that owns a release1 that has a status that is equal to \"success\" and has a \
             commit1, owns at most one release2 that has a status that is equal to \"success\" and has a commit2 \
             that is equal to the commit1.",
        ));
    }
    Ok(())
}

fn release_of_writer(data: &Data, writer: &Writer<'_>, release: u64, column: &str) -> Checked<()> {
    let found = data.releases.iter().find(|row| row.id == release);
    let fleet = found.ok_or_else(|| limits::not_there(column))?.fleet;
    fleet_of_writer(data, writer, fleet, column)
}

/// A fleet that the user has: 409 if there is none, 401 if it is another's.
fn fleet_of_writer(data: &Data, writer: &Writer<'_>, fleet: u64, column: &str) -> Checked<()> {
    let found = data.fleets.iter().find(|row| row.id == fleet);
    let found = found.ok_or_else(|| limits::not_there(column))?;
    let own = found.users.iter().any(|user| user == writer.user);
    if own { Ok(()) } else { Err(Reply::status(401)) }
}

fn kept(fields: &Fields, names: &[&str]) -> Fields {
    let kept = fields.iter().filter(|(name, _)| names.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// 32 hexadecimal digits.
fn repository() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Columns were looked at before: what is missing there is refused.
fn number(fields: &Fields, name: &str) -> u64 {
    fields.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn text(fields: &Fields, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
