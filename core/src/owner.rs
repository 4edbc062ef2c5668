//! Who holds a lease: an owner id that another process on the same host can hold against the kernel's process table.

use crate::process::random_id;
use std::fmt;
use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

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

    #[cfg(test)]
    pub(crate) fn of_a_process_that_is_gone() -> Self {
        OwnerId { pid: 0x7fff_fff0, ..OwnerId::of_this_process() }
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
            Ok(stat) => Stat::parse(&stat).is_some_and(|stat| stat.is_of_the_past(self.started)),
            // Not being listed says nothing: /proc can hide the processes of others (hidepid).
            Err(_) => no_such_process(self.pid),
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

static IS_HELPER: AtomicBool = AtomicBool::new(false);

/// From now on this process is named as a helper.
pub(crate) fn call_this_process_a_helper() {
    IS_HELPER.store(true, Ordering::Relaxed);
}

/// This process as people look for it in a log: its number and host, and whether it is a helper.
pub(crate) fn short_name() -> String {
    static HOST: OnceLock<String> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        name.trim().chars().take(64).collect()
    });
    let role = if IS_HELPER.load(Ordering::Relaxed) { "helper " } else { "" };
    format!("{role}{}@{host}", std::process::id())
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
    Some(Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?.started)
}

/// What `/proc/PID/stat` says (proc(5)).
struct Stat {
    state: char,
    threads: u32,
    started: u64,
}

impl Stat {
    fn parse(stat: &str) -> Option<Self> {
        // The command name before the last parenthesis may hold anything.
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let threads = fields.nth(16)?.parse().ok()?;
        Some(Stat { state, threads, started: fields.nth(1)?.parse().ok()? })
    }

    /// Whether the process that began at `started` (0: it could not read when) is none any more.
    fn is_of_the_past(&self, started: u64) -> bool {
        // Of a process whose first thread ended before the others, that thread alone is a zombie.
        let ended = matches!(self.state, 'Z' | 'X') && self.threads <= 1;
        ended || started != 0 && started != self.started
    }
}

/// Whether the kernel says that there is none; that it may not be signalled means that there is.
fn no_such_process(pid: u32) -> bool {
    #[cfg(unix)]
    return i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).is_some_and(|pid| {
        rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
    });
    #[cfg(not(unix))]
    return false;
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

    #[test]
    fn a_process_that_another_user_may_hide_is_not_gone() {
        assert!(!no_such_process(1));
        assert!(!no_such_process(std::process::id()));
        assert!(no_such_process(0x7fff_fff0));
    }

    #[test]
    fn a_process_is_gone_only_with_its_last_thread_and_by_its_known_start() {
        let stat = |state: char, threads: u32| {
            let line =
                format!("7 (a) b) {state} 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 {threads} 0 4711 0");
            Stat::parse(&line).unwrap()
        };
        assert!(!stat('S', 3).is_of_the_past(4711));
        assert!(stat('S', 3).is_of_the_past(4712));
        assert!(!stat('S', 3).is_of_the_past(0));
        assert!(stat('Z', 1).is_of_the_past(4711));
        assert!(!stat('Z', 3).is_of_the_past(4711));
    }
}
