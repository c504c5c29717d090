//! Text from elsewhere, made harmless: names in images and answers of servers may hold anything.

/// `text` on one line and without control characters, which could move the cursor or change colours.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_line_breaks_go() {
        assert_eq!(plain("a\nb\u{1b}[31mc\u{9b}2Jü"), "a b [31mc 2Jü");
    }
}
