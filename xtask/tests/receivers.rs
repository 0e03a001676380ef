//! The webhook receivers of the documentation do what the documentation says.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SECRET: &str = "0123456789abcdefghijklmnopqrstuv";
const BODY: &str =
    r#"{"event":"webhook.test","timestamp":"2026-01-02T03:04:05.678Z","tenant_id":1,"data":{"message":"xin chào"}}"#;

struct Receiver {
    program: Child,
    port: u16,
    _seen: tempfile::TempDir,
}

impl Receiver {
    /// Starts a program that says its port.
    fn start(interpreter: &str, file: &str) -> Self {
        let seen = tempfile::tempdir().unwrap();
        let mut program = command(interpreter, seen.path());
        program.arg(receivers().join(file));
        Self::listening(program, seen)
    }

    /// Compiles a program and starts it.
    fn start_go() -> Self {
        let seen = tempfile::tempdir().unwrap();
        let binary = seen.path().join("receiver");
        let file = receivers().join("receiver.go");
        assert!(Command::new("go").args(["build", "-o"]).arg(&binary).arg(file).status().unwrap().success());
        Self::listening(command(binary.to_str().unwrap(), seen.path()), seen)
    }

    fn listening(mut program: Command, seen: tempfile::TempDir) -> Self {
        let mut program = program.env("PORT", "0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim_end().strip_prefix("listening on port ").unwrap().parse().unwrap();
        Self { program, port, _seen: seen }
    }

    /// Starts PHP's own server, which wants to be told its port.
    fn start_php() -> Self {
        let seen = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut php = command("php", seen.path());
        php.args(["-q", "-S", &format!("127.0.0.1:{port}")]).arg(receivers().join("receiver.php"));
        let program = php.stderr(Stdio::null()).spawn().unwrap();
        let receiver = Self { program, port, _seen: seen };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return receiver;
            }
            #[expect(clippy::disallowed_methods, reason = "the program says nothing when it is ready")]
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("php does not listen");
    }

    /// Posts the body and returns the status code and what was answered.
    fn post(&self, delivery: &str, timestamp: u64, signature: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: receiver\r\nConnection: close\r\nContent-Length: {}\r\n\
             X-Zorio-Event: webhook.test\r\nX-Zorio-Delivery: {delivery}\r\nX-Zorio-Timestamp: {timestamp}\r\n\
             X-Zorio-Signature: {signature}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }
}

fn receivers() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/receivers")
}

fn command(interpreter: &str, seen: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.env("ZORIO_WEBHOOK_SECRET", SECRET).env("SEEN_FOLDER", seen);
    command
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the receivers compare with the real time")]
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Signs with another implementation than the receivers use, and not with ours either.
fn signature(body: &str) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET, "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let said = openssl.wait_with_output().unwrap().stdout;
    format!("sha256={}", std::str::from_utf8(&said).unwrap().split(' ').next().unwrap())
}

fn keeps_the_rules(receiver: &Receiver) {
    let good = signature(BODY);
    let (status, text) = receiver.post("a", now(), &good, BODY);
    assert!(status == 200 && text.contains("OK"), "{text}");
    let (status, text) = receiver.post("a", now(), &good, BODY);
    assert!(status == 200 && text.contains("Duplicate"), "{text}");
    let (status, text) = receiver.post("b", now(), &good, &BODY.replace("chào", "chao"));
    assert!(status == 401 && text.contains("Invalid signature"), "{text}");
    let (status, text) = receiver.post("b", now(), "", BODY);
    assert!(status == 401 && text.contains("Invalid signature"), "{text}");
    let (status, text) = receiver.post("b", now() - 400, &good, BODY);
    assert!(status == 400 && text.contains("Stale timestamp"), "{text}");
    let (status, text) = receiver.post("b", now() + 200, &good, BODY);
    assert!(status == 200 && text.contains("OK"), "{text}");
}

#[test]
fn the_receiver_for_node_keeps_the_rules() {
    keeps_the_rules(&Receiver::start("node", "receiver.mjs"));
}

#[test]
fn the_receiver_for_python_keeps_the_rules() {
    keeps_the_rules(&Receiver::start("python3", "receiver.py"));
}

#[test]
fn the_receiver_for_php_keeps_the_rules() {
    keeps_the_rules(&Receiver::start_php());
}

#[test]
fn the_receiver_for_ruby_keeps_the_rules() {
    keeps_the_rules(&Receiver::start("ruby", "receiver.rb"));
}

#[test]
fn the_receiver_for_go_keeps_the_rules() {
    keeps_the_rules(&Receiver::start_go());
}
