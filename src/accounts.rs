//! Users and groups as passwd(5) and group(5) write them. Pure: bytes in, numbers out.
//!
//! Lines that make no sense are passed over, as the C library passes over them.

/// A line of a file of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    /// The name that logs in.
    pub name: &'a [u8],
    /// The user's number.
    pub uid: u32,
    /// The number of the user's first group.
    pub gid: u32,
}

/// A line of a file of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group<'a> {
    /// The group's name.
    pub name: &'a [u8],
    /// The group's number.
    pub gid: u32,
    members: &'a [u8],
}

impl Group<'_> {
    /// Returns whether the line names `user` as a member.
    pub fn has(&self, user: &[u8]) -> bool {
        !user.is_empty() && self.members.split(|&byte| byte == b',').any(|name| name == user)
    }
}

/// Returns the users of `passwd`, in order.
pub fn users(passwd: &[u8]) -> impl Iterator<Item = User<'_>> {
    lines(passwd).filter_map(|line| {
        let [name, _password, uid, gid] = fields(line)?;
        Some(User { name: named(name)?, uid: number(uid)?, gid: number(gid)? })
    })
}

/// Returns the groups of `group`, in order.
pub fn groups(group: &[u8]) -> impl Iterator<Item = Group<'_>> {
    lines(group).filter_map(|line| {
        let [name, _password, gid, members] = fields(line)?;
        Some(Group { name: named(name)?, gid: number(gid)?, members })
    })
}

/// A user or group number: decimal digits that fit, and not the one that stands for nobody in chown(2).
pub fn number(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&number| is_number && number != u32::MAX)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|&byte| byte == b'\n');
    lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// The first four fields of a line.
fn fields(line: &[u8]) -> Option<[&[u8]; 4]> {
    let mut fields = line.split(|&byte| byte == b':');
    let mut next = || fields.next();
    Some([next()?, next()?, next()?, next()?])
}

fn named(name: &[u8]) -> Option<&[u8]> {
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_read_and_nonsense_is_passed_over() {
        let passwd = b"# us\nroot:x:0:0:root:/root:/bin/sh\n\nbad\nminus:x:-1:0\n:x:5:5::\nno:x:4294967295:0\n  app:x:1000:100:,,,:/home:\r\n";
        let found: Vec<User<'_>> = users(passwd).collect();
        assert_eq!(
            found,
            [User { name: b"root", uid: 0, gid: 0 }, User { name: b"app", uid: 1000, gid: 100 }]
        );
        let group = b"root:x:0:\nadm:x:4:syslog,app\nnone:x:9\nwheel:*:10:root";
        let found: Vec<_> =
            groups(group).map(|group| (group.gid, group.has(b"app"), group.has(b""))).collect();
        assert_eq!(found, [(0, false, false), (4, true, false), (10, false, false)]);
    }
}
