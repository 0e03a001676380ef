//! `/api/v3`: the second published interface, with envelopes and errors of its own.

use std::time::Duration;

use domain::{Permission, Principal, principal::Role};
use sandbox::receiver::{Manners, Times};
use serde_json::{Value, json};
use testkit::{
    RawPhone, World, until,
    world::{NOTICED, PATIENCE},
};
use uuid::Uuid;

use crate::{calls::ZORIO, support::TestServer};

const PATH: &str = "/api/v3/calls/webhooks";
const URL: &str = "https://crm.example/incoming";

/// What the account's clients send.
struct Client {
    token: String,
    id: Option<String>,
}

impl Client {
    /// A machine token that may, with the account's client UUID.
    async fn new(server: &TestServer, who: &Principal) -> Self {
        let token = server.machine_token(who, &[Permission::PbxApiAccess]).await;
        let accounts = server.rooms.accounts.accounts().await.unwrap();
        let account = accounts.into_iter().find(|account| account.id == who.tenant).unwrap();
        Self { token, id: Some(account.client_id.to_string()) }
    }

    async fn ask(&self, server: &TestServer, method: &str, path: &str, body: &str) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(self.id.as_deref().map(|id| ("x-client-id", id)));
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        let reply = server.send(method, path, &headers, body.to_owned()).await;
        assert_eq!(reply.header("content-type"), "application/json", "{reply:?}");
        assert!(!reply.header("x-request-id").is_empty(), "{reply:?}");
        (reply.status.as_u16(), reply.json)
    }

    fn with_id(&self, id: Option<&str>) -> Self {
        Self { token: self.token.clone(), id: id.map(str::to_owned) }
    }

    fn with_token(&self, token: String) -> Self {
        Self { token, id: self.id.clone() }
    }
}

fn error(code: u16, message: &str) -> (u16, Value) {
    (code, json!({ "code": code, "message": message }))
}

fn success(url: &str, message: &str) -> (u16, Value) {
    (200, json!({ "status": "success", "data": { "url": url }, "message": message }))
}

fn place(url: &str) -> String {
    json!({ "url": url }).to_string()
}

#[tokio::test]
async fn the_url_is_set_read_and_set_again() {
    let server = TestServer::start().await;
    let client = Client::new(&server, &server.host()).await;
    assert_eq!(client.ask(&server, "GET", PATH, "").await, error(404, "No webhook URL configured."));
    for url in [URL, "https://crm.example/other", "https://crm.example/other"] {
        assert_eq!(client.ask(&server, "POST", PATH, &place(url)).await, success(url, "Webhook updated successfully"));
        assert_eq!(client.ask(&server, "GET", PATH, "").await, success(url, "Webhook retrieved successfully"));
    }
    // Another account's is its own.
    let (_, other) = server.another_account("other", None).await;
    let other = Client::new(&server, &other).await;
    assert_eq!(other.ask(&server, "GET", PATH, "").await, error(404, "No webhook URL configured."));
    // An administrator's own token will do too, also in another spelling of the UUID.
    let admin = client.with_token(server.admin_token().await);
    let upper = client.id.as_deref().map(str::to_uppercase);
    assert_eq!(admin.with_id(upper.as_deref()).ask(&server, "GET", PATH, "").await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn whoever_may_not_is_told_so_in_the_interfaces_words() {
    let server = TestServer::start().await;
    let client = Client::new(&server, &server.host()).await;
    let (_, stranger) = server.another_account("stranger", None).await;
    let stranger = Client::new(&server, &stranger).await;
    let denied = error(403, "Access denied");
    for (name, asking, answer) in [
        ("no token", client.with_token(String::new()), error(401, "Authentication required")),
        ("an unknown token", client.with_token("7|nobody".to_owned()), error(401, "Authentication required")),
        ("no client id", client.with_id(None), denied.clone()),
        ("no UUID", client.with_id(Some("1")), denied.clone()),
        ("an unknown client id", client.with_id(Some(&Uuid::new_v4().to_string())), denied.clone()),
        ("a foreign client id", client.with_id(stranger.id.as_deref()), denied.clone()),
        ("a foreign token", stranger.with_id(client.id.as_deref()), denied.clone()),
        ("no scope", client.with_token(server.machine_token(&server.host(), &[]).await), denied.clone()),
        ("an agent", client.with_token(server.user_token(&server.host(), "agent", Role::Agent).await), denied.clone()),
        (
            "a supervisor",
            client.with_token(server.user_token(&server.host(), "boss", Role::Supervisor).await),
            denied.clone(),
        ),
    ] {
        assert_eq!(asking.ask(&server, "GET", PATH, "").await, answer, "{name}");
        assert_eq!(asking.ask(&server, "POST", PATH, &place(URL)).await, answer, "{name}");
        // Who may not ask is not told what is wrong with the question.
        assert_eq!(asking.ask(&server, "POST", PATH, "{").await, answer, "{name}");
    }
    assert_eq!(client.ask(&server, "GET", PATH, "").await.0, 404, "nothing was set");
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_a_url_is_a_400() {
    let server = TestServer::start().await;
    let client = Client::new(&server, &server.host()).await;
    for (body, message) in [
        ("{", "Malformed request body"),
        ("[]", "Malformed request body"),
        ("{}", "The url field is missing or invalid."),
        (r#"{"url":7}"#, "The url field is missing or invalid."),
        (r#"{"url":""}"#, "This is not a valid URL."),
        (r#"{"url":"crm"}"#, "This is not a valid URL."),
        (r#"{"url":"http://crm.example/"}"#, "The URL must start with https://."),
    ] {
        assert_eq!(client.ask(&server, "POST", PATH, body).await, error(400, message), "{body}");
    }
    for url in
        ["https://127.0.0.1/", "https://10.0.0.1/", "https://localhost/", "https://[::1]/", "https://169.254.169.254/"]
    {
        let (status, answer) = client.ask(&server, "POST", PATH, &place(url)).await;
        assert_eq!((status, &answer["code"]), (400, &json!(400)), "{url}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_other_answer_below_it_has_the_same_form() {
    let server = TestServer::start_with(|config| config.limits.other = 20).await;
    let client = Client::new(&server, &server.host()).await;
    let sms = error(404, "SMS is not available.");
    for (method, path, answer) in [
        ("GET", "/api/v3/integrations/sms/webhooks", sms.clone()),
        ("PUT", "/api/v3/integrations/sms/webhooks", sms),
        ("GET", "/api/v3", error(404, "Resource not found")),
        ("GET", "/api/v3/", error(404, "Resource not found")),
        ("POST", "/api/v3/calls", error(404, "Resource not found")),
        ("DELETE", PATH, error(405, "Method not allowed")),
    ] {
        assert_eq!(client.ask(&server, method, path, "").await, answer, "{method} {path}");
    }
    let bearer = format!("Bearer {}", client.token);
    let id = client.id.clone().unwrap();
    let headers = [("authorization", bearer.as_str()), ("x-client-id", id.as_str()), ("content-type", "text/plain")];
    let reply = server.send("POST", PATH, &headers, place(URL)).await;
    assert_eq!((reply.status.as_u16(), reply.json), error(415, "The content type must be application/json."));
    let large = place(&"x".repeat(1024 * 1024));
    assert_eq!(client.ask(&server, "POST", PATH, &large).await, error(413, "The request body is too large."));
    let (status, answer) = client.ask(&server, "GET", &format!("{PATH}?access_token=x"), "").await;
    assert_eq!((status, &answer["code"]), (400, &json!(400)));
    // Messages are the published ones in every language.
    let vietnamese = [("authorization", bearer.as_str()), ("x-client-id", "no"), ("accept-language", "vi")];
    assert_eq!(server.send("GET", PATH, &vietnamese, "").await.json, error(403, "Access denied").1);
    let refused = until("the limit is reached", Duration::from_secs(10), async || {
        let reply = server.send("GET", PATH, &headers, "").await;
        (reply.status == 429).then_some(reply)
    })
    .await
    .unwrap();
    assert_eq!(refused.json["code"], 429);
    assert_eq!(refused.json.as_object().unwrap().len(), 2, "{}", refused.text);
    assert!(refused.number("retry-after") > 0 && refused.number("x-ratelimit-limit") == 20);
    server.stop().await;
}

/// An INVITE from a carrier to one of the account's numbers.
const INVITE: &str = "INVITE sip:02873001234@{server} SIP/2.0\nVia: SIP/2.0/UDP {local};branch={branch};rport\n\
Max-Forwards: 70\nFrom: \"Nguyen An\" <sip:{user}@carrier.example>;tag={tag}\nTo: <sip:02873001234@{server}>\n\
Call-ID: {call}\nCSeq: {cseq} INVITE\nContact: <sip:{user}@{local}>\nContent-Type: application/sdp\nContent-Length: {length}\n\n\
v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 40000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_from_outside_is_told_once_signed_and_in_the_history() {
    let world = World::open(ZORIO, &[("ZORIO_WEBHOOKS__RETRY_SCALE", "0.05")]).await.unwrap();
    let server = &world.server;
    let carrier = "127.6.6.7";
    let create = ["trunk", "create", "--name", "outside", "--host", carrier, "--auth", "ip", "--sources", carrier];
    let trunk = server.admin(&create).await.unwrap()["id"].to_string();
    let _agent = world.agent("1001").await.unwrap();
    let did = ["route", "create", "--did", "02873001234", "--extension", "1001", "--trunk-id", &trunk];
    server.admin(&did).await.unwrap();
    tokio::time::sleep(NOTICED).await;

    // The URL is set by the API, the secret is drawn by the operator.
    let me = world.crm().get("/api/auth/me").await.unwrap();
    let id = me.json["data"]["tenant"]["client_id"].as_str().unwrap().to_owned();
    let url = world.receiver.url("/incoming");
    let headers = [("x-client-id", id.as_str()), ("content-type", "application/json")];
    let set = world.crm().send(http::Method::POST, PATH, &headers, place(&url).into()).await.unwrap();
    assert_eq!((set.status, set.json), success(&url, "Webhook updated successfully"));
    let drawn = server.admin(&["incoming", "rotate"]).await.unwrap();
    world.receiver.set_secret("/incoming", drawn["secret"].as_str().unwrap());

    // The first attempt fails, and 204 is a failure too.
    world.receiver.set_manners("/incoming", Manners::Fails(204), Times::Next(1));
    let mut phone = RawPhone::open_at(carrier, "0912345678", "", server.sip()).await.unwrap();
    let answer = phone.request(INVITE).await.unwrap();
    assert_eq!(answer.status(), Some(200), "the agent takes the call");
    phone.acknowledge(&answer).await.unwrap();
    let told = world
        .receiver
        .wait_for(PATIENCE, |delivery| delivery.path == "/incoming" && delivery.duplicate)
        .await
        .expect("the call is told again after the failure");
    assert_eq!(
        told.body,
        r#"{"caller_id_name":"Nguyen An","caller_id_number":"+84912345678","destination_number":"+842873001234"}"#
    );
    assert!(told.verified(), "{:?} {:?}", told.zorio, told.standard);
    assert_eq!(told.event(), "pbx.call.incoming");
    let shown = server.admin(&["incoming", "show"]).await.unwrap();
    let webhook = shown["webhook_id"].to_string();
    let list = ["delivery", "list", "--webhook", &webhook, "--status", "delivered"];
    let found = until("the history has it", PATIENCE, async || {
        let found = server.admin(&list).await.unwrap();
        found.as_array().filter(|rows| !rows.is_empty()).cloned()
    })
    .await
    .unwrap();
    assert_eq!((found.len(), &found[0]["id"], &found[0]["attempts"]), (1, &json!(told.id()), &json!(2)));

    // A call that goes out is nobody's business here.
    let call = world.click("1001", "84281234586").await.unwrap();
    world.event("pbx.cdr.created", &call).await.unwrap();
    let incoming = world.receiver.deliveries().iter().filter(|d| d.path == "/incoming").count();
    assert_eq!(incoming, 2);
}
