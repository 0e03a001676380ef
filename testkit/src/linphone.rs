//! Linphone as a headless phone: registers, calls or answers, plays one WAV file and writes what it hears into another.

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
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
};

use crate::baresip::{Account, read_wav};

/// A running Linphone; killed when dropped.
#[derive(Debug)]
pub struct Linphone {
    child: Child,
    orders: ChildStdin,
    folder: TempDir,
}

impl Linphone {
    /// Tells whether it is installed.
    pub fn is_there() -> bool {
        Path::new("/usr/bin/linphonec").is_file()
    }

    /// Starts the phone with its SIP socket on `listen` and its media on the port `media` and the next, and waits until
    /// it is registered.
    pub async fn start(account: Account<'_>, listen: SocketAddr, media: u16) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let rc = folder.path().join("rc");
        std::fs::write(&rc, config(&account, listen, media))?;
        let output = std::fs::File::create(folder.path().join("said"))?;
        // It turns its wheels only while it waits at a terminal: `script` is one.
        let mut line = format!("linphonec -c {} -d 6 -l {}", rc.display(), folder.path().join("log").display());
        if account.answers {
            line.push_str(" -a");
        }
        let mut command = Command::new("script");
        command.args(["-qfc", &line, "/dev/null"]);
        // Its databases are in the home of whoever starts it.
        std::fs::create_dir_all(folder.path().join(".local/share/linphone"))?;
        command.env("HOME", folder.path()).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
        command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start linphonec (apt install linphone-cli)")?;
        let orders = child.stdin.take().context("linphonec takes orders")?;
        let mut phone = Self { child, orders, folder };
        phone.order("soundcard use files").await?;
        phone.order(&format!("play {}", account.says.display())).await?;
        phone.order(&format!("record {}", phone.heard_file().display())).await?;
        for _ in 0..20 {
            phone.order("proxy list").await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            if phone.said().contains("registered: yes") {
                return Ok(phone);
            }
        }
        anyhow::bail!("linphone does not register: {}", phone.said())
    }

    /// Returns what the phone has printed so far.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("said")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns its protocol, with every message that it sent and got.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Dials a number.
    pub async fn dial(&mut self, number: &str) -> anyhow::Result<()> {
        self.order(&format!("call {number}")).await
    }

    /// Hangs up.
    pub async fn hang_up(&mut self) -> anyhow::Result<()> {
        self.order("terminate").await
    }

    /// Ends the phone and returns what it heard in its last call.
    pub async fn quit_and_listen(mut self) -> anyhow::Result<Vec<i16>> {
        self.order("quit").await?;
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        read_wav(&self.heard_file())
    }

    async fn order(&mut self, line: &str) -> anyhow::Result<()> {
        self.orders.write_all(format!("{line}\n").as_bytes()).await.context("linphonec takes no more orders")?;
        Ok(self.orders.flush().await?)
    }

    fn heard_file(&self) -> PathBuf {
        self.folder.path().join("heard.wav")
    }
}

/// Writes its settings: one account, telephone quality, no encryption, everything on one address.
fn config(account: &Account<'_>, listen: SocketAddr, media: u16) -> String {
    let (user, server, port) = (account.extension, account.registrar, listen.port());
    let identity = format!("sip:{user}@{server}");
    let proxy = format!("<sip:{server};transport=udp>");
    let audio = format!("{media}");
    let port = port.to_string();
    let ip = listen.ip().to_string();
    let sections: [(&str, &[(&str, &str)]); 9] = [
        (
            "sip",
            &[
                ("sip_port", &port),
                ("sip_tcp_port", "0"),
                ("sip_tls_port", "0"),
                ("default_proxy", "0"),
                ("use_ipv6", "0"),
                ("auto_net_state_mon", "1"),
            ],
        ),
        ("net", &[("bind_address", &ip), ("firewall_policy", "0")]),
        ("rtp", &[("audio_rtp_port", &audio)]),
        (
            "proxy_0",
            &[("reg_identity", &identity), ("reg_proxy", &proxy), ("reg_sendregister", "1"), ("reg_expires", "600")],
        ),
        ("auth_info_0", &[("username", user), ("userid", user), ("passwd", account.password)]),
        ("audio_codec_0", &[("mime", "PCMA"), ("rate", "8000"), ("channels", "1"), ("enabled", "1")]),
        ("audio_codec_1", &[("mime", "PCMU"), ("rate", "8000"), ("channels", "1"), ("enabled", "1")]),
        ("sound", &[("echocancellation", "0"), ("echolimiter", "0"), ("agc", "0"), ("noisegate", "0")]),
        ("video", &[("enabled", "0"), ("capture", "0"), ("display", "0")]),
    ];
    let mut text = String::new();
    for (name, entries) in sections {
        let _ = writeln!(text, "[{name}]");
        for (key, value) in entries {
            let _ = writeln!(text, "{key}={value}");
        }
    }
    text
}
