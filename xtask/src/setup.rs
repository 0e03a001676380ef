//! What the commands need beside Rust: installed on Debian as root, named everywhere else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{run, verifier};

/// Whose needs are to be met.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    Tests,
    /// The tests of pages, in two browsers.
    Browsers,
    Bench,
}

/// Stands for Python's own installer, which is no program along the path.
const PIP: &str = "python3-venv";

struct Need {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const TESTS: &[Need] = &[
    Need { program: "cmake", package: "cmake", why: "compiles the Opus codec; `cargo build` needs it too" },
    Need { program: "sipp", package: "sip-tester", why: "scripted callers, callees and trunks" },
    Need { program: "baresip", package: "baresip", why: "a real phone that registers and listens" },
    Need { program: "linphonec", package: "linphone-cli", why: "another real phone" },
    Need { program: "kamailio", package: "kamailio", why: "stands as the carrier" },
    Need { program: "nft", package: "nftables", why: "loses datagrams in a network of its own" },
    Need { program: "sox", package: "sox", why: "makes the sound files that phones play" },
    Need { program: "espeak-ng", package: "espeak-ng", why: "the built-in voices" },
    Need { program: "initdb", package: "postgresql", why: "the second database" },
    Need { program: "curl", package: "curl", why: "the examples of the documentation" },
    Need { program: "openssl", package: "openssl", why: "certificates and signatures of the examples" },
    Need { program: "git", package: "git", why: "lists the files that the checks look at" },
    Need { program: "python3", package: "python3", why: "an example of a webhook receiver" },
    Need { program: "npm", package: "npm", why: "gets the verifier of webhook signatures" },
    Need { program: PIP, package: "python3-venv", why: "gets the spelling checker" },
    Need { program: "node", package: "nodejs", why: "an example of a webhook receiver" },
    Need { program: "npm", package: "npm", why: "installs the verifier of webhook signatures" },
    Need { program: "php", package: "php-cli", why: "an example of a webhook receiver" },
    Need { program: "ruby", package: "ruby", why: "an example of a webhook receiver" },
    Need { program: "go", package: "golang-go", why: "an example of a webhook receiver" },
];

const BROWSERS: &[Need] = &[
    Need { program: "chromium", package: "chromium", why: "the first browser" },
    Need { program: "firefox-esr", package: "firefox-esr", why: "the second browser" },
    Need { program: "pulseaudio", package: "pulseaudio", why: "a sound card without sound, for the second browser" },
    Need { program: "node", package: "nodejs", why: "drives the browsers" },
    Need { program: "npm", package: "npm", why: "gets what drives the browsers" },
];

const BENCH: &[Need] = &[
    Need { program: "cmake", package: "cmake", why: "compiles the Opus codec; `cargo build` needs it too" },
    Need { program: "sipp", package: "sip-tester", why: "the load" },
    Need { program: "kamailio", package: "kamailio", why: "the reference for signalling" },
    Need { program: "rtpengine", package: "rtpengine-daemon", why: "the reference for media" },
];

/// Installs what is missing with apt where that is possible.
///
/// # Errors
/// Names every missing program, its Debian package and its purpose where it cannot install them.
pub(crate) fn setup(who: For) -> Result<()> {
    let needs = match who {
        For::Tests => TESTS,
        For::Browsers => BROWSERS,
        For::Bench => BENCH,
    };
    let missing = missing(needs.iter(), present);
    if !missing.is_empty() {
        install_or_name(who, &missing)?;
    }
    match who {
        For::Tests => {
            get_attackers();
            verifier::install(&run::workspace_root())
        }
        For::Browsers | For::Bench => Ok(()),
    }
}

fn install_or_name(who: For, missing: &[&Need]) -> Result<()> {
    if can_install() {
        let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
        println!("setup: installing {} with apt", packages.join(", "));
        install(&packages);
    }
    let missing = self::missing(missing.iter().copied(), present);
    match (missing.is_empty(), who) {
        (true, _) => Ok(()),
        (false, For::Tests | For::Browsers) => bail!(named(&missing)),
        (false, For::Bench) => {
            println!(
                "setup: {}\nThe figures are printed without a ratio where the reference is missing.",
                named(&missing)
            );
            Ok(())
        }
    }
}

/// Returns the folder of PostgreSQL's programs, of the newest version installed.
pub(crate) fn postgres_programs() -> Option<PathBuf> {
    let version = |folder: &Path| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = debian.filter(|folder| folder.join("bin/initdb").is_file()).max_by_key(|folder| version(folder));
    newest
        .map(|folder| folder.join("bin"))
        .or_else(|| Some(run::find("initdb")?.canonicalize().ok()?.parent()?.to_path_buf()))
}

/// The spelling checker, by version and by what its files must hash to.
const TYPOS: &str = "typos==1.52.0 \
    --hash=sha256:418fd85f7fc11dec14e5482e747f6e916af56da96207cde0cdd69540a4b389f6 \
    --hash=sha256:5e870133c7e9cace94183e4d638697004a1473e79abcd01b8f75e362049a9b5c\n";

/// Returns the spelling checker, which is got from PyPI once, as a program ready to run, into a folder of its own.
/// `None` if it is not there and cannot be had.
pub(crate) fn typos() -> Option<PathBuf> {
    let installed = run::find_cargo_tool("typos");
    let folder = tools()?.join("typos-1.52.0");
    let ours = folder.join("bin/typos");
    if installed.is_some() || ours.is_file() {
        return installed.or(Some(ours));
    }
    println!("setup: getting typos from PyPI into {}", folder.display());
    match get_typos(&folder) {
        Ok(()) => Some(ours).filter(|program| program.is_file()),
        Err(error) => {
            println!("setup: {error:#}");
            None
        }
    }
}

/// Returns cargo-deny if it is installed, by cargo or by [`get_cargo_deny`].
pub(crate) fn cargo_deny() -> Option<PathBuf> {
    run::find_cargo_tool("cargo-deny").or_else(|| Some(tools()?.join("bin/cargo-deny")).filter(|file| file.is_file()))
}

/// Compiles cargo-deny, which takes a few minutes, unless it is there.
///
/// # Errors
/// If it cannot be compiled.
pub(crate) fn get_cargo_deny(root: &Path) -> Result<()> {
    if cargo_deny().is_some() {
        return Ok(());
    }
    let folder = tools().context("there is no folder for tools: HOME is not set")?;
    println!("setup: compiling cargo-deny into {}", folder.display());
    // Unoptimised, it is compiled in a third of the time and still done in seconds.
    let install = ["install", "--quiet", "--locked", "--debug", "cargo-deny@0.20.2", "--root"];
    run::succeed(run::cargo(root, &install).arg(&folder).env_remove("CARGO_TARGET_DIR"))
}

/// What attacks the server in the tests, with everything that it needs, by version.
const ATTACKERS: &str = include_str!("attackers.txt");

/// Gets schemathesis and sipvicious from PyPI, once, into a folder where the tests look for them. Without them the
/// tests say what they did not do.
fn get_attackers() {
    let Some(folder) = tools().map(|tools| tools.join("attackers-1")) else { return };
    let wanted = folder.join("wanted.txt");
    if std::fs::read_to_string(&wanted).is_ok_and(|there| there == ATTACKERS) {
        return;
    }
    println!("setup: getting schemathesis and sipvicious from PyPI into {}", folder.display());
    let get = || -> Result<()> {
        run::succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let asked = folder.join("asked.txt");
        std::fs::write(&asked, ATTACKERS)?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
        run::succeed(pip.arg(&asked))?;
        Ok(std::fs::rename(&asked, &wanted)?)
    };
    if let Err(error) = get() {
        println!("setup: {error:#}");
    }
}

fn get_typos(folder: &Path) -> Result<()> {
    run::succeed(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let wanted = folder.join("wanted.txt");
    std::fs::write(&wanted, TYPOS)?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
    run::succeed(pip.args(["--require-hashes", "-r"]).arg(&wanted))
}

/// Returns where tools of this repository are kept between runs.
fn tools() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("zorio/tools"))
}

fn present(program: &str) -> bool {
    match program {
        "initdb" => postgres_programs().is_some(),
        PIP => run::output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok(),
        program => run::find(program).is_some(),
    }
}

fn missing<'a>(needs: impl Iterator<Item = &'a Need>, present: impl Fn(&str) -> bool) -> Vec<&'a Need> {
    needs.filter(|need| !present(need.program)).collect()
}

fn named(missing: &[&Need]) -> String {
    let mut text = String::from("these programs are missing:\n");
    for need in missing {
        text += &format!("  {:10} {} (Debian and Ubuntu: package {})\n", need.program, need.why, need.package);
    }
    let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    text += &format!("On Debian or Ubuntu: sudo apt-get install --no-install-recommends {}", packages.join(" "));
    text
}

fn can_install() -> bool {
    let root = run::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim_ascii() == b"0");
    root && run::find("apt-get").is_some()
}

/// What apt cannot do shows in what is still missing afterwards, so its own failures are only shown.
fn install(packages: &[&str]) {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        if let Err(error) = run::succeed(&mut command) {
            println!("setup: {error}");
        }
    };
    apt(&["update"]);
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absent_programs_are_missing() {
        let missing = missing(TESTS.iter(), |program| program != "baresip" && program != "initdb");
        assert_eq!(missing.iter().map(|need| need.package).collect::<Vec<_>>(), ["baresip", "postgresql"]);
    }

    #[test]
    fn what_is_missing_is_named_with_the_way_to_get_it() {
        let text = named(&missing(TESTS.iter(), |program| program != "sipp"));
        assert!(text.contains("sipp") && text.contains("scripted callers"), "{text}");
        assert!(text.ends_with("sudo apt-get install --no-install-recommends sip-tester"), "{text}");
    }
}
