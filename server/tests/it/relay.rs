//! A mail relay that keeps the letters it takes.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinSet,
};

/// A relay without TLS that takes every letter.
pub(crate) struct Relay {
    pub(crate) port: u16,
    letters: Arc<Mutex<Vec<String>>>,
    _talks: JoinSet<()>,
}

impl Relay {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let letters: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut talks = JoinSet::new();
        let taken = Arc::clone(&letters);
        talks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                stream.write_all(b"220 relay.test ESMTP\r\n").await.ok();
                let (mut line, mut data, mut in_data) = (String::new(), String::new(), false);
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    let answer = match line.trim_end() {
                        "." if in_data => {
                            in_data = false;
                            taken.lock().unwrap().push(std::mem::take(&mut data));
                            "250 taken\r\n"
                        }
                        _ if in_data => {
                            data.push_str(&line);
                            ""
                        }
                        "DATA" => {
                            in_data = true;
                            "354 go ahead\r\n"
                        }
                        _ => "250 fine\r\n",
                    };
                    stream.write_all(answer.as_bytes()).await.ok();
                    line.clear();
                }
            }
        });
        Self { port, letters, _talks: talks }
    }

    pub(crate) fn letters(&self) -> Vec<String> {
        self.letters.lock().unwrap().clone()
    }
}
