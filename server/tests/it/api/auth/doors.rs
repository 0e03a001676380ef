//! The API's tokens and the console's sessions: neither opens the other.

use accounts::{SignIn, SignedIn, Visit};

use crate::support::{PASSWORD, TestServer};

fn visit() -> Visit {
    let address = std::net::IpAddr::from([127, 0, 0, 1]);
    Visit { host: None, address, user_agent: String::new(), request_id: String::new() }
}

#[tokio::test]
async fn a_session_opens_no_endpoint_of_the_api_and_a_token_no_page() {
    let server = TestServer::start().await;
    let accounts = &server.rooms.accounts;
    let attempt = SignIn { username: "admin".to_owned(), password: PASSWORD.to_owned() };
    let SignedIn::Complete(new) = accounts.sign_in(attempt, &visit()).await.unwrap() else {
        panic!("no second factor")
    };
    let session = accounts.session(&new.cookie, &visit()).await.unwrap().unwrap();
    let other = "a quiet otter sings at dawn";
    let cookie = accounts.change_password(&session, PASSWORD, other).await.unwrap().cookie;
    assert!(accounts.session(&cookie, &visit()).await.unwrap().is_some());

    let cookies = format!("sid={cookie}; __Host-sid={cookie}; session={cookie}");
    for headers in [
        vec![("cookie", cookies.as_str())],
        vec![("authorization", cookie.as_str())],
        vec![("authorization", &*format!("Bearer {cookie}"))],
        vec![("authorization", &*format!("Bearer {}|{cookie}", session.id.0))],
    ] {
        assert_eq!(server.send("GET", "/api/auth/me", &headers, "").await.status, 401, "{headers:?}");
    }
    let reply = server.login("admin", other).await;
    let token = reply.json["token"].as_str().unwrap();
    for text in [token, token.split_once('|').unwrap().1] {
        assert!(accounts.session(text, &visit()).await.unwrap().is_none());
    }
    server.stop().await;
}

#[tokio::test]
async fn the_login_asks_a_user_with_a_second_factor_for_its_code() {
    let server = TestServer::start().await;
    let accounts = &server.rooms.accounts;
    let attempt = SignIn { username: "admin".to_owned(), password: PASSWORD.to_owned() };
    let SignedIn::Complete(new) = accounts.sign_in(attempt, &visit()).await.unwrap() else { panic!("none yet") };
    let session = accounts.session(&new.cookie, &visit()).await.unwrap().unwrap();
    let other = "a quiet otter sings at dawn";
    let cookie = accounts.change_password(&session, PASSWORD, other).await.unwrap().cookie;
    let session = accounts.session(&cookie, &visit()).await.unwrap().unwrap();
    let offer = accounts.totp_begin(&session).await.unwrap();
    let code = code_of(&offer.secret, server.rooms.db.now().secs());
    let (_, recovery) = accounts.totp_confirm(&session, &code).await.unwrap();

    let json_type = [("content-type", "application/json")];
    let login = async |password: &str, code: Option<&str>| {
        let body = serde_json::json!({"username": "admin", "password": password, "code": code}).to_string();
        let reply = server.send("POST", "/api/auth/login", &json_type, body).await;
        (reply.status.as_u16(), reply.json["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(login(other, None).await, (401, "auth.code_needed".to_owned()));
    assert_eq!(login("wrong", None).await, (401, "auth.invalid_credentials".to_owned()), "nothing is told before");
    assert_eq!(login(other, Some("000000")).await, (401, "auth.invalid_code".to_owned()));
    assert_eq!(login(other, Some(&code)).await.0, 401, "it was used to confirm");
    assert_eq!(login(other, Some(&recovery[0])).await.0, 200);
    assert_eq!(login(other, Some(&recovery[0])).await.0, 401);
    server.stop().await;
}

/// What an authenticator app shows (RFC 6238), computed independently of the server.
fn code_of(secret: &str, seconds: i64) -> String {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for c in secret.chars().filter(char::is_ascii_alphanumeric) {
        buffer = (buffer << 5) | "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap() as u32;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
        }
    }
    let script = "import hmac,sys,struct;k=bytes.fromhex(sys.argv[1]);t=struct.pack('>Q',int(sys.argv[2])//30);\
                  h=hmac.new(k,t,'sha1').digest();o=h[19]&15;print('%06d'%((struct.unpack('>I',h[o:o+4])[0]&0x7fffffff)%10**6))";
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let output =
        std::process::Command::new("python3").args(["-c", script, &key, &seconds.to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
