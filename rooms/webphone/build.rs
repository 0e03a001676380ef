//! Embeds the SDK as it was built, with each file's hash and its packed form.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256, Sha384};

/// What is not for users.
const LEFT_OUT: [&str; 1] = ["tests"];

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let sdk = here.join("../../sdk/webphone");
    let dist = sdk.join("dist");
    // A folder that is not there would be looked for, and this crate compiled, at every build.
    fs::create_dir_all(&dist).expect("the SDK's folder can be written");
    for watched in [here.join("build.rs"), sdk.join("package.json"), dist.clone()] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let mut files = BTreeMap::new();
    collect(&dist, "", &mut files);
    let mut all = Sha256::new();
    let mut table = "static FILES: &[File] = &[\n".to_owned();
    for (number, (name, path)) in files.iter().enumerate() {
        let content = fs::read(path).expect("it can be read");
        all.update(name.as_bytes());
        all.update(&content);
        let plain = out.join(format!("{number}"));
        fs::write(&plain, &content).expect("OUT_DIR can be written");
        let gzip = out.join(format!("{number}.gz"));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content).expect("memory can be written");
        fs::write(&gzip, encoder.finish().expect("memory can be written")).expect("OUT_DIR can be written");
        let hash = STANDARD.encode(Sha384::digest(&content));
        let media_type = media_type(name);
        writeln!(
            table,
            "File {{ name: {name:?}, media_type: {media_type:?}, integrity: \"sha384-{hash}\", \
             plain: include_bytes!({plain:?}), gzip: include_bytes!({gzip:?}) }},"
        )
        .expect("a string takes it");
    }
    table.push_str("];\n");
    let manifest = fs::read_to_string(sdk.join("package.json")).expect("the SDK has a package.json");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("package.json is JSON");
    let version = manifest["version"].as_str().expect("the SDK has a version");
    let hash = hex::encode(&all.finalize()[..4]);
    writeln!(table, "const VERSION: &str = \"{version}-{hash}\";").expect("a string takes it");
    fs::write(out.join("files.rs"), table).expect("OUT_DIR can be written");
}

/// Finds all files of a folder and of those in it, by their paths with `/`.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).expect("it can be read").flatten() {
        let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else { continue };
        let path = entry.path();
        if path.is_dir() {
            if !LEFT_OUT.contains(&name.as_str()) {
                collect(&path, &format!("{name}/"), files);
            }
        } else {
            files.insert(name, path);
        }
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("map" | "json") => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}
