//! `cargo xtask test`: set-up, checks, every test on SQLite, the database's tests again on PostgreSQL, the webphone's SDK,
//! the pages in two browsers.

mod browsers;
mod isolated;
mod postgres;
mod runner;
mod sdk;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use self::postgres::Postgres;
use self::runner::{Runner, Tally};
use crate::{check, setup};

/// Where tests find the PostgreSQL they may fill; without it they run on SQLite.
pub(crate) const DATABASE_VARIABLE: &str = "ZORIO_TEST_DATABASE_URL";

/// The packages whose tests touch the database.
const ON_POSTGRES: &[&str] =
    &["store", "bus", "webhooks", "accounts", "contacts", "pbx", "autocall", "server", "xtask"];

/// Runs everything that can fail, to its end, and fails if anything did.
///
/// # Errors
/// If something is missing that the tests need and that cannot be installed here.
pub(crate) fn test(root: &Path, checks: bool, on_postgres: bool, in_browsers: bool) -> Result<ExitCode> {
    setup::setup(setup::For::Tests)?;
    crate::sdk::build(root)?;
    let failed_checks = if checks { check::failures_beside_tests(root) } else { Vec::new() };
    let mut tally = Tally { passed: 0, failed: failed_checks.len() };

    let runner = Runner::choose(root);
    heading("Tests on SQLite");
    tally += runner.run_all(root);
    if on_postgres {
        heading("Tests on PostgreSQL");
        tally += match Postgres::start() {
            Ok(postgres) => runner.run_some(root, ON_POSTGRES, postgres.url()),
            Err(error) => {
                println!("PostgreSQL: {error:#}");
                Tally { passed: 0, failed: 1 }
            }
        };
    }

    if in_browsers {
        heading("The webphone's SDK");
        tally += sdk::test(root);
        heading("Pages in browsers");
        tally += browsers::test(root);
    }

    if !failed_checks.is_empty() {
        println!("\nChecks that failed: {} (each counts as one failure)", failed_checks.join(", "));
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 && tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn heading(text: &str) {
    println!("\n==== {text}");
}
