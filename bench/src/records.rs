//! A million call records: how long pages of them take, and what a file of all of them costs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median};
use crate::http;
use crate::process::{resident_bytes, settle};
use crate::sipp::Scenarios;
use crate::stack::{Setup, Zorio};
use crate::time::{now, wall_ms};

/// The longest period of one list, and hence that of the records.
const DAYS: u32 = 29;
/// Milliseconds that a page may take.
const GOAL: f64 = 200.0;
/// Each page is asked for so often; the median counts.
const ASKED: usize = 7;

pub(crate) fn measure(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    let records = effort.records;
    println!("{records} call records: pages, and all of them as a file");
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let mut zorio = Zorio::start(zorio, folder.path(), &scenarios, &Setup::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    zorio.while_stopped(|data| runtime.block_on(testkit::records::fill(data, records, wall_ms() as i64, DAYS)))?;
    let last = records.div_ceil(50);
    let pages = [
        ("page=1".to_owned(), true),
        (format!("page={}", last / 2), true),
        (format!("page={last}"), true),
        ("direction=inbound".to_owned(), true),
        (format!("direction=inbound&page={}", last / 6), true),
        ("extension=1042".to_owned(), true),
        ("phone=84900000042".to_owned(), true),
        ("phone=02873001234".to_owned(), false),
        (format!("phone=02873001234&page={}", (last / 3).saturating_sub(10).max(1)), false),
    ];
    let (mut usual, mut worst) = (0.0_f64, 0.0_f64);
    for (query, is_usual) in pages {
        let path = format!("/api/pbx/cdr?{query}");
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let start = now();
            zorio.ask(&path)?;
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
        let time = median(times);
        println!("    {query}: {time:.1} ms");
        worst = worst.max(time);
        usual = if is_usual { usual.max(time) } else { usual };
    }
    let name = "CDR page over 1 M, slowest of 7 kinds";
    figures.add(Figure { name, value: usual, unit: "ms", reference: None, goal: Goal::Below(GOAL) });
    let name = "CDR page over 1 M, by a number with 330,000 calls, first and last";
    figures.add(Figure { name, value: worst, unit: "ms", reference: None, goal: Goal::Below(GOAL) });

    let processes = zorio.processes();
    settle(&processes);
    let before = resident_bytes(&processes);
    let (start, mut most, mut lines) = (now(), before, 0_u64);
    http::stream(zorio.http(), "/api/pbx/cdr?format=csv", zorio.token(), |part| {
        lines += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        most = most.max(resident_bytes(&processes));
    })
    .context("the file of all records")?;
    ensure!(lines > u64::from(records), "the file has {lines} lines of {records} records");
    println!("    {lines} lines in {:.1} s", Duration::as_secs_f64(&start.elapsed()));
    let name = "memory that a CSV of 1 M records adds";
    let value = (most - before) / 1e6;
    figures.add(Figure { name, value, unit: "MB", reference: None, goal: Goal::Below(32.0) });
    Ok(())
}
