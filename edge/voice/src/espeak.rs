//! espeak-ng in processes of their own: one for each sound, a few at once. It is under the GPL and stays outside of
//! our program; what it is told comes by its standard input, never by an argument.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    sync::Semaphore,
};

use crate::{Error, Sound};

/// Where a program is looked for. Nothing else of the environment is handed on: it may hold secrets.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// The most that is taken from one process: two minutes at 22,050 samples a second.
const MOST_BYTES: u64 = 120 * 22_050 * 2;
/// What is kept of a complaint.
const MOST_WORDS: u64 = 400;

pub(crate) struct Espeak {
    program: PathBuf,
    timeout: Duration,
    workers: Semaphore,
    /// Unknown while the program is missing.
    version: RwLock<Option<Arc<str>>>,
}

/// How a sound is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Such as `vi+f2`.
    pub(crate) name: &'static str,
    /// Words a minute.
    pub(crate) rate: u16,
    /// 0 to 99.
    pub(crate) pitch: u16,
}

impl Espeak {
    pub(crate) fn new(program: PathBuf, timeout: Duration, workers: usize) -> Self {
        Self { program, timeout, workers: Semaphore::new(workers.max(1)), version: RwLock::default() }
    }

    /// Returns the version if the program was ever seen to run.
    pub(crate) fn version(&self) -> Result<Arc<str>, Error> {
        let version = self.version.read().unwrap_or_else(PoisonError::into_inner).clone();
        version.ok_or_else(|| self.missing(std::io::ErrorKind::NotFound.into()))
    }

    /// Asks the program for its version, unless it is known.
    pub(crate) async fn look(&self) -> Result<Arc<str>, Error> {
        if let Ok(version) = self.version() {
            return Ok(version);
        }
        let said = self.run(&["--version"], "").await?;
        // `eSpeak NG text-to-speech: 1.51  Data at: …`
        let said = String::from_utf8_lossy(&said);
        let version = said.split_once(": ").and_then(|(_, rest)| rest.split_whitespace().next());
        let version: Arc<str> = version.ok_or_else(|| self.failed("it tells no version"))?.into();
        *self.version.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&version));
        Ok(version)
    }

    /// Says words.
    pub(crate) async fn say(&self, words: &str, manner: Manner) -> Result<Sound, Error> {
        let (rate, pitch) = (manner.rate.to_string(), manner.pitch.to_string());
        let how = ["--stdin", "--stdout", "-b", "1", "-z", "-v", manner.name, "-s", &rate, "-p", &pitch];
        let file = self.run(&how, words).await?;
        Sound::from_wav(&file).map_err(|error| self.failed(error.to_string()))
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<Vec<u8>, Error> {
        let _worker = self.workers.acquire().await.expect("it is never closed");
        let run = tokio::time::timeout(self.timeout, self.process(arguments, input));
        let slow = |_| Error::Timeout { program: self.program.display().to_string(), timeout: self.timeout };
        run.await.map_err(slow)?
    }

    /// Runs one process; when this is dropped the process is killed.
    async fn process(&self, arguments: &[&str], input: &str) -> Result<Vec<u8>, Error> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.missing(error))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let tell = async {
            if let Some(mut stdin) = stdin {
                // A process that ends without listening says why by its status.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let mut output = Vec::new();
        let listen = async {
            match stdout {
                Some(stdout) => stdout.take(MOST_BYTES + 1).read_to_end(&mut output).await,
                None => Ok(0),
            }
        };
        let mut words = Vec::new();
        let complaint = async {
            if let Some(stderr) = stderr {
                // Only for the message.
                let _ = stderr.take(MOST_WORDS).read_to_end(&mut words).await;
            }
        };
        let ((), listened, ()) = tokio::join!(tell, listen, complaint);
        listened.map_err(|error| self.failed(error.to_string()))?;
        if output.len() as u64 > MOST_BYTES {
            return Err(self.failed("it speaks for more than two minutes"));
        }
        let status = child.wait().await.map_err(|error| self.failed(error.to_string()))?;
        if !status.success() {
            return Err(self.failed(why(status, &words)));
        }
        Ok(output)
    }

    fn missing(&self, source: std::io::Error) -> Error {
        Error::NoEngine { program: self.program.display().to_string(), source: Arc::new(source) }
    }

    fn failed(&self, why: impl Into<String>) -> Error {
        Error::Engine { program: self.program.display().to_string(), why: why.into() }
    }
}

fn why(status: ExitStatus, words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    format!("{status}: {}", words.trim())
}
