//! What runs the tests: nextest where it is installed, else a small runner of our own.

use std::ops::AddAssign;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::Result;

use super::DATABASE_VARIABLE;
use super::isolated::Programs;
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
    Own,
}

impl Runner {
    pub(super) fn choose(root: &Path) -> Self {
        if run::output(&mut run::cargo(root, &["nextest", "--version"])).is_ok() {
            return Self::Nextest;
        }
        println!("cargo-nextest is not installed: a small runner of our own takes its place.");
        println!("To get it: cargo install --locked cargo-nextest");
        Self::Own
    }

    /// Runs every test of the workspace on SQLite, the documentation's examples first.
    pub(super) fn run_all(self, root: &Path) -> Tally {
        let examples = ["test", "--workspace", "--doc", "--quiet", "--no-fail-fast"];
        let mut tally = cargo_tally(watched(run::cargo(root, &examples), None));
        tally += match self {
            Self::Nextest => nextest_tally(watched(run::cargo(root, NEXTEST), None)),
            Self::Own => isolated(root, |_| true, None),
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
                // All tests share one database, in which migrations and partitions of all schemas wait for one another.
                command.args(["--filterset", &filter, "--test-threads", "2"]);
                nextest_tally(watched(command, Some(database)))
            }
            Self::Own => isolated(root, |package| packages.contains(&package), Some(database)),
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

/// Runs the tests of the wanted packages with the runner of our own.
fn isolated(root: &Path, wanted: impl Fn(&str) -> bool, database: Option<&str>) -> Tally {
    let ran = Programs::build(root).and_then(|programs| programs.run(wanted, DATABASE_VARIABLE, database));
    ran.unwrap_or_else(|error| {
        println!("{error:#}");
        Tally { passed: 0, failed: 1 }
    })
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
                // What stands in brackets behind the passed ones: `(1 slow, 1 flaky)`.
                _ if what.starts_with("skipped") || what.starts_with("flaky") || what.starts_with("slow") => {}
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
        let said = "     Summary [   1.5s] 5 tests run: 5 passed (1 slow, 1 flaky), 0 skipped\n";
        assert_eq!(nextest_tally(ended(0, said)), Tally { passed: 5, failed: 0 });
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
}
