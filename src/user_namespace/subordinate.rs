//! Ranges of users that belong to a user: /etc/subuid and /etc/subgid (subuid(5)). Pure.

use crate::accounts::number;

/// Users or groups with numbers in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first number.
    pub start: u32,
    /// How many there are.
    pub count: u32,
}

/// How many ranges the kernel takes for one namespace, the caller's own number included.
const MAX_RANGES: usize = 339;

/// Returns the ranges that `text` gives to the user with this name and number.
pub fn ranges(text: &[u8], name: Option<&[u8]>, uid: u32) -> Vec<IdRange> {
    let is_owner = |owner: &[u8]| Some(owner) == name || number(owner) == Some(uid);
    let range = |line: &[u8]| {
        let fields: Vec<&[u8]> = line.trim_ascii().splitn(3, |&byte| byte == b':').collect();
        let [owner, start, count] = fields[..] else { return None };
        let range = IdRange { start: number(start)?, count: number(count)? };
        let fits = range.count > 0 && range.start.checked_add(range.count).is_some();
        (is_owner(owner) && fits).then_some(range)
    };
    let lines = text.split(|&byte| byte == b'\n');
    lines.filter_map(range).take(MAX_RANGES).collect()
}

/// Returns the arguments that tell newuidmap(1) and newgidmap(1) of `own` as number 0 and of `ranges` after it.
pub(super) fn mapping_arguments(own: u32, ranges: &[IdRange]) -> String {
    let mut arguments = format!("0 {own} 1");
    let mut inside = 1_u32;
    for range in ranges {
        // Numbers inside end where those of the system do.
        let count = range.count.min(u32::MAX - inside);
        if count > 0 {
            arguments.push_str(&format!(" {inside} {} {count}", range.start));
        }
        inside += count;
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_ranges_of_its_name_and_its_number() {
        let text = b"other:100000:65536\nme:165536:65536\n# me:1:1\n1000:300000:10\nme:x:1\nme:5:0\nme:4294967000:4000\nme:7";
        let found = ranges(text, Some(b"me"), 1000);
        let range = |start, count| IdRange { start, count };
        assert_eq!(found, [range(165_536, 65536), range(300_000, 10)]);
        assert_eq!(ranges(text, None, 1000), [range(300_000, 10)]);
        assert_eq!(mapping_arguments(1000, &found), "0 1000 1 1 165536 65536 65537 300000 10");
    }
}
