//! `cargo xtask new-room NAME`: the shape that every room has, ready to be filled.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::run;

/// Where each file of a room goes, below the room's folder, and what it begins with.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../templates/room/Cargo.toml.txt")),
    ("README.md", include_str!("../templates/room/README.md.txt")),
    ("src/lib.rs", include_str!("../templates/room/lib.rs.txt")),
    ("src/api.rs", include_str!("../templates/room/api.rs.txt")),
    ("src/ops.rs", include_str!("../templates/room/ops.rs.txt")),
    ("src/store.rs", include_str!("../templates/room/store.rs.txt")),
    ("src/model.rs", include_str!("../templates/room/model.rs.txt")),
    ("src/error.rs", include_str!("../templates/room/error.rs.txt")),
];
const MIGRATIONS: &[(&str, &str)] = &[
    ("sqlite", include_str!("../templates/room/sqlite.sql.txt")),
    ("postgres", include_str!("../templates/room/postgres.sql.txt")),
];

/// Writes the room, its migrations and its entries in the workspace.
///
/// # Errors
/// If the name is not a lower-case word, or something of that name exists.
pub(crate) fn new_room(root: &Path, name: &str) -> Result<ExitCode> {
    let written = write(root, name)?;
    // The file that names the new package is formatted as everything else.
    run::succeed(&mut run::cargo(root, &["fmt", "--package", name]))?;
    for path in written {
        println!("wrote {}", path.strip_prefix(root).unwrap_or(&path).display());
    }
    println!("Next: open the room in server/src/wire.rs, then `cargo xtask codegen`. See docs/adding-a-room.md.");
    Ok(ExitCode::SUCCESS)
}

fn write(root: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let word = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_lowercase());
    ensure!(word, "a room's name is one lower-case word: it is folder, package, log target and tag at once");
    let folder = root.join("rooms").join(name);
    ensure!(!folder.exists(), "rooms/{name} exists already");
    let manifest = root.join("Cargo.toml");
    let workspace = std::fs::read_to_string(&manifest).context("cannot read Cargo.toml")?;
    let workspace = registered(&workspace, name)?;

    let mut written = Vec::new();
    for (path, template) in FILES {
        written.push(put(folder.join(path), &filled(template, name))?);
    }
    for (engine, template) in MIGRATIONS {
        let migrations = root.join("edge/store/migrations").join(engine);
        let path = migrations.join(format!("{:04}_{name}.sql", next_number(&migrations)?));
        written.push(put(path, &filled(template, name))?);
    }
    written.push(put(manifest, &workspace)?);
    Ok(written)
}

fn put(path: PathBuf, text: &str) -> Result<PathBuf> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn filled(template: &str, name: &str) -> String {
    let type_name = name[..1].to_uppercase() + &name[1..];
    template.replace("{room}", name).replace("{Room}", &type_name)
}

/// Adds the room to the members and to the dependencies, behind the last room that stands there.
fn registered(workspace: &str, name: &str) -> Result<String> {
    let mut text = workspace.to_owned();
    ensure!(!text.contains(&format!("\"rooms/{name}\"")), "the workspace has a room {name} already");
    let member = format!(", \"rooms/{name}\"");
    let Some(end) = text.find("members").and_then(|members| {
        let last =
            members + text[members..].find(']').and_then(|end| text[members..members + end].rfind("\"rooms/"))?;
        Some(last + 1 + text[last + 1..].find('"')? + 1)
    }) else {
        bail!("Cargo.toml lists no rooms among the members");
    };
    text.insert_str(end, &member);
    let dependency = format!("{name} = {{ path = \"rooms/{name}\" }}\n");
    let last = text.rfind("{ path = \"rooms/").context("Cargo.toml names no rooms among the dependencies")?;
    let end = last + text[last..].find('\n').context("Cargo.toml ends within a line")? + 1;
    text.insert_str(end, &dependency);
    Ok(text)
}

/// Migrations are numbered in the order in which they landed.
fn next_number(folder: &Path) -> Result<u32> {
    let mut last = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split('_').next()?.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "[workspace]\nmembers = [\n    \"edge/web\",\n    \"rooms/pbx\", \"rooms/webhooks\",\n    \"server\",\n]\n\
                             [workspace.dependencies]\npbx = { path = \"rooms/pbx\" }\nwebhooks = { path = \"rooms/webhooks\" }\nsandbox = { path = \"sandbox\" }\n";

    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), WORKSPACE).unwrap();
        for engine in ["sqlite", "postgres"] {
            put(folder.path().join("edge/store/migrations").join(engine).join("0004_webhooks.sql"), "").unwrap();
        }
        folder
    }

    #[test]
    fn a_room_has_every_file_and_is_a_member() {
        let folder = workspace();
        write(folder.path(), "surveys").unwrap();
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
        assert!(read("rooms/surveys/src/lib.rs").contains("pub struct Surveys"));
        assert!(read("edge/store/migrations/sqlite/0005_surveys.sql").contains("create table surveys_entry"));
        assert!(read("edge/store/migrations/postgres/0005_surveys.sql").contains("guard_tenant('surveys_entry')"));
        let text = read("Cargo.toml");
        assert!(text.contains("\"rooms/pbx\", \"rooms/webhooks\", \"rooms/surveys\",\n"), "{text}");
        assert!(text.contains("webhooks\" }\nsurveys = { path = \"rooms/surveys\" }\nsandbox"), "{text}");
    }

    #[test]
    fn a_room_is_not_written_twice_nor_under_a_bad_name() {
        let folder = workspace();
        write(folder.path(), "surveys").unwrap();
        for name in ["surveys", "Surveys", "call-backs", "", "../up"] {
            assert!(write(folder.path(), name).is_err(), "{name}");
        }
    }
}
