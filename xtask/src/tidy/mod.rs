//! The house rules that no compiler keeps. Each is a function from the tree to findings,
//! and each has a test that shows it failing on a bad sample.

mod layers;
mod lexer;
mod macros;
#[cfg(test)]
mod prepare;
mod statements;
mod text;

use std::fmt;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};

use self::lexer::Source;
use self::macros::Macros;
use crate::run;

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// One file of the repository, its path relative to the root and with `/`.
struct File {
    path: String,
    text: String,
    /// Of Rust files only.
    source: Option<Source>,
}

impl File {
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let source = path.ends_with(".rs").then(|| Source::read(&text));
        Self { path, text, source }
    }

    fn find(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }
}

/// Checks the whole repository against every rule.
///
/// # Errors
/// Lists every breach, one a line, as `path:line: what is wrong`.
pub(crate) fn tidy(root: &Path) -> Result<()> {
    let files = files(root)?;
    let metadata = run::output(&mut run::cargo(root, &["metadata", "--format-version", "1"]))?;
    let metadata = serde_json::from_slice(&metadata).context("cargo metadata is not JSON")?;
    let mut findings = layers::check(&layers::Graph::read(&metadata)?);
    findings.extend(files.iter().flat_map(text::check));
    let macros = Macros::read(&files);
    findings.extend(files.iter().flat_map(|file| statements::check(file, &macros)));
    if findings.is_empty() {
        println!("{} files, no findings", files.len());
        return Ok(());
    }
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    bail!("{}\n{} findings", lines.join("\n"), lines.len());
}

/// Files of these kinds are read; nothing else is text that people write here.
const KINDS: &[&str] =
    &["rs", "toml", "md", "sql", "html", "css", "js", "ts", "json", "yml", "yaml", "sh", "py", "xml", "cfg"];
/// Folders that hold what machines made.
const FOREIGN: &[&str] = &["target", ".git", "node_modules", "dist", "corpus", "artifacts"];
/// Generated or prescribed texts.
const EXEMPT: &[&str] = &["openapi.json", "Cargo.lock", "LICENSE"];

fn files(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !FOREIGN.contains(&name) {
                    folders.push(path);
                }
                continue;
            }
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            let script = name == "run" && folder.ends_with(".ci");
            if EXEMPT.contains(&name) || !(script || KINDS.contains(&kind)) {
                continue;
            }
            let text = std::fs::read_to_string(&path).with_context(|| format!("{} is not text", path.display()))?;
            let relative = path.strip_prefix(root).expect("it was found below the root");
            files.push(File::new(relative.to_string_lossy().replace('\\', "/"), text));
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Returns what lies within the first pair of brackets at or after the place; nothing if they do not close.
/// The code is without strings and comments, so every bracket counts.
fn bracketed(code: &str, from: usize) -> Range<usize> {
    let mut depth = 0;
    let mut start = from;
    for (at, c) in code[from..].char_indices().map(|(at, c)| (from + at, c)) {
        match c {
            '(' | '[' | '{' => {
                depth += 1;
                if depth == 1 {
                    start = at + 1;
                }
            }
            ')' | ']' | '}' if depth <= 1 => return start..at,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    from..from
}

/// Splits a range of the code at the commas that no bracket encloses.
fn split(code: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut depth, mut start) = (0, range.start);
    for (at, c) in code[range.clone()].char_indices().map(|(at, c)| (range.start + at, c)) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                pieces.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(start..range.end);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_place() {
        let finding = File::new("a/b.rs", "").find(3, "too long");
        assert_eq!(finding.to_string(), "a/b.rs:3: too long");
    }

    #[test]
    fn files_that_machines_made_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["src/a.rs", "target/debug/b.rs", "node_modules/c.ts", "openapi.json", "picture.png", ".ci/run"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let paths: Vec<_> = files(folder.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, [".ci/run", "src/a.rs"]);
    }
}
