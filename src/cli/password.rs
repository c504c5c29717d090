//! Passwords from a person or a pipe. Nothing that is typed appears on the screen.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::failure::Failure;

/// Bytes of a password. Tokens, which often stand in for one, have a few thousand.
const MAX_BYTES: u64 = 64 << 10;

/// What Ctrl-C is, if the terminal does not make a signal of it.
const INTERRUPT: u8 = 3;

/// Asks at the terminal, or if there is none reads a line of standard input, if that is free.
pub(super) fn ask(question: &str, stdin_is_free: bool) -> Result<String, Failure> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    match terminal {
        Ok(terminal) => at_terminal(terminal, question)
            .map_err(|error| Failure::io("cannot read the password", &error)),
        Err(_) if stdin_is_free => from_stdin(),
        Err(_) => Err(Failure::usage(
            "there is no terminal to ask for the password at",
            "log in before, with remora login",
        )),
    }
}

/// Asks for what everybody may see, at the terminal.
pub(super) fn ask_shown(question: &str) -> Result<String, Failure> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let mut terminal = terminal.map_err(|_| {
        Failure::usage(
            "there is no terminal to ask for the user's name at",
            "give it with --username, and the password with --password-stdin",
        )
    })?;
    let mut typed = Vec::new();
    let read = terminal.write_all(question.as_bytes());
    read.and_then(|()| read_line(&terminal, &mut typed))
        .map_err(|error| Failure::io("cannot read the user's name", &error))?;
    Ok(String::from_utf8_lossy(&typed).trim().to_owned())
}

/// The first line of standard input.
pub(super) fn from_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    let read = BufReader::new(io::stdin().lock().take(MAX_BYTES)).read_line(&mut line);
    read.map_err(|error| Failure::io("cannot read standard input", &error))?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password {
        "" => Err(Failure::usage(
            "standard input has no password",
            "write it there, on one line, or run the command at a terminal",
        )),
        password => Ok(password.to_owned()),
    }
}

fn at_terminal(mut terminal: File, question: &str) -> io::Result<String> {
    let hidden = Hidden::new(terminal.try_clone()?)?;
    terminal.write_all(question.as_bytes())?;
    let mut typed = Vec::new();
    let read = read_line(&terminal, &mut typed);
    drop(hidden);
    terminal.write_all(b"\n")?;
    read?;
    if typed.contains(&INTERRUPT) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let text = String::from_utf8(typed).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_line(terminal: &File, typed: &mut Vec<u8>) -> io::Result<()> {
    for byte in BufReader::new(terminal.take(MAX_BYTES)).bytes() {
        match byte? {
            b'\n' => break,
            byte => typed.push(byte),
        }
        if typed.last() == Some(&INTERRUPT) {
            break;
        }
    }
    Ok(())
}

/// A terminal that shows nothing of what is typed, until this is dropped. Its signals are off too: one
/// that ended the process would leave it like that.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        // Ctrl-C is to end the line as Enter does: without signals it would be a character of it.
        modes.special_codes[rustix::termios::SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(&terminal, OptionalActions::Flush, &modes)?;
        Ok(Hidden { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}
