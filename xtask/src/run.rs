//! Running other programs, with their output shown and, where asked, read.

use std::ffi::OsStr;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Returns the folder of the workspace: the one above this package.
pub(crate) fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("this package lies in the workspace").to_path_buf()
}

/// Returns a cargo command in the workspace, of the same toolchain that runs this tool.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root);
    command
}

/// Runs the command with our own standard streams; an error if it cannot start or fails.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs the command with our own standard streams and returns how it ended.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot start {}", shown(command)))
}

/// Runs the command silently; returns its standard output, or an error that carries what it said.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}\n{}", shown(command), output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

/// Runs the command, shows both its streams as they come, and returns how it ended with all it said, colours removed.
pub(crate) fn watched(command: &mut Command) -> Result<(ExitStatus, String)> {
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    let stdout = child.stdout.take().expect("it was piped");
    let stderr = child.stderr.take().expect("it was piped");
    let (said, complained) = std::thread::scope(|scope| {
        let said = scope.spawn(|| forward(stdout, std::io::stdout()));
        let complained = scope.spawn(|| forward(stderr, std::io::stderr()));
        (said.join().expect("forwarding does not panic"), complained.join().expect("forwarding does not panic"))
    });
    let status = child.wait()?;
    Ok((status, without_colours(&format!("{said}\n{complained}"))))
}

fn forward(mut from: impl Read, mut to: impl Write) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 8192];
    // A terminal that went away ends the showing, not the reading: the child must not block on a full pipe.
    while let Ok(n) = from.read(&mut piece) {
        if n == 0 {
            break;
        }
        let _ = to.write_all(&piece[..n]).and_then(|()| to.flush());
        all.extend_from_slice(&piece[..n]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            // ESC [ parameters letter
            for c in rest.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Returns where a program is found: a path as it is, a name along `PATH` and in the administrator's folders.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Returns where a program installed by cargo is found: along `PATH` or in cargo's own folder.
pub(crate) fn find_cargo_tool(program: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    find(program).or_else(|| home.map(|home| home.join("bin").join(program)).filter(|file| file.is_file()))
}

/// Passes another program's end on as ours.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_removed() {
        assert_eq!(without_colours("\u{1b}[32;1m Summary\u{1b}[0m 3 passed"), " Summary 3 passed");
    }

    #[test]
    fn a_watched_program_is_heard_on_both_streams() {
        let (status, said) = watched(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"])).unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(said.contains("one") && said.contains("two"), "{said}");
    }

    #[test]
    fn a_failing_program_tells_why() {
        let error = output(Command::new("sh").args(["-c", "echo because >&2; exit 1"])).unwrap_err();
        assert!(error.to_string().contains("because"), "{error}");
    }

    #[test]
    fn programs_are_found_along_the_path() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-anywhere").is_none());
    }
}
