//! An implementation of Standard Webhooks that is not ours, installed once into the user's cache: tests verify real
//! deliveries with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// What names the packages and pins them by their hashes.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Returns where it is installed: `zorio/verifier` in the user's cache. The tests look there too.
fn folder() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = match cache {
        Some(cache) => cache,
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(cache.join("zorio/verifier"))
}

/// Installs the packages of `xtask/verifier` with npm, unless just these are there.
///
/// # Errors
/// If npm cannot install them.
pub(crate) fn install(root: &Path) -> Result<()> {
    let (source, folder) = (root.join("xtask/verifier"), folder()?);
    let same = |name: &str| fs::read(source.join(name)).ok() == fs::read(folder.join(name)).ok();
    if FILES.into_iter().all(same) && folder.join("node_modules/standardwebhooks").is_dir() {
        return Ok(());
    }
    println!("setup: installing the verifier of webhook signatures with npm");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for name in FILES {
        fs::copy(source.join(name), folder.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run::succeed(Command::new("npm").args(quiet).current_dir(&folder)).context("the verifier of webhook signatures")
}
