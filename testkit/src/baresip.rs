//! baresip as a phone that registers, answers by itself, plays a file and writes down what it hears.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use crate::wait::until;

/// How the phone signs in and what it says.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    pub extension: &'a str,
    pub password: &'a str,
    /// The server's SIP address over UDP.
    pub registrar: SocketAddr,
    /// WAV file, 16 bit, 8 kHz, mono, played once an audio stream stands.
    pub says: &'a Path,
    /// Whether an incoming call is answered at once.
    pub answers: bool,
}

/// What the phone's line is like.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// In baresip's words, such as `opus/48000/2`.
    pub codecs: &'a str,
    /// By TLS: the registrar is the server's TLS address, and its certificate has to come from an authority of this PEM
    /// file.
    pub ca_file: Option<&'a Path>,
    /// SRTP with keys in SDP, and nothing else.
    pub encrypted: bool,
}

/// G.711 by UDP.
pub const PLAIN: Line<'static> = Line { codecs: "PCMU/8000/1,PCMA/8000/1", ca_file: None, encrypted: false };

/// A running baresip; killed when dropped.
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    folder: TempDir,
    control: SocketAddr,
    log: PathBuf,
}

impl Baresip {
    /// Starts the phone with its SIP socket on `listen` (it takes the next port too, for TLS) and its control socket on
    /// `control`, and waits until it is registered.
    pub async fn start(account: Account<'_>, listen: SocketAddr, control: SocketAddr) -> anyhow::Result<Self> {
        Self::start_with(account, PLAIN, listen, control).await
    }

    /// Starts the phone by TLS: the registrar is the server's TLS address, and its certificate has to come from an
    /// authority of the PEM file.
    pub async fn start_by_tls(
        account: Account<'_>,
        ca_file: &Path,
        listen: SocketAddr,
        control: SocketAddr,
    ) -> anyhow::Result<Self> {
        Self::start_with(account, Line { ca_file: Some(ca_file), ..PLAIN }, listen, control).await
    }

    /// Starts the phone with a line like that.
    pub async fn start_with(
        account: Account<'_>,
        line: Line<'_>,
        listen: SocketAddr,
        control: SocketAddr,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let heard = folder.path().join("heard");
        std::fs::create_dir(&heard)?;
        let modules = module_folder().context("baresip's modules are not installed (apt install baresip)")?;
        let mut settings = config(&modules, account.says, &heard, listen, control);
        let transport = if line.ca_file.is_some() { "tls" } else { "udp" };
        if let Some(ca_file) = line.ca_file {
            let _ = writeln!(settings, "sip_cafile {}\nsip_verify_server yes", ca_file.display());
        }
        std::fs::write(folder.path().join("config"), settings)?;
        let mode = if account.answers { "auto" } else { "manual" };
        std::fs::write(
            folder.path().join("accounts"),
            format!(
                "<sip:{user}@{server};transport={transport}>;auth_user={user};auth_pass={password};answermode={mode};\
                 audio_codecs={codecs};regint=60;ptime=20;medianat=;mediaenc={encryption}\n",
                codecs = line.codecs,
                encryption = if line.encrypted { "srtp-mand" } else { "" },
                user = account.extension,
                server = account.registrar,
                password = account.password,
            ),
        )?;
        std::fs::write(folder.path().join("contacts"), "")?;
        let log = folder.path().join("log");
        let output = std::fs::File::create(&log)?;
        let child = Command::new("baresip")
            .arg("-f")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start baresip (apt install baresip)")?;
        let phone = Self { child, folder, control, log };
        until("baresip registers", Duration::from_secs(15), async || phone.log().contains("200 OK").then_some(()))
            .await
            .with_context(|| phone.log())?;
        Ok(phone)
    }

    /// Returns what the phone has printed so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Dials a number.
    pub async fn dial(&self, number: &str) -> anyhow::Result<()> {
        self.command("dial", number).await
    }

    /// Hangs up.
    pub async fn hang_up(&self) -> anyhow::Result<()> {
        self.command("hangup", "").await
    }

    /// Waits until a call stands.
    pub async fn in_call(&self, patience: Duration) -> anyhow::Result<()> {
        until("baresip's call stands", patience, async || self.log().contains("Call established").then_some(()))
            .await
            .with_context(|| self.log())
    }

    /// Ends the phone and returns what it heard: the samples of its last call, 8 kHz.
    pub async fn quit_and_listen(mut self) -> anyhow::Result<Vec<i16>> {
        // Quitting closes the files; a killed baresip leaves WAV headers without lengths.
        self.command("quit", "").await?;
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path().join("heard"))?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        files.sort();
        let last = files.last().with_context(|| format!("baresip wrote no file: {}", self.log()))?;
        let bytes = std::fs::read(last)?;
        let wav = audio::wav::Wav::parse(&bytes).with_context(|| last.display().to_string())?;
        // What telephones say has nothing above 4 kHz: there is nothing to be filtered out first.
        let times = usize::try_from(wav.rate / audio::SAMPLE_RATE)?.max(1);
        Ok(wav.channel(0).into_iter().step_by(times).collect())
    }

    /// Sends a command of the ctrl_tcp module: JSON in a netstring.
    async fn command(&self, command: &str, parameters: &str) -> anyhow::Result<()> {
        let mut control = TcpStream::connect(self.control).await.context("baresip's control socket")?;
        let json = serde_json::json!({ "command": command, "params": parameters, "token": "t" }).to_string();
        control.write_all(format!("{}:{json},", json.len()).as_bytes()).await?;
        // The answer is a netstring too; events may come first. It is enough to see that it was taken.
        let mut reader = BufReader::new(control);
        let mut answer = Vec::new();
        let reading = reader.read_until(b',', &mut answer);
        let _ = tokio::time::timeout(Duration::from_millis(500), reading).await;
        Ok(())
    }
}

/// Reads the samples of the first channel of a WAV file.
pub fn read_wav(path: &Path) -> anyhow::Result<Vec<i16>> {
    let bytes = std::fs::read(path)?;
    Ok(audio::wav::Wav::parse(&bytes).with_context(|| path.display().to_string())?.channel(0))
}

fn module_folder() -> Option<PathBuf> {
    ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/local/lib/baresip/modules"]
        .iter()
        .map(PathBuf::from)
        .find(|folder| folder.is_dir())
}

fn config(modules: &Path, says: &Path, heard: &Path, listen: SocketAddr, control: SocketAddr) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name} {value}");
    };
    line("module_path", &modules.to_string_lossy());
    for module in ["g711.so", "g722.so", "opus.so", "srtp.so", "aufile.so", "sndfile.so"] {
        line("module", module);
    }
    for module in ["account.so", "menu.so", "ctrl_tcp.so", "contact.so", "mwi.so"] {
        line("module_app", module);
    }
    line("audio_source", &format!("aufile,{}", says.to_string_lossy()));
    line("audio_player", &format!("aufile,{}", heard.join("player.wav").to_string_lossy()));
    line("audio_alert", "none,");
    for (name, value) in [("audio_srate", "8000"), ("ausrc_srate", "8000"), ("auplay_srate", "8000")] {
        line(name, value);
    }
    for name in ["audio_channels", "ausrc_channels", "auplay_channels"] {
        line(name, "1");
    }
    line("audio_buffer", "20-160");
    line("audio_level", "no");
    line("rtp_timeout", "60");
    line("jitter_buffer_type", "off");
    line("call_max_calls", "4");
    line("call_local_timeout", "120");
    line("sip_listen", &listen.to_string());
    line("ctrl_tcp_listen", &control.to_string());
    line("snd_path", &heard.to_string_lossy());
    line("menu_bell", "no");
    line("net_interface", &listen.ip().to_string());
    text
}
