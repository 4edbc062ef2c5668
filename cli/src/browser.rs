//! Opening an address in the user's browser.

use std::process::{Command, Stdio};

/// Opens `address` and does not wait. `EVERGRANT_BROWSER` is a shell command that gets it as its last argument; else the
/// desktop's own opener does it.
pub(crate) fn open(address: &str) -> std::io::Result<()> {
    let mut command = match std::env::var("EVERGRANT_BROWSER") {
        Ok(opener) if !opener.is_empty() => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{opener} \"$1\""), "sh", address]);
            shell
        }
        _ => {
            let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
            let mut command = Command::new(opener);
            command.arg(address);
            command
        }
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}
