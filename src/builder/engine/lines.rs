//! Output of build steps made into lines. Engines hand it on as programs write it: a line may come in pieces, several at
//! once, and with anything that a terminal obeys.

/// The longest line in bytes; longer ones are broken.
const MAX_LINE: usize = 16 << 10;
/// Colours that are remembered for the next line, in bytes.
const MAX_COLOUR: usize = 64;
/// The longest command to a terminal that is waited for.
const MAX_COMMAND: usize = 64;
/// The longest message that is kept of an engine's words, in bytes.
const MAX_MESSAGE: usize = 8 << 10;
/// Colours off.
const RESET: &str = "\x1b[0m";

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line for good.
    Text(String),
    /// A line that the next one replaces.
    Replace(String),
}

/// Whoever lines are told to.
pub type Sink<'a> = &'a mut (dyn FnMut(Line) + Send);

/// Pieces on their way to lines.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    line: String,
    /// The line holds something since it was begun or replaced.
    is_fresh: bool,
    /// `\r` came last: the line is replaced, unless `\n` follows.
    returned: bool,
    colour: String,
    command: Command,
}

/// Where in a command to the terminal the text stands.
#[derive(Debug, Default)]
enum Command {
    #[default]
    None,
    Escape,
    /// After `ESC [`, with what came so far.
    Control(String),
    /// A text for the terminal, such as its title, until BEL or `ESC \`.
    Text,
    TextEscape,
    /// Two characters follow `ESC`, the first was one of a set.
    Set,
}

impl Joiner {
    /// Takes a piece of output, and gives lines that are complete.
    pub(super) fn push(&mut self, text: &str, sink: Sink<'_>) {
        text.chars().for_each(|c| self.take(c, sink));
    }

    /// Gives what is left, at the end of output.
    pub(super) fn flush(&mut self, sink: Sink<'_>) {
        if self.is_fresh {
            self.end(sink);
        }
        *self = Joiner::default();
    }

    /// Returns the line as far as it came; `None` if it was begun by nobody.
    pub(super) fn partial(&self) -> Option<Line> {
        self.is_fresh.then(|| Line::Replace(self.closed()))
    }

    fn take(&mut self, c: char, sink: Sink<'_>) {
        match std::mem::take(&mut self.command) {
            Command::None => self.plain(c, sink),
            Command::Escape => {
                self.command = match c {
                    '[' => Command::Control(String::new()),
                    ']' | 'P' | 'X' | '^' | '_' => Command::Text,
                    ' '..='/' => Command::Set,
                    _ => Command::None,
                }
            }
            Command::Control(so_far) => self.control(so_far, c, sink),
            Command::Text | Command::TextEscape if matches!(c, '\x07' | '\u{9c}' | '\n') => {
                // No text for a terminal has lines: output goes on.
                if c == '\n' {
                    self.plain(c, sink);
                }
            }
            Command::TextEscape if c == '\\' => {}
            Command::Text | Command::TextEscape if c == '\x1b' => {
                self.command = Command::TextEscape;
            }
            Command::Text | Command::TextEscape => self.command = Command::Text,
            Command::Set => {}
        }
    }

    fn control(&mut self, mut so_far: String, c: char, sink: Sink<'_>) {
        match c {
            'm' if so_far.chars().all(|c| c.is_ascii_digit() || c == ';') => self.paint(&so_far),
            '0'..='?' | ' '..='/' if so_far.len() < MAX_COMMAND => {
                so_far.push(c);
                self.command = Command::Control(so_far);
            }
            // A command that is none does not swallow the line's end.
            '\n' | '\r' => self.plain(c, sink),
            _ => {}
        }
    }

    fn paint(&mut self, numbers: &str) {
        let colour = format!("\x1b[{numbers}m");
        if matches!(numbers, "" | "0") {
            self.colour.clear();
        } else if self.colour.len() + colour.len() <= MAX_COLOUR {
            self.colour.push_str(&colour);
        }
        if !self.line.is_empty() {
            self.line.push_str(&colour);
        }
    }

    fn plain(&mut self, c: char, sink: Sink<'_>) {
        match c {
            '\x1b' => self.command = Command::Escape,
            '\u{9b}' => self.command = Command::Control(String::new()),
            '\n' => self.end(sink),
            '\r' => self.returned = true,
            '\t' => self.put(c, sink),
            c if harms(c) => {}
            c => self.put(c, sink),
        }
    }

    fn put(&mut self, c: char, sink: Sink<'_>) {
        if std::mem::take(&mut self.returned) && self.is_fresh {
            sink(Line::Replace(self.closed()));
            self.line.clear();
        }
        if self.line.is_empty() {
            self.line.push_str(&self.colour);
        }
        self.line.push(c);
        self.is_fresh = true;
        if self.line.len() >= MAX_LINE {
            self.end(sink);
        }
    }

    fn end(&mut self, sink: Sink<'_>) {
        sink(Line::Text(self.closed()));
        self.line.clear();
        self.is_fresh = false;
        self.returned = false;
    }

    /// The line with its colours off at its end, so that they don't run into what others say.
    fn closed(&self) -> String {
        let is_painted = self.line.rfind("\x1b[").is_some_and(|at| {
            let last = &self.line[at..];
            !last.starts_with(RESET) && !last.starts_with("\x1b[m")
        });
        if is_painted { format!("{}{RESET}", self.line) } else { self.line.clone() }
    }
}

/// Whether a terminal does something else with a character than show it, or shows others in another order.
fn harms(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An engine's words without what harms a terminal, shortened; lines stay lines.
pub(super) fn cleaned(text: &str) -> String {
    let mut lines = Vec::new();
    let mut joiner = Joiner::default();
    let mut end = text.len().min(MAX_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut keep = |line| match line {
        Line::Text(text) | Line::Replace(text) => lines.push(text),
    };
    joiner.push(&text[..end], &mut keep);
    joiner.flush(&mut keep);
    let text = lines.join("\n");
    text.trim().to_owned()
}
