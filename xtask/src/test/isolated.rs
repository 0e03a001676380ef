//! A small test runner for machines without nextest: every test in a process of its own, as many at once as there
//! are cores, so that a test sees the same world under either runner.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::runner::Tally;
use crate::run;

/// A test that runs longer than this many seconds hangs.
const LIMIT: &str = "300";

/// Test programs by path, with the package each belongs to.
pub(super) struct Programs(BTreeMap<PathBuf, Package>);

#[derive(Debug, PartialEq, Eq)]
struct Package {
    name: String,
    folder: PathBuf,
}

struct Test<'a> {
    program: &'a Path,
    package: &'a Package,
    name: String,
}

impl Programs {
    /// Builds every test program of the workspace.
    pub(super) fn build(root: &Path) -> Result<Self> {
        let mut command =
            run::cargo(root, &["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
        let built = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
        if !built.status.success() {
            bail!("the tests do not compile");
        }
        let messages = String::from_utf8(built.stdout).context("cargo's messages are not text")?;
        Ok(Self(messages.lines().filter_map(|line| test_program(&serde_json::from_str(line).ok()?)).collect()))
    }

    /// Runs every test of the wanted packages with the variable set or, without a value, removed.
    pub(super) fn run(&self, wanted: impl Fn(&str) -> bool, variable: &str, value: Option<&str>) -> Result<Tally> {
        let mut tests = Vec::new();
        for (program, package) in self.0.iter().filter(|(_, package)| wanted(&package.name)) {
            tests.extend(list(program, package)?);
        }
        println!("Running {} tests, each in a process of its own", tests.len());
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(Vec::new());
        let work = || {
            while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(said) = test.run(variable, value) {
                    println!("FAIL {} {}\n{said}", test.package.name, test.name);
                    let name = format!("{} {}", test.package.name, test.name);
                    failed.lock().expect("no holder panics").push(name);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        let failed = failed.into_inner().expect("no holder panics");
        for name in &failed {
            println!("FAIL {name}");
        }
        let tally = Tally { passed: tests.len() - failed.len(), failed: failed.len() };
        println!("Summary: {} tests run: {} passed, {} failed", tests.len(), tally.passed, tally.failed);
        Ok(tally)
    }
}

impl Test<'_> {
    /// Runs the test; an error is what it said.
    fn run(&self, variable: &str, value: Option<&str>) -> Result<(), String> {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", LIMIT]).arg(self.program).args(["--exact", &self.name]);
        command.current_dir(&self.package.folder).env("CARGO_MANIFEST_DIR", &self.package.folder).stdin(Stdio::null());
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
        let output = command.output().map_err(|error| format!("cannot start: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }
}

fn list<'a>(program: &'a Path, package: &'a Package) -> Result<Vec<Test<'a>>> {
    let said = run::output(Command::new(program).args(["--list", "--format", "terse"]).current_dir(&package.folder))?;
    let said = String::from_utf8(said).context("the list of tests is not text")?;
    let names = said.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(|name| Test { program, package, name: name.to_owned() }).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(script: &str) -> (tempfile::TempDir, Programs) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tests");
        std::fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let package = Package { name: "server".into(), folder: folder.path().to_path_buf() };
        (folder, Programs(BTreeMap::from([(program, package)])))
    }

    #[test]
    fn every_test_runs_alone_and_failures_are_counted() {
        let script = "case $1 in --list) printf 'a: test\\nb::c: test\\nd: benchmark\\n' ;; *) [ $2 = a ] ;; esac";
        let (_folder, programs) = programs(script);
        assert_eq!(programs.run(|_| true, "X", None).unwrap(), Tally { passed: 1, failed: 1 });
        assert_eq!(programs.run(|package| package != "server", "X", None).unwrap(), Tally::default());
    }

    #[test]
    fn the_variable_reaches_the_test() {
        let script = "case $1 in --list) echo 'a: test' ;; *) [ \"$X\" = y ] ;; esac";
        let (_folder, programs) = programs(script);
        assert_eq!(programs.run(|_| true, "X", Some("y")).unwrap(), Tally { passed: 1, failed: 0 });
        assert_eq!(programs.run(|_| true, "X", None).unwrap(), Tally { passed: 0, failed: 1 });
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
