//! Programs under measurement, and what the kernel says they used.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::time::{now, pause, wait_until};

/// A running program that is ended when dropped: asked first, then killed.
pub(crate) struct Program {
    child: Child,
    name: &'static str,
}

impl Program {
    /// Starts it with its output going to the file, to be shown if something goes wrong.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &std::path::Path) -> Result<Self> {
        let file = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the program: asked first, then killed.
    pub(crate) fn stop(&mut self) {
        if !self.is_running() {
            return;
        }
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        if !wait_until(Duration::from_secs(10), || matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Waits until the program ends by itself and returns whether it succeeded.
    pub(crate) fn wait(&mut self, patience: Duration) -> Result<bool> {
        let mut ended = None;
        wait_until(patience, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some()
        });
        match ended {
            Some(status) => Ok(status.success()),
            None => bail!("{} did not end within {} s", self.name, patience.as_secs()),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the CPU seconds, user and system, of the processes and all their descendants.
pub(crate) fn cpu_seconds(roots: &[u32]) -> f64 {
    const TICKS: f64 = 100.0;
    let all = processes();
    let ticks: u64 = family(&all, roots).iter().map(|process| process.ticks).sum();
    ticks as f64 / TICKS
}

/// Returns the resident memory of the processes and all their descendants, in bytes.
pub(crate) fn resident_bytes(roots: &[u32]) -> f64 {
    let all = processes();
    let kilobytes = |id: u32| -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
    };
    let sum: u64 = family(&all, roots).iter().filter_map(|process| kilobytes(process.id)).sum();
    sum as f64 * 1024.0
}

/// Waits until the processes have been idle for a second, so that what they put off is counted too.
pub(crate) fn settle(roots: &[u32]) {
    let end = now() + Duration::from_secs(20);
    let mut before = cpu_seconds(roots);
    while now() < end {
        pause(Duration::from_secs(1));
        let after = cpu_seconds(roots);
        if after - before <= 0.01 {
            return;
        }
        before = after;
    }
}

struct Process {
    id: u32,
    parent: u32,
    ticks: u64,
}

fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| parse(id, &fs::read_to_string(format!("/proc/{id}/stat")).ok()?)).collect()
}

/// Reads `/proc/PID/stat`; the name in parentheses may hold anything.
fn parse(id: u32, stat: &str) -> Option<Process> {
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Process { id, parent: u32::try_from(number(1)?).ok()?, ticks: number(11)? + number(12)? })
}

fn family<'a>(all: &'a [Process], roots: &[u32]) -> Vec<&'a Process> {
    let mut ids = roots.to_vec();
    let mut at = 0;
    while let Some(&id) = ids.get(at) {
        ids.extend(all.iter().filter(|process| process.parent == id).map(|process| process.id));
        at += 1;
    }
    all.iter().filter(|process| ids.contains(&process.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read_whatever_the_name() {
        let process = parse(7, "7 (a) b) (c) S 3 7 7 0 -1 4194560 100 0 0 0 12 34 0 0 20 0 1 0").unwrap();
        assert_eq!((process.parent, process.ticks), (3, 46));
    }

    #[test]
    fn descendants_count() {
        let process = |id, parent, ticks| Process { id, parent, ticks };
        let all = [process(1, 0, 1), process(2, 1, 10), process(3, 2, 100), process(4, 0, 1000)];
        assert_eq!(family(&all, &[1]).iter().map(|process| process.ticks).sum::<u64>(), 111);
    }

    #[test]
    fn our_own_memory_is_found() {
        assert!(resident_bytes(&[std::process::id()]) > 100_000.0);
    }
}
