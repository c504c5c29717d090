//! BuildKit's progress made into lines. Steps run side by side: each line begins with its step's number.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus};
use prost::Message as _;
use serde_json::Value;

use super::lines::{Joiner, Line, Sink, cleaned};

/// The kind of object that holds a trace.
pub(super) const KIND: &str = "moby.buildkit.trace";
/// Steps that are told of at most: no Dockerfile has so many.
const MAX_STEPS: usize = 10_000;

/// What is known of a build's steps.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: HashMap<String, Step>,
}

#[derive(Debug, Default)]
struct Step {
    number: usize,
    output: Joiner,
    is_begun: bool,
    is_over: bool,
}

impl Trace {
    /// Takes the value of one object's `aux`; `None` if it is no trace.
    pub(super) fn take(&mut self, aux: &Value, sink: Sink<'_>) -> Option<()> {
        let bytes = STANDARD.decode(aux.as_str()?).ok()?;
        let told = StatusResponse::decode(bytes.as_slice()).ok()?;
        // A step's output comes before its end if both are told at once.
        let (over, begun): (Vec<_>, Vec<_>) =
            told.vertexes.into_iter().partition(|vertex| vertex.completed.is_some());
        begun.iter().for_each(|vertex| self.vertex(vertex, sink));
        told.statuses.iter().for_each(|status| self.status(status, sink));
        told.logs.iter().for_each(|log| self.log(log, sink));
        over.iter().for_each(|vertex| self.vertex(vertex, sink));
        Some(())
    }

    /// Gives what steps left without an end.
    pub(super) fn flush(&mut self, sink: Sink<'_>) {
        let mut steps: Vec<_> = self.steps.values_mut().collect();
        steps.sort_by_key(|step| step.number);
        steps.into_iter().for_each(|step| step.flush(sink));
    }

    fn step(&mut self, digest: &str) -> Option<&mut Step> {
        let number = self.steps.len() + 1;
        if number > MAX_STEPS && !self.steps.contains_key(digest) {
            return None;
        }
        let step = self.steps.entry(digest.to_owned());
        Some(step.or_insert_with(|| Step { number, ..Step::default() }))
    }

    fn vertex(&mut self, vertex: &Vertex, sink: Sink<'_>) {
        if vertex.started.is_none() && !vertex.cached && vertex.error.is_empty() {
            return;
        }
        let Some(step) = self.step(&vertex.digest) else { return };
        if step.is_over {
            return;
        }
        if !std::mem::replace(&mut step.is_begun, true) {
            step.say(&one_line(&vertex.name), sink);
        }
        if vertex.completed.is_some() {
            step.flush(sink);
            step.is_over = true;
            step.say(&outcome(vertex), sink);
        }
    }

    fn log(&mut self, log: &VertexLog, sink: Sink<'_>) {
        let Some(step) = self.step(&log.vertex) else { return };
        let text = String::from_utf8_lossy(&log.msg);
        let number = step.number;
        step.output.push(&text, &mut |line| sink(numbered(number, line)));
    }

    fn status(&mut self, status: &VertexStatus, sink: Sink<'_>) {
        let Some(step) = self.step(&status.vertex) else { return };
        if status.completed.is_some() || status.total == 0 {
            return;
        }
        let what = if status.name.is_empty() { &status.id } else { &status.name };
        let text = format!("{} {} of {}", one_line(what), status.current, status.total);
        sink(Line::Replace(format!("#{} {text}", step.number)));
    }
}

impl Step {
    fn say(&self, text: &str, sink: Sink<'_>) {
        sink(numbered(self.number, Line::Text(text.to_owned())));
    }

    fn flush(&mut self, sink: Sink<'_>) {
        let number = self.number;
        self.output.flush(&mut |line| sink(numbered(number, line)));
    }
}

fn numbered(number: usize, line: Line) -> Line {
    match line {
        Line::Text(text) => Line::Text(format!("#{number} {text}")),
        Line::Replace(text) => Line::Replace(format!("#{number} {text}")),
    }
}

fn outcome(vertex: &Vertex) -> String {
    if !vertex.error.is_empty() {
        return format!("ERROR: {}", one_line(&vertex.error));
    }
    if vertex.cached {
        return "CACHED".to_owned();
    }
    let seconds = |time: &Timestamp| time.seconds as f64 + f64::from(time.nanos) / 1e9;
    match (&vertex.started, &vertex.completed) {
        (Some(from), Some(to)) => format!("DONE {:.1}s", (seconds(to) - seconds(from)).max(0.0)),
        _ => "DONE".to_owned(),
    }
}

fn one_line(text: &str) -> String {
    cleaned(text).replace('\n', " ")
}
