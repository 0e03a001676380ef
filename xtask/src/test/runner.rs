//! The program that runs the tests: nextest where it is installed, else cargo's own.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::DATABASE_VARIABLE;
use crate::run;

/// How many tests passed and failed; a run that broke off counts as one failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Nextest,
    Cargo,
}

impl Runner {
    pub(super) fn choose(root: &Path) -> Self {
        if run::output(&mut run::cargo(root, &["nextest", "--version"])).is_ok() {
            return Self::Nextest;
        }
        println!("cargo-nextest is not installed: running with cargo's own test runner.");
        println!("To get it: cargo install --locked cargo-nextest");
        Self::Cargo
    }

    /// Runs every test of the workspace on SQLite, the documentation's examples first.
    pub(super) fn run_all(self, root: &Path) -> Tally {
        let examples = ["test", "--workspace", "--doc", "--quiet", "--no-fail-fast"];
        let mut tally = cargo_tally(watched(run::cargo(root, &examples), None));
        tally += match self {
            Self::Nextest => nextest_tally(watched(run::cargo(root, NEXTEST), None)),
            Self::Cargo => executables(root, |_| true, None),
        };
        tally
    }

    /// Runs the tests of the named packages on the given database.
    pub(super) fn run_some(self, root: &Path, packages: &[&str], database: &str) -> Tally {
        match self {
            Self::Nextest => {
                // A filter over the whole workspace, not `--package`: other features would mean another build.
                let filter = packages.iter().map(|name| format!("package(={name})")).collect::<Vec<_>>().join(" + ");
                let mut command = run::cargo(root, NEXTEST);
                command.args(["--filterset", &filter]);
                nextest_tally(watched(command, Some(database)))
            }
            Self::Cargo => executables(root, |package| packages.contains(&package), Some(database)),
        }
    }
}

const NEXTEST: &[&str] = &["nextest", "run", "--workspace", "--no-fail-fast"];

/// Runs the command on the given database, or on SQLite whatever our own environment says.
fn watched(mut command: Command, database: Option<&str>) -> Result<(ExitStatus, String)> {
    match database {
        Some(url) => command.env(DATABASE_VARIABLE, url),
        None => command.env_remove(DATABASE_VARIABLE),
    };
    run::watched(&mut command)
}

/// Builds all test programs once and runs those of the wanted packages, as `cargo test` would.
fn executables(root: &Path, wanted: impl Fn(&str) -> bool, database: Option<&str>) -> Tally {
    let programs = match test_programs(root) {
        Ok(programs) => programs,
        Err(error) => {
            println!("{error:#}");
            return Tally { passed: 0, failed: 1 };
        }
    };
    let mut tally = Tally::default();
    for (program, package) in programs.iter().filter(|(_, package)| wanted(&package.name)) {
        println!("Running {}", program.display());
        let mut command = Command::new(program);
        command.current_dir(&package.folder).env("CARGO_MANIFEST_DIR", &package.folder);
        tally += cargo_tally(watched(command, database));
    }
    tally
}

struct Package {
    name: String,
    folder: PathBuf,
}

fn test_programs(root: &Path) -> Result<BTreeMap<PathBuf, Package>> {
    let mut command =
        run::cargo(root, &["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    let built = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !built.status.success() {
        bail!("the tests do not compile");
    }
    let messages = String::from_utf8(built.stdout).context("cargo's messages are not text")?;
    Ok(messages.lines().filter_map(|line| test_program(&serde_json::from_str(line).ok()?)).collect())
}

/// Reads one of cargo's messages: a test program and the package it belongs to, `None` for anything else.
fn test_program(message: &Value) -> Option<(PathBuf, Package)> {
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let program = PathBuf::from(message["executable"].as_str()?);
    let folder = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_path_buf();
    // `path+file:///folder/name#version` or `path+file:///folder/of-it#name@version`.
    let (path, fragment) = message["package_id"].as_str()?.rsplit_once('#')?;
    let name = fragment.split_once('@').map_or_else(|| path.rsplit('/').next().unwrap_or(path), |(name, _)| name);
    Some((program, Package { name: name.to_owned(), folder }))
}

fn nextest_tally(ran: Result<(ExitStatus, String)>) -> Tally {
    tally(ran, |said| {
        // `Summary [  12.3s] 120 tests run: 118 passed (1 slow), 1 failed, 1 timed out, 3 skipped`
        let counts =
            said.lines().rev().find_map(|line| line.trim_start().strip_prefix("Summary [")?.split_once("run: "));
        let mut tally = Tally::default();
        for count in counts?.1.split(", ") {
            let (number, what) = count.split_once(' ')?;
            let number: usize = number.parse().ok()?;
            match what {
                _ if what.starts_with("passed") => tally.passed += number,
                _ if what.starts_with("skipped") => {}
                _ => tally.failed += number,
            }
        }
        Some(tally)
    })
}

fn cargo_tally(ran: Result<(ExitStatus, String)>) -> Tally {
    tally(ran, |said| {
        // `test result: FAILED. 10 passed; 2 failed; 0 ignored; …`
        let mut tally = Tally::default();
        for line in said.lines().filter_map(|line| line.strip_prefix("test result: ")) {
            let (_, counts) = line.split_once(". ")?;
            for count in counts.split("; ") {
                match count.split_once(' ') {
                    Some((number, "passed")) => tally.passed += number.parse::<usize>().ok()?,
                    Some((number, "failed")) => tally.failed += number.parse::<usize>().ok()?,
                    _ => {}
                }
            }
        }
        Some(tally)
    })
}

/// A run that failed without a failed test (it did not compile, it was killed) is itself a failure.
fn tally(ran: Result<(ExitStatus, String)>, read: impl Fn(&str) -> Option<Tally>) -> Tally {
    let (status, said) = match ran {
        Ok(ran) => ran,
        Err(error) => {
            println!("{error:#}");
            return Tally { passed: 0, failed: 1 };
        }
    };
    let mut tally = read(&said).unwrap_or_default();
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    tally
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn ended(code: i32, said: &str) -> Result<(ExitStatus, String)> {
        Ok((ExitStatus::from_raw(code << 8), said.to_owned()))
    }

    #[test]
    fn the_summary_of_nextest_is_read() {
        let said =
            "     Summary [   1.5s] 5 tests run: 2 passed (1 slow), 1 failed, 1 timed out, 1 exec failed, 3 skipped\n";
        assert_eq!(nextest_tally(ended(100, said)), Tally { passed: 2, failed: 3 });
        let said = "     Summary [   0.005s] 1 test run: 1 passed, 0 skipped\n";
        assert_eq!(nextest_tally(ended(0, said)), Tally { passed: 1, failed: 0 });
    }

    #[test]
    fn a_broken_off_run_of_nextest_counts_as_failed() {
        let said = "     Summary [   1.5s] 2/5 tests run: 2 passed, 0 skipped\n";
        assert_eq!(nextest_tally(ended(100, said)), Tally { passed: 2, failed: 1 });
    }

    #[test]
    fn the_results_of_cargo_add_up() {
        let said = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\nrunning 2 tests\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured\n";
        assert_eq!(cargo_tally(ended(101, said)), Tally { passed: 4, failed: 2 });
    }

    #[test]
    fn a_run_that_does_not_compile_is_one_failure() {
        assert_eq!(cargo_tally(ended(101, "error[E0432]: unresolved import")), Tally { passed: 0, failed: 1 });
        assert_eq!(nextest_tally(Err(anyhow::anyhow!("cannot start"))), Tally { passed: 0, failed: 1 });
    }

    #[test]
    fn test_programs_are_read_from_the_messages_of_cargo() {
        let message = serde_json::json!({
            "reason": "compiler-artifact", "profile": {"test": true}, "executable": "/t/debug/deps/it-1",
            "package_id": "path+file:///a/server#0.1.0", "manifest_path": "/a/server/Cargo.toml",
        });
        let (program, package) = test_program(&message).unwrap();
        assert_eq!((program, package.name.as_str()), (PathBuf::from("/t/debug/deps/it-1"), "server"));
        assert_eq!(package.folder, Path::new("/a/server"));
        let message = serde_json::json!({
            "reason": "compiler-artifact", "profile": {"test": true}, "executable": "/t/x",
            "package_id": "path+file:///a/rooms/front#pbx@0.1.0", "manifest_path": "/a/rooms/front/Cargo.toml",
        });
        assert_eq!(test_program(&message).unwrap().1.name, "pbx");
        assert!(test_program(&serde_json::json!({"reason": "build-finished"})).is_none());
    }
}
