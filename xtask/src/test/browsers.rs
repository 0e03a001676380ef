//! The console in Chromium and Firefox: Playwright against a demo of the built server.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::runner::Tally;
use crate::{product, run, setup};

/// Where the tests of pages lie.
const FOLDER: &str = "rooms/console/e2e";

/// Runs them to their end; what keeps them from running counts as one failure.
pub(super) fn test(root: &Path) -> Tally {
    tally(root).unwrap_or_else(|error| {
        println!("browsers: {error:#}");
        Tally { passed: 0, failed: 1 }
    })
}

fn tally(root: &Path) -> Result<Tally> {
    setup::setup(setup::For::Browsers)?;
    let folder = root.join(FOLDER);
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    // The browsers are the system's own.
    run::succeed(Command::new("npm").args(npm).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").current_dir(&folder))?;
    run::succeed(Command::new("npx").args(["--no-install", "tsc", "--project", "."]).current_dir(&folder))
        .context("the types of the tests of pages")?;
    let zorio = product::server(root)?;
    let mut tests = Command::new("npx");
    tests.args(["--no-install", "playwright", "test"]).env("ZORIO", zorio).current_dir(&folder);
    let (status, said) = run::watched(&mut tests)?;
    let tally = self::said(&said);
    if !status.success() && tally.failed == 0 {
        bail!("Playwright ended with {status}");
    }
    Ok(tally)
}

/// Returns what Playwright's closing lines say; a flaky test is one that passed when it was tried again.
pub(super) fn said(said: &str) -> Tally {
    let count = |word| count(said, word);
    Tally { passed: count("passed") + count("flaky"), failed: count("failed") + count("did not run") }
}

/// Returns the number in Playwright's closing line `  8 passed (1.2m)`.
fn count(said: &str, word: &str) -> usize {
    let line = |line: &str| {
        let (number, rest) = line.trim().split_once(' ')?;
        let fits = rest == word || rest.strip_prefix(word).is_some_and(|rest| rest.starts_with(" ("));
        number.parse().ok().filter(|_| fits)
    };
    said.lines().rev().find_map(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn playwrights_closing_lines_are_counted() {
        let said = "  ✓  1 [chromium] › a.spec.ts:12:3 › 3 passed (2s)\n\n  1 failed\n    [firefox] › b\n  2 did not run\n  8 passed (6.1m)\n";
        assert_eq!((count(said, "passed"), count(said, "failed"), count(said, "did not run")), (8, 1, 2));
        assert_eq!(count("nothing", "passed"), 0);
    }
}
