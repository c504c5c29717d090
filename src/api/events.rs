//! Server-sent events, as far as this server sends them (HTML standard, section 9.2).

/// The longest event that is taken.
const MAX_EVENT_BYTES: usize = 64 << 10;

/// An event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) data: String,
}

/// Reads events out of the pieces that a connection brings.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    event: Event,
}

impl Events {
    /// The events that end in `piece`. `None` where one is longer than any of ours.
    pub(super) fn read(&mut self, piece: &[u8]) -> Option<Vec<Event>> {
        let mut events = Vec::new();
        for &byte in piece {
            match byte {
                b'\n' => events.extend(self.end_line()),
                b'\r' => {}
                byte => self.line.push(byte),
            }
            if self.line.len() + self.event.data.len() > MAX_EVENT_BYTES {
                return None;
            }
        }
        Some(events)
    }

    /// What the line that ended means; an empty one ends an event.
    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Some(std::mem::take(&mut self.event)).filter(|event| !event.data.is_empty());
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.kind),
            "data" => self.event.data.push_str(value),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text =
            b": hello\n\nevent: job\ndata: {\"a\":\ndata: 1}\n\nevent: gap\r\ndata:{}\r\n\r\n";
        let event = |kind: &str, data: &str| Event { kind: kind.into(), data: data.into() };
        let expected = [event("job", "{\"a\":1}"), event("gap", "{}")];
        for size in 1..text.len() {
            let mut events = Events::default();
            let pieces = text.chunks(size);
            let found: Vec<Event> =
                pieces.flat_map(|piece| events.read(piece).expect("short")).collect();
            assert_eq!(found, expected, "{size}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        assert_eq!(Events::default().read(&vec![b'a'; MAX_EVENT_BYTES + 1]), None);
    }
}
