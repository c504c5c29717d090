//! Text in a page: names of services, fleets and versions are others'.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::cli::plain::plain;

/// `text` as a page shows it, in content and in quoted attributes.
pub(super) fn escaped(text: &str) -> impl Display {
    Escaped(plain(text))
}

struct Escaped(String);

impl Display for Escaped {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                letter => out.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markup() {
        let text = escaped("<b onclick='x'>&\"\n").to_string();
        assert_eq!(text, "&lt;b onclick=&#39;x&#39;&gt;&amp;&quot; ");
    }
}
