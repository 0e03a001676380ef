use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use sha2::Sha256;

use super::*;

const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ42";

struct Sender {
    receiver: Receiver,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    _folder: tempfile::TempDir,
}

impl Sender {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let receiver = Receiver::open(Config { listen, ca_file: folder.path().join("ca.pem") }).await.unwrap();
        receiver.set_secret("/crm", SECRET);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(receiver.ca_file()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector =
            hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        Self { receiver, client: Client::builder(TokioExecutor::new()).build(connector), _folder: folder }
    }

    async fn send(&self, path: &str, id: &str, age: i64) -> Response<Incoming> {
        self.try_send(path, id, age).await.unwrap()
    }

    async fn try_send(
        &self,
        path: &str,
        id: &str,
        age: i64,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        let body = br#"{"event":"webhook.test","data":{"call_uuid":"c-1"}}"#;
        let timestamp = clock::epoch_millis() / 1000 - age;
        let mut plain = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        let mut full = plain.clone();
        plain.update(body);
        full.update(format!("{id}.{timestamp}.").as_bytes());
        full.update(body);
        let request = Request::post(self.receiver.url(path))
            .header("x-zorio-event", "webhook.test")
            .header("x-zorio-delivery", id)
            .header("x-zorio-timestamp", timestamp)
            .header("x-zorio-signature", format!("sha256={}", hex::encode(plain.finalize().into_bytes())))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", format!("v1,{}", STANDARD.encode(full.finalize().into_bytes())))
            .body(Full::from(&body[..]))
            .unwrap();
        self.client.request(request).await
    }

    async fn text(&self, path: &str, id: &str, age: i64) -> (u16, String) {
        let response = self.send(path, id, age).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn a_delivery_is_verified_recorded_and_its_repetition_dropped() {
    let sender = Sender::new().await;
    assert_eq!(sender.text("/crm", "d-1", 0).await, (200, "OK".to_owned()));
    assert_eq!(sender.text("/crm", "d-1", 0).await, (200, "Duplicate".to_owned()));
    let first = sender.receiver.wait_for(Duration::from_secs(5), |d| d.id() == "d-1").await.unwrap();
    assert!(first.verified() && !first.duplicate);
    assert_eq!((first.event(), first.call_uuid().as_deref()), ("webhook.test", Some("c-1")));
    assert!(sender.receiver.deliveries()[1].duplicate);
}

#[tokio::test]
async fn an_old_timestamp_is_400_and_a_foreign_path_401() {
    let sender = Sender::new().await;
    assert_eq!(sender.text("/crm", "d-1", 301).await, (400, "Stale timestamp".to_owned()));
    assert_eq!(sender.text("/other", "d-1", 0).await, (401, "Invalid signature".to_owned()));
    // What was refused is no first time: the retry counts.
    assert_eq!(sender.text("/crm", "d-1", 0).await, (200, "OK".to_owned()));
}

#[tokio::test]
async fn bad_manners_last_as_long_as_they_were_ordered() {
    let sender = Sender::new().await;
    sender.receiver.set_manners("/crm", Manners::RetryAfter(503, "7".to_owned()), Times::Next(2));
    for _ in 0..2 {
        let answer = sender.send("/crm", "d-1", 0).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"7".parse().unwrap()));
    }
    assert_eq!(sender.text("/crm", "d-2", 0).await.0, 200);
    sender.receiver.set_manners("/crm", Manners::Redirects("https://127.0.0.1/".to_owned()), Times::Always);
    assert_eq!(sender.send("/crm", "d-3", 0).await.status().as_u16(), 302);
}

#[tokio::test]
async fn a_dripping_answer_comes_byte_by_byte_and_a_hanging_one_never() {
    let sender = Sender::new().await;
    sender.receiver.set_manners("/crm", Manners::Drips(Duration::from_millis(1)), Times::Next(1));
    let mut drip = sender.send("/crm", "d-1", 0).await.into_body();
    for _ in 0..3 {
        assert_eq!(drip.frame().await.unwrap().unwrap().into_data().unwrap(), Bytes::from_static(b"."));
    }
    sender.receiver.set_manners("/crm", Manners::Hangs, Times::Next(1));
    let hanging = tokio::time::timeout(Duration::from_millis(200), sender.send("/crm", "d-2", 0)).await;
    assert!(hanging.is_err());
    assert_eq!(sender.receiver.deliveries().len(), 2);
}

#[tokio::test]
async fn a_reset_is_no_answer_and_a_slow_one_is_a_good_one() {
    let sender = Sender::new().await;
    sender.receiver.set_manners("/crm", Manners::Resets, Times::Next(1));
    assert!(sender.try_send("/crm", "d-1", 0).await.is_err());
    sender.receiver.set_manners("/crm", Manners::Dawdles(Duration::from_millis(20)), Times::Next(1));
    assert_eq!(sender.text("/crm", "d-2", 0).await, (200, "OK".to_owned()));
    assert_eq!(sender.receiver.deliveries().len(), 2);
}

#[tokio::test]
async fn what_is_passed_on_reaches_the_program_as_it_came() {
    let sender = Sender::new().await;
    let program = TcpListener::bind("127.0.0.1:0").await.unwrap();
    sender.receiver.set_manners("/crm", Manners::Passes(program.local_addr().unwrap()), Times::Always);
    let answering = async {
        let (mut stream, _) = program.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let length = tokio::io::AsyncReadExt::read(&mut stream, &mut read).await.unwrap();
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nOK";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        String::from_utf8_lossy(&read[..length]).into_owned()
    };
    let (answer, read) = tokio::join!(sender.text("/crm", "d-1", 0), answering);
    assert_eq!(answer, (202, "OK".to_owned()));
    assert!(read.starts_with("POST /crm ") && read.contains("x-zorio-delivery: d-1"), "{read}");
}
