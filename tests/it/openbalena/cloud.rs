//! What only balenaCloud's API has: rows of deltas, and the creators of releases. Its queries are those of
//! @balena/release-update and of the SDK below it; the stand-in answers them only if a test asks for it.

use serde_json::{Value, json};

use super::OpenBalena;
use super::answers::{answered, reference};
use super::data::{Data, Delta, Image, Release, next};
use super::filters::{Options, Text, decode};
use crate::scripted_server::{Reply, Request};

const RELEASE: &str = "release_image($expand=image($select=id;$expand=is_a_build_of__service(\
    $select=service_name))),is_created_by__user($select=id,username)";
const IMAGE: &str = "id,is_stored_at__image_location,content_hash,image_size";
const DELTA: &str = "id,status,version,is_stored_at__location,size";
/// The only version of deltas that is asked for.
const VERSION: u64 = 3;

enum Query {
    Release(u64),
    Prefix(String),
    Image(u64),
    Delta { src: u64, dest: u64 },
}

impl OpenBalena {
    /// Answers as balenaCloud's API does, too.
    pub(crate) fn be_cloud(&self) {
        self.lock().mood.cloud = true;
    }

    /// A delta between two images, `success`, `running` or `failed`.
    pub(crate) fn delta(&self, src: u64, dest: u64, status: &str, size: u64) -> u64 {
        let deltas = &mut self.lock().data.deltas;
        let id = next(deltas.iter().map(|delta| delta.id));
        deltas.push(Delta { id, src, dest, status: status.to_owned(), size });
        id
    }
}

/// None if the request is none of the tool's.
pub(super) fn answer(data: &Data, request: &Request) -> Option<Reply> {
    let rows: Vec<Value> = match read(request)? {
        Query::Release(id) => releases(data, |release| release.id == id),
        Query::Prefix(prefix) => releases(data, |release| release.commit.starts_with(&prefix)),
        Query::Image(id) => {
            data.images.iter().filter(|image| image.id == id).map(shown_image).collect()
        }
        Query::Delta { src, dest } => {
            let same = |delta: &&Delta| (delta.src, delta.dest) == (src, dest);
            let known = data.deltas.iter().rev().filter(same);
            let mut known = known.filter(|delta| delta.status != "failed");
            known.next().map(|delta| shown_delta(data, delta)).into_iter().collect()
        }
    };
    Some(answered(&rows))
}

fn read(request: &Request) -> Option<Query> {
    let (path, options) = request.path.strip_prefix("/v7/")?.split_once('?')?;
    let (path, mut options) = (decode(path)?, Options::read(options)?);
    let (resource, key) = path
        .split_once('(')
        .map_or((&*path, None), |(resource, key)| (resource, Some(Text::new(key))));
    let query = match (request.method.as_str(), resource, key) {
        ("GET", "release", key) => {
            options.expect("$expand", RELEASE)?;
            release(key, &options.take("$filter")?)?
        }
        ("GET", "image", Some(mut key)) => {
            options.expect("$select", IMAGE)?;
            options.expect("$filter", "status eq 'success'")?;
            Query::Image(key.id()?)
        }
        ("GET", "delta", None) => {
            options.expect("$select", DELTA)?;
            options.expect("$orderby", "id desc")?;
            options.expect("$top", "1")?;
            delta(&options.take("$filter")?)?
        }
        _ => return None,
    };
    options.end()?;
    Some(query)
}

fn release(key: Option<Text<'_>>, filter: &str) -> Option<Query> {
    let mut text = Text::new(filter);
    let query = match key {
        Some(mut key) => Query::Release(key.id()?),
        None => {
            text.word("startswith(commit,")?;
            let prefix = text.string()?;
            text.word(") and ")?;
            Query::Prefix(prefix)
        }
    };
    text.word("status eq 'success'")?;
    text.end()?;
    Some(query)
}

/// A running delta counts if it was touched a few minutes ago; here it always was.
fn delta(filter: &str) -> Option<Query> {
    let mut text = Text::new(filter);
    text.word(&format!("version eq {VERSION} and originates_from__image eq "))?;
    let src = text.number()?;
    text.word(" and produces__image eq ")?;
    let dest = text.number()?;
    text.word(" and (status eq 'success' or (status eq 'running' and update_timestamp gt ")?;
    text.time()?;
    text.word("))")?;
    text.end()?;
    Some(Query::Delta { src, dest })
}

fn releases(data: &Data, wanted: impl Fn(&Release) -> bool) -> Vec<Value> {
    let successful = data.releases.iter().filter(|release| release.status == "success");
    successful.filter(|release| wanted(release)).map(|release| shown(data, release)).collect()
}

fn shown(data: &Data, release: &Release) -> Value {
    let rows = data.release_images.iter().filter(|row| row.release == release.id);
    let images = rows.map(|row| {
        let service = &data.service(data.image(row.image).service).name;
        let service = json!([{ "service_name": service }]);
        json!({
            "id": row.id,
            "image": [{ "id": row.image, "is_a_build_of__service": service }],
        })
    });
    json!({
        "id": release.id,
        "commit": release.commit,
        "belongs_to__application": reference(Some(release.fleet)),
        "is_created_by__user": [],
        "release_image": images.collect::<Value>(),
    })
}

fn shown_image(image: &Image) -> Value {
    json!({
        "id": image.id,
        "is_stored_at__image_location": image.location,
        "content_hash": image.content_hash,
        "image_size": image.size.map(|size| size.to_string()),
    })
}

/// Its name is what delta servers give: in dest's repository, with the first digits of src's.
fn shown_delta(data: &Data, delta: &Delta) -> Value {
    let src = data.image(delta.src).location.rsplit('/').next().unwrap_or_default();
    let location = format!("{}:delta-{:.16}", data.image(delta.dest).location, src);
    json!({
        "id": delta.id,
        "status": delta.status,
        "version": VERSION,
        "is_stored_at__location": location,
        "size": delta.size.to_string(),
    })
}
