//! What an engine tells of a build made into lines, whichever builder builds.

use std::time::{Duration, Instant};

use super::lines::{Joiner, Line, Sink, cleaned};
use super::objects::{Detail, Object};
use super::trace::{self, Trace};

/// How often progress is told at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// How the classic builder's own words begin. Programs whose output ends without a line's end don't run into them.
const ENGINES_WORDS: [&str; 3] = ["Step ", " ---> ", "Removing intermediate container "];
/// How an engine that tells no ID says which image it has built.
const BUILT: &str = "Successfully built ";
/// What a system says that has no way to run a program.
const NO_EMULATION: &str = "exec format error";

/// Output on its way to lines.
#[derive(Debug, Default)]
pub(super) struct Output {
    joiner: Joiner,
    trace: Trace,
    told_progress: Option<Instant>,
    told_partial: Option<Line>,
    image: Option<String>,
    /// A program for another processor could not be run.
    pub(super) lacks_emulation: bool,
}

impl Output {
    /// Takes what one object says, but for a failure.
    pub(super) fn take(&mut self, object: &Object, sink: Sink<'_>) {
        if let Some(image) = object.image() {
            self.image = Some(image.to_owned());
        }
        if object.id.as_deref() == Some(trace::KIND) {
            let mut lacks = false;
            if let Some(aux) = &object.aux {
                self.trace.take(aux, &mut noticing(&mut lacks, sink));
            }
            self.lacks_emulation |= lacks;
        }
        if let Some(text) = &object.stream {
            self.stream(text, sink);
        }
        if let Some(status) = &object.status {
            self.status(status, object, sink);
        }
    }

    /// Shows a line that has no end yet, if nothing more came for a while.
    pub(super) fn rest(&mut self, sink: Sink<'_>) {
        let partial = self.joiner.partial();
        if partial != self.told_partial {
            partial.clone().into_iter().for_each(sink);
            self.told_partial = partial;
        }
    }

    /// Gives what is left. Returns the image, if one was told.
    pub(super) fn end(&mut self, sink: Sink<'_>) -> Option<String> {
        self.stream_flush(sink);
        self.trace.flush(sink);
        self.image.take()
    }

    fn stream(&mut self, text: &str, sink: Sink<'_>) {
        if ENGINES_WORDS.iter().any(|words| text.starts_with(words)) {
            self.stream_flush(sink);
        }
        if let (None, Some(image)) = (&self.image, text.strip_prefix(BUILT)) {
            let image = image.trim();
            let is_id = image.len() >= 12 && image.chars().all(|c| c.is_ascii_hexdigit());
            self.image = is_id.then(|| image.to_owned());
        }
        self.joiner.push(text, &mut noticing(&mut self.lacks_emulation, sink));
    }

    fn stream_flush(&mut self, sink: Sink<'_>) {
        self.told_partial = None;
        self.joiner.flush(&mut noticing(&mut self.lacks_emulation, sink));
    }

    fn status(&mut self, status: &str, object: &Object, sink: Sink<'_>) {
        let id = object.id.as_deref().unwrap_or_default();
        let is_layer = id.len() == 12 && id.chars().all(|c| c.is_ascii_hexdigit());
        let name = if id.is_empty() { String::new() } else { format!("{id}: ") };
        if !is_layer {
            self.stream_flush(sink);
            return sink(Line::Text(cleaned(&format!("{name}{status}"))));
        }
        let is_due = self.told_progress.is_none_or(|told| told.elapsed() >= PROGRESS_EVERY);
        if let (true, Some(Detail { current: Some(current), total: Some(total) })) =
            (is_due, &object.progress)
        {
            self.told_progress = Some(Instant::now());
            let text = format!("{name}{status} {current} of {total} bytes");
            sink(Line::Replace(cleaned(&text)));
        }
    }
}

/// A sink that notices what says that emulation is missing.
fn noticing<'a>(lacks: &'a mut bool, sink: Sink<'a>) -> impl FnMut(Line) + Send + 'a {
    move |line| {
        if let Line::Text(text) = &line {
            *lacks |= text.contains(NO_EMULATION);
        }
        sink(line);
    }
}
