//! `cargo xtask check`: everything that can be said of the code without running it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{dependencies, product, run, setup, tidy};

type Check = fn(&Path) -> Result<()>;

/// The cheap ones first. The statements come last, being a test that needs a database's client compiled.
const CHECKS: &[(&str, Check)] = &[
    ("format", format),
    ("tidy", tidy::tidy),
    ("spelling", spelling),
    ("dependencies", dependencies::check),
    ("clippy", clippy),
    ("documentation", documentation),
    ("generated", generated),
    (STATEMENTS, statements),
];
const STATEMENTS: &str = "statements";

/// Runs the named checks, or all.
///
/// # Errors
/// If there is no check of that name.
pub(crate) fn check(root: &Path, names: &[String]) -> Result<ExitCode> {
    if let Some(name) = names.iter().find(|name| !CHECKS.iter().any(|(check, _)| check == name)) {
        bail!("there is no check `{name}`");
    }
    let failures = run_those(root, |check| names.is_empty() || names.iter().any(|name| name == check));
    if failures.is_empty() {
        println!("\nAll checks passed.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nChecks that failed: {}", failures.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Runs every check that is not itself one of the tests, and returns the names of those that failed.
pub(crate) fn failures_beside_tests(root: &Path) -> Vec<&'static str> {
    run_those(root, |check| check != STATEMENTS)
}

fn run_those(root: &Path, wanted: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for (name, check) in CHECKS.iter().filter(|(name, _)| wanted(name)) {
        println!("\n==== {name}");
        if let Err(error) = check(root) {
            println!("{error:#}");
            failed.push(*name);
        }
    }
    failed
}

fn format(root: &Path) -> Result<()> {
    run::succeed(&mut run::cargo(root, &["fmt", "--all", "--check"]))
}

fn clippy(root: &Path) -> Result<()> {
    run::succeed(&mut run::cargo(root, &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}

fn documentation(root: &Path) -> Result<()> {
    run::succeed(run::cargo(root, &["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn spelling(root: &Path) -> Result<()> {
    let Some(typos) = setup::typos() else {
        println!("typos is not installed and cannot be had from here: skipped.");
        println!("To get it: cargo install --locked typos-cli");
        return Ok(());
    };
    run::succeed(std::process::Command::new(typos).current_dir(root))
}

fn generated(root: &Path) -> Result<()> {
    let kept = std::fs::read(root.join(product::OPENAPI)).unwrap_or_default();
    if product::openapi(root)? != kept {
        bail!("{} does not match the handlers: run `cargo xtask codegen` and commit it", product::OPENAPI);
    }
    Ok(())
}

/// Prepares every statement on the databases at hand; it is a test, so that only tests need a database's client.
fn statements(root: &Path) -> Result<()> {
    run::succeed(&mut run::cargo(root, &["test", "--workspace", "--quiet", "--bin", "xtask", "every_statement"]))
}
