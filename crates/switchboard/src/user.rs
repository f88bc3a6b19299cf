//! Another user to run as: who it is, and how a process becomes it for good.

use std::fs;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::{Gid, Uid, getegid, geteuid, getgroups, getuid};
use rustix::thread::{
    set_thread_gid, set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid,
};

use crate::error::UserError;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// A user of the system that a server can run as, when it was started as root: see [`Config::user`](crate::Config::user).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    uid: u32,
    gid: u32,
    /// The other groups that it is a member of.
    groups: Vec<u32>,
}

impl User {
    /// Finds a user by its name or number, as in `chat` or `1001`, with a group other than its own behind a colon, as in
    /// `chat:www-data`. It is looked for in `/etc/passwd` and `/etc/group`; one that only a directory service knows is given as
    /// two numbers, `1001:1001`.
    ///
    /// # Errors
    /// There is no such user or group, it is root, or the files cannot be read.
    pub fn find(text: &str) -> Result<User, UserError> {
        let read = |path: &'static str| {
            fs::read_to_string(path).map_err(|source| UserError::Unreadable { path, source })
        };
        let (named, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        if let (Ok(uid), Some(Ok(gid))) = (named.parse(), group.map(str::parse)) {
            // It need not be known here; if it is, its groups are, too.
            let known = read(USERS).ok().and_then(|users| Entry::find(&users, named));
            let groups = known.map(|user| read(GROUPS).map(|groups| groups_of(&groups, &user.name)));
            return User { name: text.to_owned(), uid, gid, groups: groups.transpose()?.unwrap_or_default() }
                .checked();
        }
        let unknown = || UserError::Unknown { name: named.to_owned() };
        let user = Entry::find(&read(USERS)?, named).ok_or_else(unknown)?;
        let groups = read(GROUPS)?;
        let gid = match group {
            None => user.gid,
            Some(name) => {
                group_id(&groups, name).ok_or_else(|| UserError::UnknownGroup { name: name.to_owned() })?
            }
        };
        User { uid: user.uid, gid, groups: groups_of(&groups, &user.name), name: user.name }.checked()
    }

    /// Its name, or what it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The number of its group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Does something with this user's rights, and goes on with its own: whatever `act` finds or makes in the file system, it
    /// finds and makes as that user. To be done before there are other threads.
    ///
    /// # Errors
    /// The process is neither root nor that user, or the system refuses the change, there or back.
    pub fn act<T>(&self, act: impl FnOnce() -> T) -> Result<T, UserError> {
        if !self.is_within_reach()? {
            return Ok(act());
        }
        let refused =
            |error: rustix::io::Errno| UserError::Refused { name: self.name.clone(), source: error.into() };
        let (own_gid, own_groups) = (getegid(), getgroups().map_err(refused)?);
        let change = |groups: &[Gid], gid| {
            set_thread_groups(groups).and_then(|()| set_thread_res_gid(None, gid, None))
        };
        change(&self.kernel_groups(), Gid::from_raw(self.gid)).map_err(refused)?;
        set_thread_res_uid(None, Uid::from_raw(self.uid), None).map_err(refused)?;
        let done = act();
        set_thread_res_uid(None, Uid::ROOT, None).map_err(refused)?;
        change(&own_groups, own_gid).map_err(refused)?;
        Ok(done)
    }

    /// Has the process the right to become this user? False: it is that user.
    fn is_within_reach(&self) -> Result<bool, UserError> {
        let uid = Uid::from_raw(self.uid);
        match (getuid(), geteuid()) {
            (_, effective) if effective.is_root() => Ok(true),
            own if own == (uid, uid) => Ok(false),
            _ => Err(UserError::NotRoot { name: self.name.clone() }),
        }
    }

    fn kernel_groups(&self) -> Vec<Gid> {
        self.groups.iter().map(|group| Gid::from_raw(*group)).collect()
    }

    fn checked(self) -> Result<User, UserError> {
        // All ones mean "leave it as it is" to the kernel.
        match self.uid {
            0 => Err(UserError::Root),
            _ if self.uid == u32::MAX || self.gid == u32::MAX => Err(UserError::Unknown { name: self.name }),
            _ => Ok(self),
        }
    }

    /// Makes this process its own, and sees to it that there is no way back. To be done before there are other threads: the
    /// kernel changes the user of the calling thread alone.
    pub(crate) fn become_it(&self) -> Result<(), UserError> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        if !self.is_within_reach()? {
            return Ok(());
        }
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 {
            return Err(UserError::Threads);
        }
        // The user last: after that the others could not be changed.
        let changed = set_thread_groups(&self.kernel_groups())
            .and_then(|()| set_thread_res_gid(gid, gid, gid))
            .and_then(|()| set_thread_res_uid(uid, uid, uid));
        changed.map_err(|error| UserError::Refused { name: self.name.clone(), source: error.into() })?;
        let is_root_again =
            set_thread_uid(Uid::ROOT).is_ok() || self.gid != 0 && set_thread_gid(Gid::ROOT).is_ok();
        if is_root_again || getuid() != uid || geteuid() != uid {
            return Err(UserError::Regained);
        }
        Ok(())
    }

    /// Can it execute this program, and read it? One that it cannot read could not look at itself in `/proc`.
    pub(crate) fn check_program(&self, path: &Path) -> Result<(), UserError> {
        access(path, Access::READ_OK | Access::EXEC_OK).map_err(|error| UserError::Program {
            name: self.name.clone(),
            path: path.to_owned(),
            source: error.into(),
        })
    }
}

/// A line of `/etc/passwd`.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    uid: u32,
    gid: u32,
}

impl Entry {
    /// By name, or else by number.
    fn find(users: &str, named: &str) -> Option<Entry> {
        let entries = || users.lines().filter_map(Entry::parse);
        let number: Option<u32> = named.parse().ok();
        entries()
            .find(|entry| entry.name == named)
            .or_else(|| entries().find(|entry| Some(entry.uid) == number))
    }

    fn parse(line: &str) -> Option<Entry> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Entry { name, uid, gid })
    }
}

/// Name, number and members of each line of `/etc/group`.
fn groups(text: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse().ok()?, fields.next().unwrap_or_default()))
    })
}

fn group_id(text: &str, named: &str) -> Option<u32> {
    groups(text).find(|(name, ..)| *name == named).map(|(_, gid, _)| gid).or_else(|| named.parse().ok())
}

fn groups_of(text: &str, user: &str) -> Vec<u32> {
    let is_member = |members: &str| members.split(',').any(|member| member == user);
    groups(text).filter(|(.., members)| is_member(members)).map(|(_, gid, _)| gid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME_USERS: &str = "root:x:0:0:root:/root:/bin/bash\nchat:x:1001:1002:The chat,,,:/srv:/usr/sbin/nologin\n\
                              broken:x:no:0\n\n1002:x:77:78::/:\nother:x:1003:1003::/:\n";
    const SOME_GROUPS: &str =
        "root:x:0:\nchat:x:1002:\nwww:x:33:other,chat\nlog:x:34:chatter\nbad\nssl:x:40:chat\n";

    #[test]
    fn a_user_is_found_by_name_or_number_with_its_groups() {
        let found = |named| Entry::find(SOME_USERS, named).map(|entry| (entry.name, entry.uid, entry.gid));
        assert_eq!(found("chat"), Some(("chat".into(), 1001, 1002)));
        assert_eq!(found("1001"), Some(("chat".into(), 1001, 1002)));
        assert_eq!(found("1002"), Some(("1002".into(), 77, 78)), "a name first");
        for nobody in ["", "chatter", "broken", "4711", "-1"] {
            assert_eq!(found(nobody), None, "{nobody}");
        }
        assert_eq!(groups_of(SOME_GROUPS, "chat"), [33, 40]);
        assert_eq!(group_id(SOME_GROUPS, "www"), Some(33));
        assert_eq!((group_id(SOME_GROUPS, "50"), group_id(SOME_GROUPS, "nobody")), (Some(50), None));
    }

    #[test]
    fn root_is_no_other_user_and_strangers_are_named() {
        for root in ["root", "0", "0:0"] {
            assert!(matches!(User::find(root), Err(UserError::Root)), "{root}");
        }
        let error = User::find("no-such-user").unwrap_err().to_string();
        assert!(error.contains("\"no-such-user\""), "{error}");
        let error = User::find("daemon:no-such-group").unwrap_err().to_string();
        assert!(error.contains("\"no-such-group\""), "{error}");
        assert!(matches!(User::find("4294967295:1"), Err(UserError::Unknown { .. })));
        let numbers = User::find("4711:4712").unwrap();
        assert_eq!((numbers.name(), numbers.uid(), numbers.gid()), ("4711:4712", 4711, 4712));
    }
}
