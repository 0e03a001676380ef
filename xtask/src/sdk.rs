//! Builds the webphone's SDK, which the server embeds.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, Result};

use crate::run;

/// Relative to the workspace.
pub(crate) const FOLDER: &str = "sdk/webphone";
/// What it is built from.
const SOURCES: [&str; 5] = ["src", "examples", "build.mjs", "package.json", "package-lock.json"];
/// What npm leaves behind when all packages are there.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// Builds it unless it is as new as its sources.
pub(crate) fn build(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    if is_built(&folder) {
        return Ok(());
    }
    println!("Building the webphone's SDK.");
    install(&folder)?;
    run::succeed(&mut script(&folder, "build")).context("the SDK does not build")
}

/// Fetches the packages of the lock file unless they are there, running none of their scripts: esbuild's program is a
/// package of its own, and the browsers are the system's.
pub(crate) fn install(folder: &Path) -> Result<()> {
    if newest(&folder.join(INSTALLED)) > newest(&folder.join("package-lock.json")) {
        return Ok(());
    }
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let mut npm = Command::new("npm");
    npm.args(install).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").current_dir(folder);
    run::succeed(&mut npm).context("npm cannot fetch what the SDK is built with (Debian: apt install npm)")
}

/// Returns one of the package's scripts.
pub(crate) fn script(folder: &Path, name: &str) -> Command {
    let mut command = Command::new("npm");
    command.args(["run", "--silent", name]).current_dir(folder);
    command
}

fn is_built(folder: &Path) -> bool {
    // The types are built last.
    let built = newest(&folder.join("dist/types/index.d.ts"));
    built.is_some() && SOURCES.iter().all(|source| newest(&folder.join(source)) <= built)
}

/// Returns when a file, or the newest one of a folder, was written; `None` if there is none.
fn newest(path: &Path) -> Option<SystemTime> {
    if !path.is_dir() {
        return fs::metadata(path).and_then(|found| found.modified()).ok();
    }
    let entries: Vec<PathBuf> = fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.iter().filter_map(|entry| newest(entry)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_its_sources_is_built_again() {
        let folder = std::env::temp_dir().join(format!("zorio-sdk-{}", std::process::id()));
        for inner in ["src/deep", "examples", "dist/types"] {
            fs::create_dir_all(folder.join(inner)).unwrap();
        }
        let write = |name: &str, seconds: u64| {
            let file = fs::File::create(folder.join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        };
        for name in ["src/deep/a.ts", "examples/a.html", "build.mjs", "package.json", "package-lock.json"] {
            write(name, 100);
        }
        assert!(!is_built(&folder), "nothing was built");
        write("dist/types/index.d.ts", 200);
        assert!(is_built(&folder));
        write("src/deep/a.ts", 300);
        assert!(!is_built(&folder), "a source is newer");
        fs::remove_dir_all(&folder).unwrap();
    }
}
