//! Commands that build the product and run it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{run, sdk, setup};

/// How the product is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build and quick enough to show and test.
    Dev,
    /// What is shipped and measured.
    Release,
}

/// Builds the server and runs `zorio demo` with the given arguments; the exit code is the demo's.
pub(crate) fn demo(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    println!("Building the server; the first build takes a few minutes.");
    let zorio = build(root, "zorio", Profile::Dev)?;
    let status = run::status(Command::new(zorio).arg("demo").args(arguments).current_dir(root))?;
    Ok(run::exit_code(status))
}

/// Writes `openapi.json` from the handlers.
pub(crate) fn codegen(root: &Path) -> Result<ExitCode> {
    let document = openapi(root)?;
    std::fs::write(root.join(OPENAPI), document).with_context(|| format!("cannot write {OPENAPI}"))?;
    println!("{OPENAPI} is written.");
    Ok(ExitCode::SUCCESS)
}

/// Builds for release and runs the benchmark with the given arguments.
pub(crate) fn bench(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    setup::setup(setup::For::Bench)?;
    println!("Building for release.");
    let zorio = build(root, "zorio", Profile::Release)?;
    let bench = build(root, "bench", Profile::Release)?;
    let status = run::status(Command::new(bench).arg("--zorio").arg(zorio).args(arguments).current_dir(root))?;
    Ok(run::exit_code(status))
}

/// Runs the dialer's simulator with the given arguments; it fails if the acceptance table is missed.
pub(crate) fn simulate(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    let program = ["run", "--quiet", "--package", "dialer", "--example", "simulate", "--"];
    let status = run::status(run::cargo(root, &program).args(arguments))?;
    Ok(run::exit_code(status))
}

/// The generated document, relative to the workspace.
pub(crate) const OPENAPI: &str = "openapi.json";

/// Returns the API's document as the built server prints it.
pub(crate) fn openapi(root: &Path) -> Result<Vec<u8>> {
    let zorio = build(root, "zorio", Profile::Dev)?;
    run::output(Command::new(zorio).arg("openapi").current_dir(root))
}

/// Builds the server as the tests do, and returns where it lies.
pub(crate) fn server(root: &Path) -> Result<PathBuf> {
    build(root, "zorio", Profile::Dev)
}

/// Builds one program and returns where it lies.
fn build(root: &Path, program: &str, profile: Profile) -> Result<PathBuf> {
    // Nobody can be a phone in a browser without it.
    sdk::build(root)?;
    // The whole workspace chooses the features, so that this shares its artefacts with the tests.
    let mut arguments = vec!["build", "--workspace", "--bin", program];
    if profile == Profile::Release {
        arguments.push("--release");
    }
    run::succeed(&mut run::cargo(root, &arguments))?;
    Ok(target(root)?.join(if profile == Profile::Release { "release" } else { "debug" }).join(program))
}

fn target(root: &Path) -> Result<PathBuf> {
    let metadata = run::output(&mut run::cargo(root, &["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).context("cargo metadata is not JSON")?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(folder))
}
