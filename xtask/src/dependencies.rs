//! Licences, bans and sources of everything that is compiled in, by the rules of `deny.toml`.
//!
//! `cargo deny` checks the same and more; it takes minutes to install, and this takes none. Where it is installed it
//! runs as well. Advisories come from the network, so they belong to whoever deploys.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{run, setup};

/// Where packages may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What `deny.toml` says, as far as it is checked here.
#[derive(Debug, Default)]
struct Rules {
    targets: Vec<String>,
    licences: Vec<String>,
    /// Licences that are allowed to one package.
    exceptions: Vec<(String, Vec<String>)>,
    banned: Vec<String>,
}

/// Checks all packages of the targets that are shipped.
///
/// # Errors
/// Names every package that breaks a rule.
pub(crate) fn check(root: &Path) -> Result<()> {
    let text = std::fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
    let rules = Rules::read(&text)?;
    let metadata = run::output(&mut run::cargo(root, &["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_slice(&metadata).context("cargo metadata is not JSON")?;
    let wrong = broken(&rules, &metadata, &used(root, &rules.targets)?)?;
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    let Some(deny) = setup::cargo_deny() else {
        println!("cargo-deny is not installed: licences, bans and sources were checked without it.");
        println!("To get it, for advisories: cargo xtask setup --deny");
        return Ok(());
    };
    run::succeed(Command::new(deny).args(["--offline", "check", "licenses", "bans", "sources"]).current_dir(root))
}

impl Rules {
    fn read(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().context("deny.toml")?;
        let list = |section: &str, key: &str| -> Vec<toml::Value> {
            table.get(section).and_then(|section| section.get(key)?.as_array().cloned()).unwrap_or_default()
        };
        let texts = |list: Vec<toml::Value>| list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
        let banned =
            list("bans", "deny").iter().filter_map(|ban| Some(ban.get("crate")?.as_str()?.to_owned())).collect();
        let exception = |entry: &toml::Value| {
            let licences = entry.get("allow")?.as_array()?.clone();
            Some((entry.get("crate")?.as_str()?.to_owned(), texts(licences)))
        };
        let exceptions = list("licenses", "exceptions").iter().filter_map(exception).collect();
        let (targets, licences) = (texts(list("graph", "targets")), texts(list("licenses", "allow")));
        let rules = Self { targets, licences, exceptions, banned };
        if rules.licences.is_empty() || rules.banned.is_empty() {
            bail!("deny.toml has no licenses.allow or no bans.deny");
        }
        Ok(rules)
    }

    fn licences_of(&self, package: &str) -> Vec<String> {
        let own = self.exceptions.iter().filter(|(name, _)| name == package).flat_map(|(_, licences)| licences);
        self.licences.iter().chain(own).cloned().collect()
    }
}

/// Returns the name and version of everything that is compiled for the targets. What cargo metadata resolves is more:
/// also what a feature would bring that nobody switched on.
fn used(root: &Path, targets: &[String]) -> Result<BTreeSet<String>> {
    let mut used = BTreeSet::new();
    for target in targets {
        let tree = ["tree", "--locked", "--workspace", "--prefix=none", "--format={p}", "--target", target];
        let lines = String::from_utf8(run::output(&mut run::cargo(root, &tree))?).context("cargo tree")?;
        used.extend(lines.lines().filter_map(|line| {
            let mut words = line.split(' ');
            Some(format!("{} {}", words.next()?, words.next()?.strip_prefix('v')?))
        }));
    }
    Ok(used)
}

/// Returns a line for each package that breaks a rule.
fn broken(rules: &Rules, metadata: &Value, used: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().context("cargo metadata lists no packages")? {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let (name, version) = (text("name"), text("version"));
        if !used.contains(&format!("{name} {version}")) {
            continue;
        }
        let mut refuse = |why: String| wrong.push(format!("{name} {version}: {why}"));
        if rules.banned.iter().any(|banned| banned == name) {
            refuse("deny.toml bans it".to_owned());
        }
        match package["license"].as_str() {
            Some(licence) if is_allowed(licence, &rules.licences_of(name)) => {}
            Some(licence) => refuse(format!("its licence {licence} is not allowed by deny.toml")),
            None => refuse("it names no licence".to_owned()),
        }
        match package["source"].as_str() {
            None | Some(REGISTRY) => {}
            Some(source) => refuse(format!("it comes from {source}")),
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let ours = package["source"].is_null();
            if ours && dependency["req"] == "*" && dependency["path"].is_null() {
                refuse(format!("it takes any version of {}", dependency["name"]));
            }
        }
    }
    Ok(wrong)
}

/// Returns whether an SPDX expression can be fulfilled with the allowed licences alone.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    // The old way to write "or".
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let holds = any(&mut rest, allowed);
    let is_whole = words.last().is_some_and(|last| !["OR", "AND", "WITH"].contains(last));
    holds && is_whole && rest.is_empty()
}

/// `all { OR all }`
fn any(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut holds = all(words, allowed);
    while let Some(rest) = after(words, "OR") {
        *words = rest;
        holds |= all(words, allowed);
    }
    holds
}

/// `one { AND one }`
fn all(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut holds = one(words, allowed);
    while let Some(rest) = after(words, "AND") {
        *words = rest;
        holds &= one(words, allowed);
    }
    holds
}

/// `( any )` or a licence, which may have `WITH` an exception.
fn one(words: &mut &[&str], allowed: &[String]) -> bool {
    let Some((first, rest)) = words.split_first() else { return false };
    *words = rest;
    if *first == "(" {
        let holds = any(words, allowed);
        return match after(words, ")") {
            Some(rest) => {
                *words = rest;
                holds
            }
            None => false,
        };
    }
    let mut name = (*first).to_owned();
    if let Some((exception, rest)) = after(words, "WITH").and_then(|rest| rest.split_first()) {
        name = format!("{name} WITH {exception}");
        *words = rest;
    }
    allowed.contains(&name)
}

fn after<'a, 'b>(words: &'a [&'b str], word: &str) -> Option<&'a [&'b str]> {
    words.split_first().filter(|(first, _)| **first == word).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_licence_is_allowed_if_a_choice_of_it_is() {
        let allowed: Vec<_> = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
        for (expression, holds) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("MIT AND (GPL-3.0 OR Apache-2.0)", true),
            ("(MIT OR Apache-2.0) AND GPL-3.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH other-exception", false),
            ("MIT OR", false),
            ("(MIT", false),
            ("MIT)", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), holds, "{expression}");
        }
    }

    #[test]
    fn packages_that_break_a_rule_are_named() {
        let rules = Rules::read(
            "[graph]\ntargets = [\"x\"]\n[licenses]\nallow = [\"MIT\"]\n[bans]\ndeny = [{ crate = \"openssl\" }]\n",
        )
        .unwrap();
        let package = |name: &str, license: Value, source: Value| {
            json!({"id": name, "name": name, "version": "1.0.0", "license": license, "source": source,
                   "dependencies": [{"name": "any", "req": "*", "path": null}]})
        };
        let used = ["fine", "openssl", "proprietary", "nameless", "elsewhere", "ours"];
        let used = used.map(|name| format!("{name} 1.0.0")).into();
        let metadata = json!({
            "packages": [
                package("fine", json!("MIT"), json!(REGISTRY)),
                package("openssl", json!("MIT"), json!(REGISTRY)),
                package("proprietary", json!("Secret-1.0"), json!(REGISTRY)),
                package("nameless", json!(null), json!(REGISTRY)),
                package("elsewhere", json!("MIT"), json!("git+https://example.com/a")),
                package("ours", json!("MIT"), json!(null)),
                package("unused", json!(null), json!(REGISTRY)),
            ],
        });
        let wrong = broken(&rules, &metadata, &used).unwrap();
        let names: Vec<_> = wrong.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["openssl", "proprietary", "nameless", "elsewhere", "ours"], "{wrong:?}");
    }
}
