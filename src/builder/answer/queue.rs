//! Elements on their way to whoever pushes. Nobody who reads slowly holds up a build or fills the memory: output is
//! left out then, and the outcome never.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::element::Element;

/// Bytes that wait at most: some ten thousand lines.
const MAX_BYTES: usize = 1 << 20;
/// What stands where output was left out.
const LEFT_OUT: &str = "[Warn]    Some output was left out here: it came faster than it was read";

/// The way from a build to whoever pushes.
#[derive(Debug, Default)]
pub(in crate::builder) struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    pieces: VecDeque<String>,
    bytes: usize,
    /// Something is left out since the last piece.
    is_full: bool,
    has_begun: bool,
    is_closed: bool,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an element; without effect after the end.
    pub(super) fn push(&self, element: &Element) {
        self.waiting().push(element);
        self.news.notify_one();
    }

    /// Ends the array.
    pub(super) fn close(&self) {
        self.waiting().close();
        self.news.notify_one();
    }

    /// The next pieces of the answer's text; `None` at the end.
    pub(super) async fn next(&self) -> Option<String> {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.news.notified().await;
        }
    }

    /// What waits, or the end of all; `None` if there is nothing yet.
    fn take(&self) -> Option<Option<String>> {
        let mut waiting = self.waiting();
        waiting.bytes = 0;
        let text: String = waiting.pieces.drain(..).collect();
        match (text.is_empty(), waiting.is_closed) {
            (false, _) => Some(Some(text)),
            (true, true) => Some(None),
            (true, false) => None,
        }
    }
}

impl Waiting {
    fn push(&mut self, element: &Element) {
        if self.is_closed {
            return;
        }
        if self.bytes >= MAX_BYTES && element.is_dispensable() {
            self.is_full = true;
            return;
        }
        if std::mem::take(&mut self.is_full) {
            self.add(&Element::Line(LEFT_OUT.to_owned()));
        }
        self.add(element);
    }

    /// balenaCloud writes each element on a line of its own, and the comma before it.
    fn add(&mut self, element: &Element) {
        let before = if self.has_begun { "," } else { "[\n" };
        self.has_begun = true;
        let piece = format!("{before}{}\n", element.to_json());
        self.bytes += piece.len();
        self.pieces.push_back(piece);
    }

    fn close(&mut self) {
        if self.is_closed {
            return;
        }
        let end = if self.has_begun { "]\n" } else { "[]\n" };
        self.pieces.push_back(end.to_owned());
        self.is_closed = true;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn text(queue: &Queue) -> String {
        let mut all = String::new();
        while let Some(Some(piece)) = queue.take() {
            all.push_str(&piece);
        }
        all
    }

    #[test]
    fn elements_make_one_array() {
        let queue = Queue::default();
        queue.push(&Element::Release(7));
        let mut all = text(&queue);
        queue.push(&Element::Line("a \"line\"".to_owned()));
        queue.push(&Element::Failure("no".to_owned()));
        queue.close();
        queue.close();
        queue.push(&Element::Erase);
        all.push_str(&text(&queue));
        let parsed: Value = serde_json::from_str(&all).expect("JSON");
        assert_eq!(parsed.as_array().expect("an array").len(), 3);
        assert_eq!(parsed[0]["value"], 7);
        assert!(all.starts_with("[\n{") && all.contains("\n,{") && all.ends_with("}\n]\n"));
    }

    #[test]
    fn an_answer_without_elements_is_an_empty_array() {
        let queue = Queue::default();
        queue.close();
        assert_eq!(text(&queue), "[]\n");
    }

    #[test]
    fn output_that_nobody_reads_is_left_out_and_the_outcome_is_not() {
        let queue = Queue::default();
        for _ in 0..100_000 {
            queue.push(&Element::Line("x".repeat(100)));
        }
        queue.push(&Element::Failure("the outcome".to_owned()));
        queue.close();
        let all = text(&queue);
        assert!(all.len() < MAX_BYTES + 1000, "{}", all.len());
        assert!(all.contains(LEFT_OUT) && all.contains("the outcome"));
        let elements: Vec<Value> = serde_json::from_str(&all).expect("JSON");
        assert_eq!(elements.last().expect("the outcome")["isError"], true);
    }
}
