//! `/openapi/`, and what holds for every operation that it names.

use domain::{Permission, Principal, principal::Role};
use pbx::{
    model::{NewRoute, RouteKind},
    ops::{caller_ids, routes, trunks},
};
use serde_json::{Value, json};
use web::Fields;

use crate::support::{Reply, TestServer};

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    /// Needs no token.
    open: bool,
}

impl Operation {
    fn has_parameters(&self) -> bool {
        self.path.contains('{')
    }

    fn writes(&self) -> bool {
        self.method != "get"
    }

    /// Fills the path's parameters; an unknown one fails the test, so that every route has its row here.
    fn filled(&self, existing: bool) -> String {
        let uuid = "0190f3c2-6c1e-7d7a-8d1e-3f0c8a2b9e11";
        let mut path = self.path.clone();
        for (name, value, missing) in [
            ("{ext}", "1001", "9999"),
            ("{extension}", "1001", "9999"),
            ("{name}", "support", "nobody"),
            ("{id}", "1", "999"),
            ("{uuid}", uuid, uuid),
            ("{file}", "x.wav", "y.wav"),
        ] {
            path = path.replace(name, if existing { value } else { missing });
        }
        assert!(!path.contains('{'), "the parameters of {path} need a value in this test");
        path
    }

    async fn call(&self, server: &TestServer, token: &str, path: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("content-type", "application/json")];
        if !token.is_empty() {
            headers.push(("authorization", bearer.as_str()));
        }
        let body = if self.writes() { "{}" } else { "" };
        server.send(&self.method.to_uppercase(), path, &headers, body).await
    }
}

async fn document(server: &TestServer) -> Value {
    server.send("GET", "/openapi/openapi.json", &[], "").await.json
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut list = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let open = operation["security"] == json!([{}]);
            list.push(Operation { method: method.clone(), path: path.clone(), open });
        }
    }
    list
}

/// Makes in the first account what the paths name: extension 1001, contact 1, trunk 1, caller ID 1, route 1, and of
/// campaigns script, variable, campaign, lead and blocked number 1.
async fn furnish(server: &TestServer) {
    let token = server.admin_token().await;
    let extension = json!({"extension_number": "1001", "display_name": "An"});
    let reply = server.post(&token, "/api/pbx/extensions", &extension).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let queue = json!({"name": "support", "queue_number": "8001"});
    let reply = server.post(&token, "/api/pbx/queues", &queue).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let reply = server.post(&token, "/api/pbx/queues/support/tiers", &json!({"extension": "1001"})).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let person = json!({"full_name": "Lan", "phones": ["0987654321"]});
    assert_eq!(server.post(&token, "/api/contacts", &person).await.json["data"]["id"], 1);
    let (desk, who) = (&server.rooms.desk, server.host());
    let trunk = trunks::NewTrunk { name: "carrier".to_owned(), host: "127.0.0.1".to_owned(), ..Default::default() };
    let trunk = trunks::create(desk, &who, trunk).await.unwrap();
    assert_eq!(trunk.id.0, 1);
    let fill = caller_ids::Fill { number: Some("0287654321".to_owned()), ..Default::default() };
    assert_eq!(caller_ids::create(desk, &who, fill, Fields::new()).await.unwrap().id, 1);
    routes::create(desk, &who, NewRoute::plain(RouteKind::Default { trunk: trunk.id }, 0)).await.unwrap();
    for (path, body) in [
        ("variables", json!({"variable_code": "customer_name", "type": "name"})),
        (
            "scripts",
            json!({"name": "Hello", "template_text": "Xin chào", "voice_id": "vi-VN-female-01", "status": "active"}),
        ),
        ("campaigns", json!({"name": "First", "script_id": 1})),
        ("blacklist", json!({"phone": "0912345678"})),
    ] {
        let reply = server.post(&token, &format!("/api/autocall/{path}"), &body).await;
        assert_eq!((reply.status.as_u16(), &reply.json["data"]["id"]), (201, &json!(1)), "{path}: {reply:?}");
    }
    let leads = json!({"leads": [{"phone": "0987654321"}]});
    let reply = server.post(&token, "/api/autocall/campaigns/1/leads", &leads).await;
    assert_eq!(reply.json["data"]["inserted"], 1, "{reply:?}");
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_says_what_every_answer_has() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert!(operations(&document).len() >= 15);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name} has a summary");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name} has one tag");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.contains_key("429") && answers.contains_key("500"), "{name}");
            for answer in answers.values() {
                assert!(answer["headers"]["X-Request-Id"].is_object(), "{name}");
                assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
            }
        }
    }
    assert_references(&document, &document);
    let lookup = &document["paths"]["/api/contacts/lookup"]["get"]["parameters"][0];
    assert_eq!(
        (&lookup["name"], &lookup["in"], &lookup["required"]),
        (&json!("number"), &json!("query"), &json!(true))
    );
    server.stop().await;
}

/// Checks that every `$ref` leads somewhere.
fn assert_references(document: &Value, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                let pointer = reference.strip_prefix('#').expect("a local reference");
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            map.values().for_each(|value| assert_references(document, value));
        }
        Value::Array(list) => list.iter().for_each(|value| assert_references(document, value)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_runs_no_script() {
    let server = TestServer::start().await;
    let page = server.send("GET", "/openapi/", &[], "").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(!page.text.contains("<script") && !page.text.contains("http://") && !page.text.contains("https://"));
    for operation in operations(&document(&server).await) {
        assert!(page.text.contains(&operation.path), "{}", operation.path);
    }
    assert_eq!(server.send("GET", "/openapi/page.css", &[], "").await.status, 200);
    assert_eq!(server.send("GET", "/openapi", &[], "").await.header("location"), "/openapi/");
    server.stop().await;
}

#[tokio::test]
async fn the_command_prints_what_the_server_shows() {
    let server = TestServer::start().await;
    assert_eq!(Box::pin(server::openapi::generate()).await.unwrap(), document(&server).await);
    server.stop().await;
}

#[tokio::test]
async fn no_operation_answers_a_stranger() {
    let server = TestServer::start().await;
    furnish(&server).await;
    for operation in operations(&document(&server).await).iter().filter(|operation| !operation.open) {
        let reply = operation.call(&server, "", &operation.filled(true)).await;
        assert_eq!(reply.status, 401, "{} {}", operation.method, operation.path);
        let v3 = operation.path.starts_with("/api/v3/");
        assert_eq!(reply.json["message"], if v3 { "Authentication required" } else { "Unauthenticated." });
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_without_the_permission_is_refused_everywhere_it_matters() {
    let server = TestServer::start().await;
    furnish(&server).await;
    let nothing = server.machine_token(&server.host(), &[]).await;
    let viewer = server.user_token(&server.host(), "viewer", Role::ReadOnly).await;
    let matters = ["/api/pbx/", "/api/autocall/"];
    for operation in operations(&document(&server).await)
        .iter()
        .filter(|operation| matters.iter().any(|prefix| operation.path.starts_with(prefix)))
    {
        let name = format!("{} {}", operation.method, operation.path);
        let path = operation.filled(true);
        let reply = operation.call(&server, &nothing, &path).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json["message"]),
            (403, &json!("This action is unauthorized.")),
            "{name}"
        );
        if operation.writes() {
            let reply = operation.call(&server, &viewer, &path).await;
            assert_eq!(reply.status, 403, "{name} by a user who may only read");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn another_accounts_resource_is_answered_as_one_that_does_not_exist() {
    let server = TestServer::start().await;
    furnish(&server).await;
    let (tenant, _) = server.another_account("stranger", None).await;
    let stranger = server.machine_token(&Principal::system(tenant), Permission::ALL).await;
    for operation in operations(&document(&server).await).iter().filter(|o| o.has_parameters() && !o.open) {
        let name = format!("{} {}", operation.method, operation.path);
        let foreign = operation.call(&server, &stranger, &operation.filled(true)).await;
        let missing = operation.call(&server, &stranger, &operation.filled(false)).await;
        assert_eq!(foreign.status, 404, "{name}: {}", foreign.text);
        let body = |reply: &Reply| (reply.status, reply.json["message"].clone(), reply.json["code"].clone());
        assert_eq!(body(&foreign), body(&missing), "{name}");
        assert_eq!(foreign.json["message"], "Resource not found", "{name}");
    }
    let token = server.admin_token().await;
    assert_eq!(server.get(&token, "/api/pbx/extensions/1001").await.status, 200, "nothing of it was touched");
    server.stop().await;
}
