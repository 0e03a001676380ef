//! HTTP that no client sends (§3.5 H01-H09, H17, H19), on raw sockets.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, interval, timeout},
};

use super::Fort;

/// All that came back on a connection, and how long it took the server to close it.
struct Exchange {
    text: String,
    closed_after: Option<Duration>,
}

impl Exchange {
    /// Returns the status of every answer.
    fn statuses(&self) -> Vec<u16> {
        let heads = self.text.match_indices("HTTP/1.1 ");
        heads.filter_map(|(at, head)| self.text.get(at + head.len()..)?.get(..3)?.parse().ok()).collect()
    }
}

/// Sends bytes and reads until the server closes, `patience` at most.
async fn exchange(server: SocketAddr, bytes: &[u8], patience: Duration) -> Exchange {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let began = Instant::now();
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let both = async {
        // The server may close before it has taken everything.
        tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut answer))
    };
    let closed = timeout(patience, both).await.is_ok();
    Exchange { text: String::from_utf8_lossy(&answer).into_owned(), closed_after: closed.then(|| began.elapsed()) }
}

fn address(fort: &Fort) -> SocketAddr {
    fort.server.base().trim_start_matches("http://").parse().unwrap()
}

/// A request that must never be answered: it is hidden in the body of another.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: hidden\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn no_request_hides_in_another() {
    let mut fort = Fort::open().await;
    let server = address(&fort);
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let rows: Vec<(&str, String, &str)> = vec![
        ("H01 two lengths", "Content-Length: 5\r\nContent-Length: 50\r\n".to_owned(), HIDDEN),
        ("H01 two lengths in one field", "Content-Length: 0, 50\r\n".to_owned(), HIDDEN),
        (
            "H01 a length and chunks",
            format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", chunked.len()),
            &chunked,
        ),
        (
            "H01 chunks and a length",
            format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", chunked.len()),
            &chunked,
        ),
        ("H01 chunked, identity", "Transfer-Encoding: chunked, identity\r\n".to_owned(), &chunked),
        ("H01 identity, chunked", "Transfer-Encoding: identity, chunked\r\n".to_owned(), &chunked),
        ("H01 chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".to_owned(), &chunked),
        ("H01 xchunked", "Transfer-Encoding: xchunked\r\n".to_owned(), &chunked),
        ("H01 a blank in front", " Transfer-Encoding: chunked\r\n".to_owned(), &chunked),
        ("H01 a blank before the colon", "Transfer-Encoding : chunked\r\n".to_owned(), &chunked),
        ("H01 a tab before the colon", "Content-Length\t: 50\r\n".to_owned(), HIDDEN),
        ("H01 a folded field", "Transfer-Encoding:\r\n chunked\r\n".to_owned(), &chunked),
        ("H01 a vertical tab", "Transfer-Encoding:\x0bchunked\r\n".to_owned(), &chunked),
        ("H01 a chunk of 2^64", "Transfer-Encoding: chunked\r\n".to_owned(), "FFFFFFFFFFFFFFFFF\r\n"),
        (
            "H01 a chunk of 2^64 - 1",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            "FFFFFFFFFFFFFFFF\r\nGET / HTTP/1.1\r\n",
        ),
        ("H01 a chunk of -1", "Transfer-Encoding: chunked\r\n".to_owned(), "-1\r\n"),
        ("H01 a chunk of 0x5", "Transfer-Encoding: chunked\r\n".to_owned(), "0x5\r\nhello\r\n0\r\n\r\n"),
        (
            "H01 an endless chunk extension",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            &*format!("1;{}", "a".repeat(100_000)).leak(),
        ),
        ("H01 a negative length", "Content-Length: -1\r\n".to_owned(), HIDDEN),
        ("H01 a length with a sign", "Content-Length: +5\r\n".to_owned(), HIDDEN),
        ("H01 a length of 2^64", "Content-Length: 18446744073709551616\r\n".to_owned(), HIDDEN),
        ("H01 NUL in a field", "X: a\0b\r\nContent-Length: 0\r\n".to_owned(), ""),
        ("H01 a bare CR in a field", "X: a\rContent-Length: 50\r\nContent-Length: 0\r\n".to_owned(), ""),
    ];
    for (id, fields, body) in rows {
        let request =
            format!("POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{fields}\r\n{body}");
        let found = exchange(server, request.as_bytes(), Duration::from_secs(3)).await;
        assert!(found.statuses().len() <= 1, "{id}: {}", found.text);
        assert!(found.statuses().iter().all(|status| (400..500).contains(status)), "{id}: {}", found.text);
        // A chunk as large as a number can be is waited for, up to the limits of size and time.
        let waits = id.ends_with("2^64 - 1") && found.statuses().is_empty();
        assert!(waits || found.closed_after.is_some(), "{id}: the connection was left open");
        fort.stands(id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_get_one_refusal() {
    let mut fort = Fort::open().await;
    let server = address(&fort);
    let token = fort.server.crm().token().unwrap().to_owned();
    let long = "a".repeat(100_000);
    let many: String = (0..200).map(|n| format!("X{n}: a\r\n")).collect();
    let authorized = format!("Authorization: Bearer {token}\r\n");
    let rows: Vec<(&str, String, &[u16])> = vec![
        ("H05 TRACE", "TRACE /api/auth/me HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[401, 405]),
        ("H05 CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400, 404, 405]),
        ("H05 PROPFIND", "PROPFIND /api/auth/me HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[405]),
        ("H05 a method of symbols", "!#$% /api/auth/me HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400, 405]),
        ("H05 a method of 100 KiB", format!("{long} / HTTP/1.1\r\nHost: x\r\n\r\n"), &[400, 405, 414, 431]),
        ("H05 GET with a body", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\n{authorized}Content-Length: 5\r\n\r\nhello"), &[200]),
        ("H05 an override", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\n{authorized}X-HTTP-Method-Override: DELETE\r\n\r\n"), &[200]),
        ("a whole URL of another host", format!("GET http://evil.example/api/auth/me HTTP/1.1\r\nHost: x\r\n{authorized}\r\n"), &[200, 400, 401, 404, 421]),
        ("no host", "GET /healthz HTTP/1.1\r\n\r\n".to_owned(), &[200, 400]),
        ("two hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), &[200, 400]),
        ("HTTP/3.0", "GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n".to_owned(), &[400, 505]),
        ("a URL of 100 KiB", format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), &[404, 414, 431]),
        ("a field of 100 KiB", format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), &[431]),
        ("200 fields", format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"), &[431]),
        ("a path with dots", "GET /api/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400, 404]),
        ("a path with encoded dots", "GET /recordings/%2e%2e%2f%2e%2e%2fzorio.db HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400, 403, 404]),
        ("a path with NUL", "GET /api/pbx/extensions/%00 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400, 401, 404]),
        ("a path with bad UTF-8", format!("GET /api/pbx/extensions/%ff HTTP/1.1\r\nHost: x\r\n{authorized}\r\n"), &[400, 404]),
        ("H17 no login", "GET /api/auth/me HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[401]),
        ("H17 two logins", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\n{authorized}{authorized}\r\n"), &[401]),
        ("H17 Basic", "GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n\r\n".to_owned(), &[401]),
        ("H17 only the scheme", "GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\n\r\n".to_owned(), &[401]),
        ("H17 a guess", "GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 1|aaaaaaaa\r\n\r\n".to_owned(), &[401]),
        ("H17 a letter more", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}a\r\n\r\n"), &[401]),
        ("H17 a letter less", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", &token[..token.len() - 1]), &[401]),
        ("H17 the number of another", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 9{token}\r\n\r\n"), &[401]),
        ("H17 bytes", "GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \u{ff}\u{fe}\r\n\r\n".to_owned(), &[400, 401]),
        ("H17 in the query", format!("GET /api/auth/me?token={} HTTP/1.1\r\nHost: x\r\n\r\n", token.replace('|', "%7C")), &[400, 401]),
        ("H17 in the query beside a good one", format!("GET /api/auth/me?access_token=x HTTP/1.1\r\nHost: x\r\n{authorized}\r\n"), &[400]),
        ("H17 a cookie", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\nCookie: token={token}\r\n\r\n"), &[401]),
        ("H19 a foreign origin", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\n{authorized}Origin: https://evil.example\r\n\r\n"), &[200]),
        ("H19 no origin at all", format!("GET /api/auth/me HTTP/1.1\r\nHost: x\r\n{authorized}Origin: null\r\n\r\n"), &[200]),
        ("H19 a preflight", "OPTIONS /api/auth/me HTTP/1.1\r\nHost: x\r\nOrigin: https://app.zorio.vn.evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n".to_owned(), &[200, 204, 401, 404, 405]),
        ("an id of a request with line ends", "GET /api/auth/me HTTP/1.1\r\nHost: x\r\nX-Request-Id: a%0d%0a[ERROR] fake\r\n\r\n".to_owned(), &[401]),
        ("an address of one's own choice", "GET /api/auth/me HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 127.0.0.1, x\r\nForwarded: for=1\r\n\r\n".to_owned(), &[401]),
    ];
    for (id, request, allowed) in rows {
        // A second request behind it ends the connection in an orderly way.
        let request = format!("{request}GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let found = exchange(server, request.as_bytes(), Duration::from_secs(3)).await;
        let first = found.statuses().first().copied();
        assert!(first.is_some_and(|status| allowed.contains(&status)), "{id}: {}", found.text);
        assert!(found.closed_after.is_some(), "{id}: the connection was left open");
        let lower = found.text.to_ascii_lowercase();
        assert!(!lower.contains("access-control-allow-origin"), "{id}: {}", found.text);
        assert!(!found.text.contains(&token), "{id}: the token came back: {}", found.text);
        fort.stands(id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_bodies_are_refused() {
    let mut fort = Fort::open().await;
    let server = address(&fort);
    let text = |body: &str| body.as_bytes().to_vec();
    let utf16: Vec<u8> = r#"{"username":"a"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let json = "application/json";
    let rows: Vec<(&str, &str, Vec<u8>, &[u16])> = vec![
        ("H07 half a million brackets", json, b"[".repeat(500_000), &[400]),
        ("H07 a hundred thousand objects", json, b"{\"a\":".repeat(100_000), &[400]),
        ("H07 33 levels", json, text(&format!("{{\"username\":{}1{}}}", "[".repeat(40), "]".repeat(40))), &[400]),
        ("H07 2 MiB", json, vec![b' '; 2 * 1024 * 1024], &[413]),
        ("H07 one key twice", json, text(r#"{"username":"a","username":"b","password":"c"}"#), &[400]),
        ("H07 one key twice, deep inside", json, text(r#"{"x":[{"a":1,"a":2}]}"#), &[400]),
        ("H07 one key twice, once escaped", json, text(r#"{"username":"a","us\u0065rname":"b"}"#), &[400]),
        ("H07 NaN", json, text(r#"{"username":NaN}"#), &[400]),
        ("H07 1e999", json, text(r#"{"username":1e999}"#), &[400, 422]),
        ("H07 minus nothing", json, text(r#"{"username":-0}"#), &[422]),
        ("H07 2^64", json, text(r#"{"username":18446744073709551616}"#), &[422]),
        ("H07 half a surrogate", json, text(r#"{"username":"\ud800"}"#), &[400]),
        ("H07 NUL", json, text(r#"{"username":"a\u0000b","password":"x"}"#), &[400]),
        ("H07 bytes", json, b"{\"username\":\"\xff\xfe\"}".to_vec(), &[400]),
        ("H07 a byte order mark", json, text("\u{feff}{}"), &[400]),
        ("H07 UTF-16", json, utf16, &[400]),
        ("H07 a comma at the end", json, text(r#"{"username":"a",}"#), &[400]),
        ("H07 a comment", json, text(r#"{/* x */}"#), &[400]),
        ("H07 two documents", json, text("{} {}"), &[400]),
        ("H07 a list", json, text("[]"), &[400]),
        ("H07 null", json, text("null"), &[400]),
        ("H07 nothing", json, text(""), &[400]),
        (
            "H07 a number of digits without end",
            json,
            text(&format!("{{\"username\":{}}}", "9".repeat(500_000))),
            &[400, 422],
        ),
        (
            "H07 hundred thousand keys",
            json,
            text(&format!("{{{}}}", (0..60_000).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(","))),
            &[422],
        ),
        ("H09 no type", "", text("{}"), &[415]),
        ("H09 text", "text/plain", text("{}"), &[415]),
        ("H09 UTF-7", "application/json; charset=utf-7", text("{}"), &[415]),
        ("H09 a form", "application/x-www-form-urlencoded", text("username=a&password=b"), &[415]),
        ("H09 multipart", "multipart/form-data; boundary=x", text("--x--"), &[415]),
        (
            "H09 XML",
            "application/xml",
            text("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"),
            &[415],
        ),
        ("H09 gzip", "application/json\r\nContent-Encoding: gzip", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), &[415]),
        (
            "L01 a password of 500 KiB",
            json,
            text(&format!("{{\"username\":\"admin\",\"password\":\"{}\"}}", "x".repeat(500_000))),
            &[401, 422],
        ),
        ("L01 SQL", json, text(r#"{"username":"admin'--","password":"x"}"#), &[401]),
        (
            "L01 a user name with line ends",
            json,
            text(r#"{"username":"a\r\n[ERROR] fake log","password":"x"}"#),
            &[401, 422],
        ),
        (
            "L01 a user name that turns the text round",
            json,
            text("{\"username\":\"a\u{202e}b\",\"password\":\"x\"}"),
            &[401, 422],
        ),
    ];
    for (id, content_type, body, allowed) in rows {
        let content_type =
            if content_type.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
        let head = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{content_type}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let found = exchange(server, &[head.as_bytes(), &body].concat(), Duration::from_secs(10)).await;
        let statuses = found.statuses();
        // Whoever sends what nobody reads may find the connection reset before the answer.
        let reset = statuses.is_empty() && body.len() > 1024 * 1024 && found.closed_after.is_some();
        assert!(reset || matches!(statuses[..], [status] if allowed.contains(&status)), "{id}: {}", found.text);
        fort.stands(id).await;
    }
}

/// H03: whoever is slow is cut off; the others notice nothing.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_off() {
    let mut fort = Fort::open().await;
    let server = address(&fort);
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let drip = async |start: String, text: &'static str| {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let began = Instant::now();
        stream.write_all(start.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut answer = Vec::new();
        let writes = async {
            let mut ticks = interval(Duration::from_secs(1));
            loop {
                ticks.tick().await;
                if text.is_empty() || writing.write_all(text.as_bytes()).await.is_err() {
                    return std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = writes => {}
            _ = timeout(Duration::from_secs(60), reading.read_to_end(&mut answer)) => {}
        }
        (began.elapsed(), String::from_utf8_lossy(&answer).into_owned())
    };
    // As many as strangers from one address may have.
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(TcpStream::connect(server).await.unwrap());
    }
    let (headers, body, silent) = tokio::join!(
        drip(head.to_owned(), "X: a\r\n"),
        drip(format!("{head}Content-Length: 1000\r\n\r\n"), " "),
        drip(String::new(), ""),
    );
    assert!(headers.0 < Duration::from_secs(13), "headers ended after {:?}", headers.0);
    assert!(silent.0 < Duration::from_secs(13), "silence ended after {:?}", silent.0);
    assert!(body.0 < Duration::from_secs(34), "a body ended after {:?}", body.0);
    assert!(body.1.starts_with("HTTP/1.1 408"), "{}", body.1);
    for mut stream in idle {
        let read = timeout(Duration::from_secs(1), stream.read(&mut [0; 1])).await;
        assert!(read.is_ok_and(|read| read.unwrap_or(0) == 0), "an idle connection is closed");
    }
    fort.stands("H03").await;
}
