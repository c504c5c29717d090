//! Text from elsewhere, made harmless: names in images and answers of servers may hold anything.

/// `text` on one line and without control characters, which could move the cursor, change colours or turn
/// the direction of what follows (Unicode UAX #9, explicit formatting characters).
pub(super) fn plain(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_line_breaks_go() {
        assert_eq!(plain("a\nb\u{1b}[31mc\u{9b}2Jü"), "a b [31mc 2Jü");
        assert_eq!(plain("gnp.\u{202e}exe"), "gnp. exe");
    }
}
