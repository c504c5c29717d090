//! The statements that a change is carried out by. Both databases have the same tables and speak the
//! same SQL, but for the clock and for what is left out where one server is alone.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::change::{Change, What};
use super::record::{RecordState, Trouble};
use super::servers::Candidate;
use super::sql::{
    BEGIN, CLAIM, DELETE_UNWANTED, DISPLACE, EXPIRE, FAILED, FORGET, HELD, LOAD, LOOK,
    MARK_UNWANTED, MOST_DELTAS, PAIR, PUT_OFF, READY, RETURN, TIDY, USED, WANT,
};
use crate::server::build::{BuildError, Built, BuiltPlace};
use crate::server::pair::Pair;

/// A statement with what is put into it.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: Arc<str>,
    pub(super) values: Vec<Value>,
}

/// What is put into a statement.
#[derive(Debug)]
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Real(Option<f64>),
    Flag(bool),
}

/// How a database differs from the other.
pub(super) struct Speech {
    /// The database's time, in milliseconds since 1970.
    pub(super) now: &'static str,
    /// Whether no server's clients wait for a job. `$1` to `$7` are the pair, its home and this server.
    pub(super) unwanted: Cow<'static, str>,
    /// Whether another server has layers of a job and a free place. `$3` and `$5` are the images, `$7` is
    /// this server.
    pub(super) elsewhere: &'static str,
    /// How rows are locked that a claim looks at.
    pub(super) locking: &'static str,
}

/// All statements, in the words of one database.
pub(super) struct Statements {
    /// What this server is called as the holder of jobs.
    me: String,
    /// How long the wish of one who waits counts if nothing more is heard of it, in milliseconds.
    wish: i64,
    want: Arc<str>,
    delete_unwanted: Arc<str>,
    mark_unwanted: Arc<str>,
    displace: Arc<str>,
    begin: Arc<str>,
    put_off: Arc<str>,
    give_back: Arc<str>,
    ready: Arc<str>,
    failed: Arc<str>,
    used: Arc<str>,
    expire: Arc<str>,
    forget: Arc<str>,
    claim: Arc<str>,
    look: Arc<str>,
    pub(super) load: Arc<str>,
    tidy: Arc<str>,
}

impl Statements {
    /// The statements of the server called `me`. A wish counts for `wish` if nothing more is heard of it.
    pub(super) fn new(speech: &Speech, me: &str, wish: Duration) -> Self {
        let spoken = |text: &str| -> Arc<str> { speech.speak(text) };
        Statements {
            me: me.to_owned(),
            wish: millis(wish),
            want: spoken(WANT),
            delete_unwanted: spoken(DELETE_UNWANTED),
            mark_unwanted: spoken(MARK_UNWANTED),
            displace: spoken(DISPLACE),
            begin: spoken(BEGIN),
            put_off: spoken(PUT_OFF),
            give_back: spoken(RETURN),
            ready: spoken(READY),
            failed: spoken(FAILED),
            used: spoken(USED),
            expire: spoken(EXPIRE),
            forget: spoken(FORGET),
            claim: spoken(CLAIM),
            look: spoken(LOOK),
            load: spoken(LOAD),
            tidy: spoken(TIDY),
        }
    }

    /// The statements that carry out a change of a job whose home is `home`, one after another.
    pub(super) fn of(&self, change: &Change, home: &str) -> Vec<Statement> {
        let with = |sql: &Arc<str>, more: Vec<Value>| of_pair(sql, &change.pair, home, more);
        let plain = |sql: &Arc<str>| vec![with(sql, Vec::new())];
        let held = |sql: &Arc<str>, more: Vec<Value>| {
            with(sql, std::iter::once(text(&self.me)).chain(more).collect())
        };
        match &change.what {
            What::Want { fleet, asker, release } => {
                let asker = asker.as_deref().map_or(Value::Text(None), text);
                let release = Value::Flag(*release);
                vec![with(&self.want, vec![text(fleet), asker, release, number(self.wish)])]
            }
            What::Unwant => {
                [&self.delete_unwanted, &self.mark_unwanted].map(|sql| held(sql, Vec::new())).into()
            }
            What::Displace => plain(&self.displace),
            What::Begin => vec![held(&self.begin, Vec::new())],
            What::PutOff(trouble) => vec![held(&self.put_off, put_off(trouble))],
            What::End(RecordState::Ready { built, .. }) => {
                vec![held(&self.ready, ready(built))]
            }
            What::End(RecordState::Failed { error, expires }) => {
                vec![held(&self.failed, failed(error, *expires))]
            }
            What::Return | What::End(RecordState::Pending | RecordState::Preparing) => {
                vec![held(&self.give_back, Vec::new())]
            }
            What::Use => plain(&self.used),
            What::Expire => plain(&self.expire),
            What::Forget => plain(&self.forget),
        }
    }

    pub(super) fn claim(&self, candidate: &Candidate, home: &str) -> Statement {
        let more = vec![text(&self.me), Value::Flag(candidate.patient)];
        of_pair(&self.claim, &candidate.pair, home, more)
    }

    pub(super) fn tidy(&self, remember: Duration) -> Statement {
        let values = vec![number(millis(remember)), number(MOST_DELTAS)];
        Statement { sql: Arc::clone(&self.tidy), values }
    }

    pub(super) fn look(&self, pair: &Pair, home: &str) -> Statement {
        of_pair(&self.look, pair, home, Vec::new())
    }
}

/// A statement about a pair, with what else is put into it.
fn of_pair(sql: &Arc<str>, pair: &Pair, home: &str, more: Vec<Value>) -> Statement {
    let mut values = vec![
        text(pair.format.name()),
        text(&pair.source.repository),
        text(&pair.source.digest.to_string()),
        text(&pair.target.repository),
        text(&pair.target.digest.to_string()),
        text(home),
    ];
    values.extend(more);
    Statement { sql: Arc::clone(sql), values }
}

impl Speech {
    /// A statement in this database's words.
    pub(super) fn speak(&self, text: &str) -> Arc<str> {
        let text = text.replace("{held}", HELD).replace("{pair}", PAIR);
        let text = text.replace("{unwanted}", &self.unwanted).replace("{locking}", self.locking);
        let text = text.replace("{elsewhere}", self.elsewhere);
        text.replace("{now}", self.now).into()
    }
}

fn put_off(trouble: &Trouble) -> Vec<Value> {
    let now = SystemTime::now();
    let age = now.duration_since(trouble.since).unwrap_or_default();
    let pause = trouble.until.duration_since(now).unwrap_or_default();
    let [cause, message] = told(&trouble.error);
    let attempts = Value::Number(Some(trouble.attempts.into()));
    vec![cause, message, attempts, number(millis(age)), number(millis(pause))]
}

fn ready(built: &Built) -> Vec<Value> {
    let (state, tag, digest, file) = match &built.place {
        BuiltPlace::Tag { tag, digest } => {
            ("ready", Some(tag.clone()), Some(digest.to_string()), None)
        }
        BuiltPlace::File { key } => ("ready", None, None, Some(key.clone())),
        BuiltPlace::NotWorth => ("not-worth", None, None, None),
    };
    vec![
        text(state),
        Value::Text(tag),
        Value::Text(digest),
        Value::Text(file),
        number(integer(built.bytes)),
        Value::Number(built.pull_bytes.map(integer)),
        number(integer(built.commands)),
        Value::Real(Some(built.seconds)),
    ]
}

fn failed(error: &BuildError, expires: SystemTime) -> Vec<Value> {
    let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
    let [cause, message] = told(error);
    vec![cause, message, number(millis(left))]
}

fn told(error: &BuildError) -> [Value; 2] {
    [text(error.cause.name()), text(&error.message)]
}

/// PostgreSQL takes no NUL in a text: one that somebody sent must not keep everything else from being written.
pub(super) fn text(text: &str) -> Value {
    Value::Text(Some(text.replace('\0', " ")))
}

pub(super) fn number(number: i64) -> Value {
    Value::Number(Some(number))
}

/// No database has larger integers; no delta is that large.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
