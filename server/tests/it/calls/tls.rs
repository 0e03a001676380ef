//! Phones and carriers by TLS.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use sandbox::{Agent, Carrier, Voice, agent, carrier, phone};
use sip::{Destination, Transport};
use tempfile::TempDir;
use testkit::{
    Authority, Baresip, World,
    baresip::Account,
    until,
    world::{NOTICED, PATIENCE},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::ZORIO;

/// An authority, the server's certificate of it in files, and a folder for certificates of domains.
pub(crate) struct Papers {
    pub(crate) authority: Authority,
    folder: TempDir,
}

impl Papers {
    pub(crate) fn new() -> Self {
        let papers = Self { authority: Authority::new().unwrap(), folder: tempfile::tempdir().unwrap() };
        papers.renew();
        fs::create_dir(papers.file("domains")).unwrap();
        fs::write(papers.file("ca.pem"), papers.authority.pem()).unwrap();
        papers
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes another certificate over the server's.
    fn renew(&self) {
        let issued = self.authority.issue(&["127.0.0.1", "localhost"]).unwrap();
        fs::write(self.file("key.pem"), &issued.key_pem).unwrap();
        fs::write(self.file("cert.pem"), &issued.cert_pem).unwrap();
    }

    /// Writes a certificate for a domain, as certbot does.
    fn domain(&self, name: &str) {
        let issued = self.authority.issue(&[name]).unwrap();
        let folder = self.file("domains").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("privkey.pem"), &issued.key_pem).unwrap();
        fs::write(folder.join("fullchain.pem"), &issued.cert_pem).unwrap();
    }

    /// Opens a world whose server speaks TLS.
    pub(crate) async fn world(&self, more: &[(&str, &str)]) -> World {
        let paths = ["cert.pem", "key.pem", "domains", "ca.pem"].map(|name| self.file(name).display().to_string());
        let names = ["ZORIO_TLS__CERT_FILE", "ZORIO_TLS__KEY_FILE", "ZORIO_TLS__DOMAINS_DIR", "ZORIO_SIP__TLS_CA_FILE"];
        let mut settings: Vec<(&str, &str)> = names.into_iter().zip(paths.iter().map(String::as_str)).collect();
        settings.extend([("ZORIO_CALLS__RING_SECONDS", "3"), ("ZORIO_CALLS__AGENT_RING_SECONDS", "3")]);
        settings.extend_from_slice(more);
        World::open(ZORIO, &settings).await.unwrap()
    }

    /// Shakes hands as a client that asks for `name`; the certificate has to bear it.
    async fn connect(&self, to: SocketAddr, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(to).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(self.authority.client()).connect(name, stream).await
    }
}

/// Registers a simulated phone by TLS.
async fn agent_by_tls(world: &World, papers: &Papers, extension: &str) -> Agent {
    let password = world.server.extension(extension).await.unwrap();
    let mut config = agent::Config::new(extension, &password, world.server.sip());
    config.registrar = Destination::new(world.server.sip_tls(), Transport::Tls);
    config.tls = Some(papers.authority.client());
    Agent::register(config, world.media.clone()).await.unwrap()
}

fn serial(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS c.invalid;branch=z9hG4bKx1;rport\r\n\
    Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
    Content-Length: 0\r\n\r\n";

async fn answers_options(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(OPTIONS.as_bytes()).await.unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"SIP/2.0 200 OK\r");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baresip_phone_by_tls_hears_a_customer() {
    let papers = Papers::new();
    let world = papers.world(&[]).await;
    let password = world.server.extension("1001").await.unwrap();
    let voice = Voice::of_agent("1001");
    let says = world.wav("says.wav", &[&voice.clip()[..], &voice.clip()[..]].concat()).unwrap();
    let registrar = world.server.sip_tls();
    let account = Account { extension: "1001", password: &password, registrar, says: &says, answers: true };
    let (listen, control) = (world.server.spare(0), world.server.spare(9));
    let phone = Baresip::start_by_tls(account, &papers.file("ca.pem"), listen, control).await.unwrap();
    let call = world.click("1001", "84281234577").await.unwrap();
    let far = world.carrier.call_to("84281234577", PATIENCE).await.unwrap();
    until("the customer hears the agent", PATIENCE, async || (far.heard().len() > 16_000).then_some(())).await.unwrap();
    let metrics = world.server.metrics().await.unwrap();
    assert!(metrics.contains("sip_connections{transport=\"tls\"} 1"), "{metrics}");
    phone.hang_up().await.unwrap();
    world.event("pbx.cdr.created", &call).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_while_the_certificate_is_exchanged() {
    let papers = Papers::new();
    let world = papers.world(&[]).await;
    let agent = agent_by_tls(&world, &papers, "1001").await;
    let call = world.click("1001", "84281234577").await.unwrap();
    let far = world.carrier.call_to("84281234577", PATIENCE).await.unwrap();
    world.event("pbx.call.answered", &call).await.unwrap();
    let tls = world.server.sip_tls();
    let mut old = papers.connect(tls, "127.0.0.1").await.unwrap();
    let first = serial(&old);

    papers.renew();
    until("new connections get the new certificate", Duration::from_secs(25), async || {
        let stream = papers.connect(tls, "127.0.0.1").await.ok()?;
        (serial(&stream) != first).then_some(())
    })
    .await
    .unwrap();
    // What stood before stands on, the call too.
    answers_options(&mut old).await;
    let heard = far.heard().len();
    until("they still talk", PATIENCE, async || (far.heard().len() > heard + 8_000).then_some(())).await.unwrap();
    agent.refresh().await.unwrap();
    far.hang_up();
    let cdr = world.event("pbx.cdr.created", &call).await.unwrap();
    assert_eq!(cdr["hangup_cause"], "NORMAL_CLEARING", "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_shows_its_own_certificate_from_the_moment_it_has_one() {
    let papers = Papers::new();
    papers.domain("one.example");
    let world = papers.world(&[]).await;
    for at in [world.server.sip_tls(), world.server.sip_ws()[1]] {
        papers.connect(at, "one.example").await.unwrap();
        papers.connect(at, "localhost").await.unwrap();
        let stranger = papers.connect(at, "two.example").await;
        assert!(stranger.is_err(), "the server's own certificate does not bear that name");
    }
    papers.domain("two.example");
    until("the new domain is found", Duration::from_secs(25), async || {
        papers.connect(world.server.sip_tls(), "two.example").await.ok()
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_by_tls_carries_calls_where_the_certificate_is_right() {
    let papers = Papers::new();
    let world = papers.world(&[]).await;
    let _agent = world.agent("1001").await.unwrap();
    let config = |tls| carrier::Config { tls: Some(tls), ..carrier::Config::on_loopback() };
    let media = phone::media(59_000..=59_999).unwrap();
    let right = papers.authority.issue(&["127.0.0.1"]).unwrap().server();
    let wrong = Authority::new().unwrap().issue(&["127.0.0.1"]).unwrap().server();
    for (name, tls, cause) in [("right", right, "NORMAL_CLEARING"), ("wrong", wrong, "NORMAL_TEMPORARY_FAILURE")] {
        let carrier = Carrier::open(config(Arc::clone(&tls)), media.clone()).await.unwrap();
        let at = carrier.tls_address().unwrap();
        let (host, port) = (at.ip().to_string(), at.port().to_string());
        let create = ["trunk", "create", "--name", name, "--host", &host, "--port", &port, "--transport", "tls"];
        world.server.admin(&create).await.unwrap();
        tokio::time::sleep(NOTICED).await;
        let body = serde_json::json!({"from_extension": "1001", "to_phone": "84281234577", "trunk_name": name});
        let reply = world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap();
        let reply = reply.expect_status(202).unwrap();
        let call =
            reply.json["data"]["call_uuid"].as_str().or_else(|| reply.json["call_uuid"].as_str()).unwrap().to_owned();
        if name == "right" {
            let far = carrier.call_to("84281234577", PATIENCE).await.unwrap();
            world.event("pbx.call.answered", &call).await.unwrap();
            far.hang_up();
        }
        let cdr = world.event("pbx.cdr.created", &call).await.unwrap();
        assert_eq!(cdr["hangup_cause"], cause, "{cdr}");
    }
}
