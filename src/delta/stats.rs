//! Counting what a list of commands is made of.

use super::Command;

/// How many commands of each kind, and how many bytes of the target each kind makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandStats {
    /// COPY commands.
    pub copies: u64,
    /// LITERAL commands.
    pub literals: u64,
    /// Bytes of the target that come from the base.
    pub copy_bytes: u64,
    /// Bytes of the target that the delta brings.
    pub literal_bytes: u64,
}

impl CommandStats {
    /// Counts one more command. A hostile stream may claim any length, so sums stop at the largest
    /// number there is.
    pub fn add(&mut self, command: &Command) {
        match *command {
            Command::Copy { len, .. } => {
                self.copies += 1;
                self.copy_bytes = self.copy_bytes.saturating_add(len);
            }
            Command::Literal { len } => {
                self.literals += 1;
                self.literal_bytes = self.literal_bytes.saturating_add(len);
            }
        }
    }

    /// All commands together.
    pub fn commands(&self) -> u64 {
        self.copies + self.literals
    }

    /// All bytes of the target together.
    pub fn target_bytes(&self) -> u64 {
        self.copy_bytes.saturating_add(self.literal_bytes)
    }
}

impl<'a> FromIterator<&'a Command> for CommandStats {
    fn from_iter<I: IntoIterator<Item = &'a Command>>(commands: I) -> Self {
        let mut stats = CommandStats::default();
        commands.into_iter().for_each(|command| stats.add(command));
        stats
    }
}

impl std::ops::AddAssign for CommandStats {
    fn add_assign(&mut self, other: Self) {
        self.copies += other.copies;
        self.literals += other.literals;
        self.copy_bytes = self.copy_bytes.saturating_add(other.copy_bytes);
        self.literal_bytes = self.literal_bytes.saturating_add(other.literal_bytes);
    }
}
