//! The command codec: any bytes are read without a panic, and what is read is written the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::delta::Command;
use remora::librsync::{CommandReader, MAGIC, write_header};

fn read_all(stream: &[u8]) -> Option<Vec<Command>> {
    let mut reader = CommandReader::new(stream).ok()?;
    let mut commands = Vec::new();
    while let Some(command) = reader.next_command().ok()? {
        commands.push(command);
    }
    Some(commands)
}

fuzz_target!(|stream: &[u8]| {
    let Some(commands) = read_all(stream) else { return };
    let mut written = MAGIC.to_vec();
    for command in &commands {
        write_header(command, &mut written);
        if let Command::Literal { len } = command {
            // A literal that was read came with its bytes, so its length is below the input's.
            written.resize(written.len() + *len as usize, 0);
        }
    }
    written.push(0);
    assert!(written.len() <= stream.len(), "the smallest widths are never longer");
    // A LITERAL of length 0 has no short form and must not be taken for END.
    assert_eq!(read_all(&written).as_ref(), Some(&commands));
});
