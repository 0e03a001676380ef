//! What no HTTP client should send, and TLS.

use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use server::tls;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::support::TestServer;

/// Sends bytes and returns the status line's number and whether the server closed the connection.
async fn raw(server: &TestServer, bytes: &[u8]) -> (u16, bool) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The server may close before it has read everything.
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut answer)).await.is_ok();
    let text = String::from_utf8_lossy(&answer);
    (text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0), closed)
}

#[tokio::test]
async fn ambiguous_and_oversized_requests_are_refused_and_the_connection_closed() {
    let server = TestServer::start().await;
    let post = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let wide = format!("X: {}\r\n\r\n", "a".repeat(20_000));
    let many: String = (0..150).map(|number| format!("X{number}: a\r\n")).chain(["\r\n".to_owned()]).collect();
    for (rest, status) in [
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n", 400),
        (wide.as_str(), 431),
        (many.as_str(), 431),
    ] {
        let shown = &rest[..rest.len().min(60)];
        assert_eq!(raw(&server, format!("{post}{rest}").as_bytes()).await, (status, true), "{shown:?}");
    }
    assert_eq!(raw(&server, b"\x16\x03\x01\x02\x00\x01\x00").await, (400, true), "TLS on the plain port");
    assert_eq!(server.send("GET", "/healthz", &[], "").await.status, 200, "the server goes on");
    server.stop().await;
}

/// Asks for `/api/auth/me` on an open connection; `None` if the server has closed it.
async fn ask(stream: &mut TcpStream, token: &str) -> Option<u16> {
    let request = format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = [0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.ok()?.ok()?;
    String::from_utf8_lossy(&answer[..read]).get(9..12)?.parse().ok()
}

#[tokio::test]
async fn an_address_has_few_connections_until_somebody_signs_in_on_them() {
    let server = TestServer::start_with(|config| {
        config.http.stranger_connections = 4;
        config.limits.auth = 1_000;
    })
    .await;
    let token = server.admin_token().await;
    let connect = async || TcpStream::connect(server.address()).await.unwrap();
    let mut known = Vec::new();
    // The test's own client holds one, on which it signed in and has asked for nothing since.
    for _ in 0..20 {
        let mut stream = connect().await;
        assert_eq!(ask(&mut stream, &token).await, Some(200), "whoever signed in does not count");
        known.push(stream);
    }
    let mut strangers = Vec::new();
    for _ in 0..3 {
        let mut stream = connect().await;
        assert_eq!(ask(&mut stream, "1|nonsense").await, Some(401));
        strangers.push(stream);
    }
    assert_eq!(ask(&mut connect().await, &token).await, None, "one too many is closed at once");
    for stream in known.iter_mut().chain([&mut strangers[0]]) {
        assert_eq!(ask(stream, &token).await, Some(200), "those from before are served, whoever they were");
    }
    assert_eq!(ask(&mut connect().await, &token).await, Some(200), "there is room again");
    strangers.clear();
    server.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_is_no_stranger() {
    let server = TestServer::start_with(|config| {
        config.http.stranger_connections = 1;
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        assert_eq!(ask(&mut stream, "1|nonsense").await, Some(401));
        streams.push(stream);
    }
    server.stop().await;
}

#[tokio::test]
async fn unusual_methods_do_nothing() {
    let server = TestServer::start().await;
    for method in ["TRACE", "PROPFIND", "LOGOUT"] {
        assert_eq!(server.send(method, "/api/auth/logout", &[], "").await.status, 405, "{method}");
    }
    let token = server.admin_token().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("x-http-method-override", "DELETE")];
    assert_eq!(server.send("GET", "/api/auth/me", &headers, "").await.status, 200);
    let cross = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let preflight = server.send("OPTIONS", "/api/auth/login", &cross, "").await;
    assert!(!preflight.headers.contains_key("access-control-allow-origin"));
    server.stop().await;
}

/// Asks over TLS for `/healthz` with HTTP/1.1; returns the answer and the certificate.
async fn ask_over_tls(server: &TestServer, authority: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.addresses.https[0]).await?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    Ok((answer, certificates[0].to_vec()))
}

#[tokio::test]
async fn the_same_api_is_served_over_tls_and_a_renewed_certificate_is_taken_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (cert_file, key_file) = tls::write_self_signed(folder.path(), &["localhost"]).unwrap();
    let server = TestServer::start_with(|config| {
        config.https.listen = vec![([127, 0, 0, 1], 0).into()];
        config.tls.cert_file = Some(cert_file.clone());
        config.tls.key_file = Some(key_file);
    })
    .await;
    assert!(server.addresses.public_url.starts_with("https://"));
    let (answer, first) = ask_over_tls(&server, &cert_file).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains(r#"{"status":"ok"}"#), "{answer}");

    tls::write_self_signed(folder.path(), &["localhost"]).unwrap();
    server.reload_certificates();
    let (answer, second) = ask_over_tls(&server, &cert_file).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"));
    assert_ne!(first, second);
    server.stop().await;
}
