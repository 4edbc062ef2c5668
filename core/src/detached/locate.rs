//! Where the executable `evergrant` is: a fixed rule, told in the guide.

use crate::process::this_object;
use std::path::{Path, PathBuf};

/// Names the executable, before any other place; empty: there is none.
const VARIABLE: &str = "EVERGRANT_HELPER";

/// Places beside the folder of the library or program that holds this code: a Python or npm package; a build folder; the
/// folder of programs beside one of libraries.
const BESIDE: [&str; 3] = ["bin/evergrant", "evergrant", "../bin/evergrant"];

/// The executable to start, where there is one.
pub(super) fn executable() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Some(PathBuf::from(path)).filter(|path| is_executable(path));
    }
    let beside = this_object()
        .and_then(|object| object.parent().map(Path::to_owned))
        .map(|folder| BESIDE.map(|place| folder.join(place)));
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&in_path).map(|folder| folder.join("evergrant"));
    beside.into_iter().flatten().chain(in_path).find(|path| is_executable(path))
}

/// Whether the environment says which executable it is, so that it is looked for nowhere else.
pub(super) fn is_named() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    let may_run = |metadata: &std::fs::Metadata| {
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
    };
    #[cfg(not(unix))]
    let may_run = |_: &std::fs::Metadata| true;
    path.is_absolute()
        && path.metadata().is_ok_and(|metadata| metadata.is_file() && may_run(&metadata))
}
