//! Which way dependencies point, read from what cargo resolved.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;

/// What reaches for the world; nothing below the IO line may depend on it, at any remove.
const IO: &[&str] = &["tokio", "sqlx", "sqlx-core", "axum", "hyper", "mio", "rustls", "reqwest", "socket2", "nix"];

/// The rooms that may know other rooms.
const ROOMS: &[(&str, &[&str])] = &[
    ("contacts", &["pbx"]),
    ("telesales", &["pbx", "contacts"]),
    ("autocall", &["pbx", "contacts"]),
    ("webphone", &["pbx", "accounts"]),
    ("console", &["accounts", "alerts", "contacts", "pbx", "webphone", "telesales", "autocall", "webhooks"]),
];

/// Normal dependencies by package name, with the folder of our own packages.
#[derive(Default)]
pub(super) struct Graph {
    /// Our own packages: name and folder relative to the workspace.
    ours: BTreeMap<String, String>,
    depends: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Reads the answer of `cargo metadata`. Build and test dependencies are left out.
    pub(super) fn read(metadata: &Value) -> Result<Self> {
        let mut graph = Self::default();
        let root = metadata["workspace_root"].as_str().context("cargo metadata names no workspace")?;
        let mut names = BTreeMap::new();
        for package in metadata["packages"].as_array().context("cargo metadata lists no packages")? {
            let (Some(id), Some(name)) = (package["id"].as_str(), package["name"].as_str()) else { continue };
            names.insert(id, name);
            let manifest = package["manifest_path"].as_str().unwrap_or_default();
            if let Some(folder) = manifest.strip_prefix(root).and_then(|path| path.strip_suffix("/Cargo.toml")) {
                graph.ours.insert(name.to_owned(), folder.trim_start_matches('/').to_owned());
            }
        }
        for node in metadata["resolve"]["nodes"].as_array().context("cargo metadata resolves nothing")? {
            let Some(name) = node["id"].as_str().and_then(|id| names.get(id)) else { continue };
            let depends = graph.depends.entry((*name).to_owned()).or_default();
            for dependency in node["deps"].as_array().into_iter().flatten() {
                let normal =
                    dependency["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null());
                if let Some(name) = dependency["pkg"].as_str().and_then(|id| names.get(id)).filter(|_| normal) {
                    depends.insert((*name).to_owned());
                }
            }
        }
        Ok(graph)
    }

    fn direct(&self, package: &str) -> impl Iterator<Item = &str> {
        self.depends.get(package).into_iter().flatten().map(String::as_str)
    }

    fn reachable<'a>(&'a self, package: &'a str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![package];
        while let Some(package) = open.pop() {
            open.extend(self.direct(package).filter(|&next| reached.insert(next)));
        }
        reached
    }

    fn layer(&self, package: &str) -> &str {
        self.ours.get(package).and_then(|folder| folder.split('/').next()).unwrap_or_default()
    }
}

pub(super) fn check(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, folder) in &graph.ours {
        let mut refuse =
            |message: String| findings.push(Finding { path: format!("{folder}/Cargo.toml"), line: 1, message });
        let reachable = graph.reachable(package);
        match graph.layer(package) {
            "core" => {
                for io in IO.iter().filter(|io| reachable.contains(*io)) {
                    refuse(format!("core does no IO, but {package} depends on {io}"));
                }
                for other in reachable.iter().filter(|other| !matches!(graph.layer(other), "" | "core")) {
                    refuse(format!("core lies below everything, but {package} depends on {other}"));
                }
            }
            "edge" => {
                for other in reachable.iter().filter(|other| !matches!(graph.layer(other), "" | "core" | "edge")) {
                    refuse(format!("an edge knows no room, but {package} depends on {other}"));
                }
            }
            "rooms" => {
                let allowed = ROOMS.iter().find(|(room, _)| room == package).map_or(&[][..], |(_, others)| others);
                for other in graph.direct(package) {
                    let stranger = graph.layer(other) == "rooms" && !allowed.contains(&other);
                    if stranger {
                        refuse(format!("{package} may not know the room {other}"));
                    }
                    if matches!(other, "sip" | "media") && graph.layer(other) == "edge" && package != "pbx" {
                        refuse(format!("only pbx talks to {other}; {package} holds a Pbx instead"));
                    }
                    if matches!(graph.layer(other), "server" | "testkit" | "sandbox" | "bench" | "xtask") {
                        refuse(format!("a room lies below the server, but {package} depends on {other}"));
                    }
                }
            }
            _ => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(ours: &[(&str, &str)], depends: &[(&str, &[&str])]) -> Graph {
        let own = |name: &&str| (*name).to_owned();
        Graph {
            ours: ours.iter().map(|(name, folder)| (own(name), own(folder))).collect(),
            depends: depends.iter().map(|(name, on)| (own(name), on.iter().map(own).collect())).collect(),
        }
    }

    fn messages(graph: &Graph) -> Vec<String> {
        check(graph).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_core_package_that_reaches_tokio_at_any_remove_is_refused() {
        let graph = graph(&[("domain", "core/domain")], &[("domain", &["between"]), ("between", &["tokio"])]);
        assert_eq!(messages(&graph), ["core does no IO, but domain depends on tokio"]);
    }

    #[test]
    fn an_edge_that_knows_a_room_is_refused() {
        let graph = graph(&[("sip", "edge/sip"), ("pbx", "rooms/pbx")], &[("sip", &["pbx"])]);
        assert_eq!(messages(&graph), ["an edge knows no room, but sip depends on pbx"]);
    }

    #[test]
    fn a_room_that_talks_to_sip_itself_is_refused() {
        let ours = [("sip", "edge/sip"), ("contacts", "rooms/contacts"), ("pbx", "rooms/pbx")];
        let graph = graph(&ours, &[("contacts", &["sip", "pbx"]), ("pbx", &["sip"])]);
        assert_eq!(messages(&graph), ["only pbx talks to sip; contacts holds a Pbx instead"]);
    }

    #[test]
    fn a_room_that_knows_a_stranger_is_refused() {
        let ours = [("pbx", "rooms/pbx"), ("webhooks", "rooms/webhooks")];
        assert_eq!(messages(&graph(&ours, &[("webhooks", &["pbx"])])), ["webhooks may not know the room pbx"]);
    }

    #[test]
    fn test_and_build_dependencies_do_not_count() {
        let metadata = serde_json::json!({
            "workspace_root": "/a",
            "packages": [
                {"id": "1", "name": "domain", "manifest_path": "/a/core/domain/Cargo.toml"},
                {"id": "2", "name": "tokio", "manifest_path": "/registry/tokio/Cargo.toml"},
            ],
            "resolve": {"nodes": [{"id": "1", "deps": [{"pkg": "2", "dep_kinds": [{"kind": "dev"}]}]}]},
        });
        assert!(messages(&Graph::read(&metadata).unwrap()).is_empty());
    }
}
