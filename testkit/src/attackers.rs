//! Programs that attack: schemathesis and sipvicious, as `cargo xtask setup` puts them.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// Returns a program of theirs; `None`, said aloud, if it is not there.
pub fn attacker(program: &str) -> Option<Command> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    let path = cache.join("zorio/tools/attackers-1/bin").join(program);
    if !path.is_file() {
        eprintln!("NOT TESTED: {program} is not at {} (cargo xtask setup)", path.display());
        return None;
    }
    let mut command = Command::new(path);
    command.kill_on_drop(true).env("NO_COLOR", "1").env("COLUMNS", "200");
    Some(command)
}
