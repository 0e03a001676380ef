//! `cargo xtask new-room NAME`: the shape that every room has, ready to be filled.
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;
pub(crate) fn new_room(_root: &Path, _name: &str) -> Result<ExitCode> {
    anyhow::bail!("later")
}
