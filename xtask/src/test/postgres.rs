//! A PostgreSQL of our own: in a temporary folder, on a private port, gone with us.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{run, setup};

/// The role tests work as: no superuser, so that row-level security holds against it.
const ROLE: &str = "zorio";

/// Makes the cluster, tells when it is ready, and takes it down as soon as its standard input closes,
/// which happens even when this process is killed. A terminal's Ctrl-C must not end it before that.
const KEEPER: &str = r#"
trap '' INT TERM HUP
exec 2>&1
folder=$(mktemp -d "${TMPDIR:-/tmp}/zorio-postgres.XXXXXX") || exit 1
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder" || exit 1
    as_owner() { (cd "$folder" && runuser -u postgres -- "$@"); }
fi
as_owner "$PROGRAMS/initdb" --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C -D "$folder/data" >"$folder.log" &&
as_owner "$PROGRAMS/pg_ctl" -s -w -t 60 -D "$folder/data" -l "$folder/server.log" -o "-p $PORT -k $folder -c listen_addresses=127.0.0.1
    -c max_connections=400 -c fsync=off -c full_page_writes=off -c synchronous_commit=off" start &&
as_owner "$PROGRAMS/psql" -q -h "$folder" -p "$PORT" -U postgres -d postgres -c "create role $ROLE login createdb" -c "create database $ROLE owner $ROLE" &&
echo ready || { cat "$folder.log" "$folder/server.log"; echo failed; }
read -r _
as_owner "$PROGRAMS/pg_ctl" -s -m immediate -D "$folder/data" stop
rm -rf "$folder" "$folder.log"
"#;

/// A running cluster; dropping it stops the server and removes its files.
pub(super) struct Postgres {
    keeper: Child,
    url: String,
}

impl Postgres {
    /// Starts a fresh cluster and waits until it answers.
    pub(super) fn start() -> Result<Self> {
        let programs = setup::postgres_programs().context("PostgreSQL's initdb is not found")?;
        Self::start_with(&programs)
    }

    fn start_with(programs: &Path) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .env("PROGRAMS", programs)
            .env("PORT", port.to_string())
            .env("ROLE", ROLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", run::find("sh").unwrap_or_default().display()))?;
        let mut said = BufReader::new(keeper.stdout.take().expect("it was piped"));
        let mut postgres = Self { keeper, url: format!("postgres://{ROLE}@127.0.0.1:{port}/{ROLE}") };
        let mut all = String::new();
        while !all.ends_with("ready\n") {
            if said.read_line(&mut all)? == 0 || all.ends_with("failed\n") {
                postgres.stop();
                bail!("the server did not start:\n{all}");
            }
        }
        // Whoever writes to a pipe that nobody reads is blocked or killed: read on to the end.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Ok(postgres)
    }

    /// Returns the address of an empty database whose owner may create others.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn stop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_answers_while_it_is_held_and_is_gone_afterwards() {
        let programs = setup::postgres_programs().unwrap();
        let postgres = Postgres::start().unwrap();
        let url = postgres.url().to_owned();
        let ask = || run::output(Command::new(programs.join("psql")).args([&url, "-Atc", "select current_user"]));
        assert_eq!(ask().unwrap(), b"zorio\n");
        drop(postgres);
        assert!(ask().is_err());
    }

    #[test]
    fn a_server_that_cannot_start_says_so() {
        let Err(error) = Postgres::start_with(Path::new("/nonexistent")) else { panic!("it started") };
        assert!(format!("{error}").contains("did not start"), "{error}");
    }
}
