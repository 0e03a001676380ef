//! Makes what the binary embeds: assets under names that change with their content, icons, and the catalogue of texts.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

/// What others made, by the name it is asked for here.
const VENDORED: [(&str, &str); 5] = [
    ("htmx.js", "htmx.org/dist/htmx.min.js"),
    ("sse.js", "htmx-ext-sse/dist/sse.min.js"),
    ("uplot.js", "uplot/dist/uPlot.iife.min.js"),
    ("inter-latin.woff2", "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"),
    ("inter-vietnamese.woff2", "@fontsource-variable/inter/files/inter-vietnamese-wght-normal.woff2"),
];

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for watched in ["build.rs", "i18n", "web/css", "web/js", "web/icons", "web/package-lock.json", "templates"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    let modules = here.join("web/node_modules");
    install(&here.join("web"), &modules);
    let mut assets = Assets { out: out.clone(), ..Assets::default() };
    for (name, path) in VENDORED {
        let path = modules.join(path);
        assets.add(name, fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    }
    let mut style = fs::read_to_string(modules.join("uplot/dist/uPlot.min.css")).expect("uPlot has a stylesheet");
    style.insert_str(0, "@layer vendor{");
    style.push_str("}\n");
    style.push_str(&joined(&here.join("web/css"), |text| text.to_owned()));
    let style = assets.resolve(&style);
    assets.add("console.css", style.into_bytes());
    // Each file is a block of one module: names stay its own, and there is nothing to fetch one after the other.
    let script = joined(&here.join("web/js"), |text| format!("{{\n{text}}}\n"));
    assets.add("console.js", script.into_bytes());
    assets.add("icon.svg", fs::read(here.join("web/icon.svg")).expect("the product has an icon"));
    fs::write(out.join("assets.rs"), assets.table + "];\n").expect("OUT_DIR can be written");
    fs::write(out.join("icons.rs"), icons(&here.join("web/icons"))).expect("OUT_DIR can be written");
    fs::write(out.join("texts.rs"), texts(&here.join("i18n"))).expect("OUT_DIR can be written");
}

/// Fetches the packages of the lock file unless they are there, running none of their scripts.
fn install(web: &Path, modules: &Path) {
    let lock = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    // npm leaves its own lock behind; it names each version that was installed.
    let (wanted, installed) = (lock(web.join("package-lock.json")), lock(modules.join(".package-lock.json")));
    let integrities = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("\"integrity\": "));
        lines.map(|line| line.trim_end_matches(',').to_owned()).collect()
    };
    if !installed.is_empty() && integrities(&wanted) == integrities(&installed) {
        return;
    }
    let run = Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(web).output();
    match run {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "npm ci in rooms/console/web failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!(
            "the console's pages load three packages of npm, and npm cannot be run ({error}). Install Node.js with npm \
             (Debian: apt install npm; or run `cargo xtask setup`), or copy rooms/console/web/node_modules from a \
             machine that has it."
        ),
    }
}

/// Returns the files of a folder in alphabetical order, folders within it last, as one text.
fn joined(folder: &Path, wrap: impl Fn(&str) -> String + Copy) -> String {
    let mut text = String::new();
    for path in entries(folder) {
        if path.is_dir() {
            text.push_str(&joined(&path, wrap));
        } else {
            text.push_str(&wrap(&fs::read_to_string(&path).expect("it can be read")));
        }
    }
    text
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = found.flatten().map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| (path.is_dir(), path.clone()));
    paths
}

struct Assets {
    out: PathBuf,
    table: String,
    /// Public names by the names asked for.
    names: BTreeMap<String, String>,
}

impl Default for Assets {
    fn default() -> Self {
        let table = "static ASSETS: &[Asset] = &[\n".to_owned();
        Self { out: PathBuf::new(), table, names: BTreeMap::new() }
    }
}

impl Assets {
    fn add(&mut self, name: &str, content: Vec<u8>) {
        let hash = hex::encode(&Sha256::digest(&content)[..6]);
        let (stem, kind) = name.rsplit_once('.').expect("an asset has a kind");
        let public = format!("{stem}-{hash}.{kind}");
        let media_type = match kind {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "woff2" => "font/woff2",
            other => panic!("assets of kind {other} are not known"),
        };
        let path = self.out.join(name);
        fs::write(&path, &content).expect("OUT_DIR can be written");
        let mut packed = "None".to_owned();
        if kind != "woff2" {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&content).expect("memory can be written");
            let gzip = self.out.join(format!("{name}.gz"));
            fs::write(&gzip, encoder.finish().expect("memory can be written")).expect("OUT_DIR can be written");
            packed = format!("Some(include_bytes!({gzip:?}))");
        }
        writeln!(
            self.table,
            "Asset {{ name: {name:?}, public: {public:?}, media_type: {media_type:?}, \
             plain: include_bytes!({path:?}), gzip: {packed} }},"
        )
        .expect("a string takes it");
        self.names.insert(name.to_owned(), public);
    }

    /// Puts public paths where a stylesheet says `asset:NAME`.
    fn resolve(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, public) in &self.names {
            text = text.replace(&format!("asset:{name}"), &format!("/assets/{public}"));
        }
        assert!(!text.contains("asset:"), "the stylesheet names an asset that does not exist");
        text
    }
}

/// Returns a sorted table of icons, each the inside of its `<svg>`.
fn icons(folder: &Path) -> String {
    let mut sorted = BTreeMap::new();
    for path in entries(folder).iter().filter(|path| path.extension().is_some_and(|kind| kind == "svg")) {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("icons have plain names");
        let text = fs::read_to_string(path).expect("it can be read");
        let inside =
            text.split_once('>').and_then(|(_, rest)| rest.rsplit_once("</svg>")).expect("an icon is an svg").0;
        sorted.insert(name.to_owned(), inside.to_owned());
    }
    let mut table = "static ICONS: &[(&str, &str)] = &[\n".to_owned();
    for (name, inside) in sorted {
        writeln!(table, "({name:?}, {inside:?}),").expect("a string takes it");
    }
    table + "];\n"
}

/// Returns the sorted table of all texts. A key that one language lacks stands with the empty text; a test refuses that.
fn texts(folder: &Path) -> String {
    let mut all: BTreeMap<String, [String; 2]> = BTreeMap::new();
    for (column, language) in ["en", "vi"].into_iter().enumerate() {
        for path in entries(&folder.join(language)) {
            let page = path.file_stem().and_then(|name| name.to_str()).expect("catalogues have plain names");
            let text = fs::read_to_string(&path).expect("it can be read");
            let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            flatten(page, &table, &mut |key, text| all.entry(key).or_default()[column] = text);
        }
    }
    let mut table = "static TEXTS: &[(&str, [&str; 2])] = &[\n".to_owned();
    let mut sorted: Vec<_> = all.into_iter().collect();
    sorted.sort();
    for (key, [en, vi]) in sorted {
        writeln!(table, "({key:?}, [{en:?}, {vi:?}]),").expect("a string takes it");
    }
    table + "];\n"
}

fn flatten(prefix: &str, table: &toml::Table, add: &mut impl FnMut(String, String)) {
    for (key, value) in table {
        let key = format!("{prefix}.{key}");
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, add),
            toml::Value::String(text) => add(key, text.trim().to_owned()),
            other => panic!("{key} is {other}, not a text"),
        }
    }
}
