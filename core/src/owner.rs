//! Who holds a lease: an owner id that another process on the same host can hold against the kernel's process table.

use crate::process::random_id;
use std::fmt;
use std::fs;

/// Boot id, pid-namespace inode, pid, process start time, random (`refresh.md`, "A sender that dies").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnerId {
    boot: String,
    namespace: u64,
    pid: u32,
    started: u64,
    random: String,
}

impl OwnerId {
    /// A new id for a flight of this process.
    pub(crate) fn of_this_process() -> Self {
        let pid = std::process::id();
        OwnerId {
            boot: boot_id(),
            namespace: pid_namespace(),
            pid,
            started: start_time(pid).unwrap_or(0),
            random: random_id(),
        }
    }

    /// Whether the kernel says that the process is gone. Anything it does not say clearly means alive.
    pub(crate) fn is_gone(&self) -> bool {
        if self.boot.is_empty() || self.boot != boot_id() {
            return false;
        }
        if self.namespace == 0 || self.namespace != pid_namespace() {
            return false;
        }
        match fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            Ok(stat) => parse_stat(&stat).is_some_and(|(state, started)| {
                state == 'Z' || state == 'X' || started != self.started
            }),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound && proc_is_readable(),
        }
    }

    /// Reads what [`fmt::Display`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, ':');
        Some(OwnerId {
            boot: parts.next()?.to_owned(),
            namespace: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
            random: parts.next()?.to_owned(),
        })
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OwnerId { boot, namespace, pid, started, random } = self;
        write!(f, "{boot}:{namespace}:{pid}:{started}:{random}")
    }
}

/// Identifies this start of the host; empty where the system does not tell.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

fn pid_namespace() -> u64 {
    #[cfg(unix)]
    return fs::metadata("/proc/self/ns/pid")
        .map_or(0, |metadata| std::os::unix::fs::MetadataExt::ino(&metadata));
    #[cfg(not(unix))]
    return 0;
}

fn start_time(pid: u32) -> Option<u64> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|(_, started)| started)
}

/// State and start time from `/proc/PID/stat` (proc(5)); the command name before them may hold anything.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

fn proc_is_readable() -> bool {
    start_time(std::process::id()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_brings_back_the_owner() {
        let owner = OwnerId::of_this_process();
        assert_eq!(OwnerId::parse(&owner.to_string()), Some(owner));
    }

    #[test]
    fn a_living_process_is_not_gone() {
        assert!(!OwnerId::of_this_process().is_gone());
    }

    #[test]
    fn a_process_that_ended_or_whose_number_was_used_again_is_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let started = start_time(child.id()).unwrap();
        let owner = OwnerId { pid: child.id(), started, ..OwnerId::of_this_process() };
        assert!(!owner.is_gone());
        assert!(OwnerId { started: started + 1, ..owner.clone() }.is_gone());
        child.kill().unwrap();
        while !owner.is_gone() {
            std::thread::yield_now(); // a zombie already counts
        }
        child.wait().unwrap();
        assert!(owner.is_gone());
    }

    #[test]
    fn a_process_of_another_boot_or_namespace_is_never_called_gone() {
        let owner = OwnerId { pid: 0x7fff_fff0, ..OwnerId::of_this_process() };
        assert!(owner.is_gone());
        assert!(!OwnerId { boot: "other".into(), ..owner.clone() }.is_gone());
        assert!(!OwnerId { namespace: owner.namespace + 1, ..owner }.is_gone());
    }
}
