//! The webphone's SDK: its types, what it is built into and how large that is, its tests on virtual time, its face and its
//! calls in browsers, by itself and with the server.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use super::{browsers, runner::Tally};
use crate::{product, run, sdk, setup};

/// Runs them to their end; what keeps them from running counts as one failure.
pub(super) fn test(root: &Path) -> Tally {
    tally(root).unwrap_or_else(|error| {
        println!("sdk: {error:#}");
        Tally { passed: 0, failed: 1 }
    })
}

fn tally(root: &Path) -> Result<Tally> {
    setup::setup(setup::For::Browsers)?;
    let folder = root.join(sdk::FOLDER);
    sdk::install(&folder)?;
    let script = |name: &str| sdk::script(&folder, name);
    run::succeed(&mut script("types")).context("the types of the SDK")?;
    // Not anew: a server that is as old as it need not be compiled again.
    sdk::build(root)?;
    let (status, said) = run::watched(&mut script("test"))?;
    let mut tally = Tally { passed: count(&said, "pass"), failed: count(&said, "fail") + count(&said, "cancelled") };
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    tally += in_a_browser(script("e2e"))?;
    let mut with_server = script("e2e:server");
    with_server.env("ZORIO", product::server(root)?);
    tally += in_a_browser(with_server)?;
    Ok(tally)
}

fn in_a_browser(mut tests: Command) -> Result<Tally> {
    let (status, said) = run::watched(&mut tests)?;
    let mut tally = browsers::said(&said);
    tally.failed += usize::from(!status.success() && tally.failed == 0);
    Ok(tally)
}

/// Returns the number in a closing line of Node's runner, `ℹ pass 115`.
fn count(said: &str, word: &str) -> usize {
    let line = |line: &str| line.trim().strip_prefix("ℹ ")?.strip_prefix(word)?.strip_prefix(' ')?.parse().ok();
    said.lines().rev().find_map(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn the_closing_lines_of_nodes_runner_are_counted() {
        let said = "✔ a pass 7 (1.2ms)\nℹ tests 9\nℹ suites 0\nℹ pass 6\nℹ fail 2\nℹ cancelled 1\nℹ skipped 0\n";
        assert_eq!((count(said, "pass"), count(said, "fail"), count(said, "cancelled")), (6, 2, 1));
        assert_eq!(count("nothing", "pass"), 0);
    }
}
