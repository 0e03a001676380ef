//! `zorio admin` beside a running server.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use testkit::until;
use tokio::process::Command;

use crate::support::{PASSWORD, TestServer};

/// Runs the binary on the server's data.
async fn zorio(server: &TestServer, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zorio"));
    command.args(arguments).current_dir(Path::new("/")).env("ZORIO_DATA_DIR", &server.config.data_dir);
    if let Some(url) = &server.config.database.url {
        command.env("ZORIO_DATABASE__URL", url);
    }
    let output = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

async fn json_of(server: &TestServer, arguments: &[&str]) -> Value {
    let all: Vec<&str> = ["admin", "--json"].into_iter().chain(arguments.iter().copied()).collect();
    let (success, out, error) = zorio(server, &all).await;
    assert!(success, "{arguments:?}: {error}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?} prints JSON: {out}"))
}

#[tokio::test]
async fn what_the_command_makes_the_running_server_knows() {
    let server = TestServer::start().await;
    let user = json_of(&server, &["user", "create", "--username", "an", "--role", "supervisor"]).await;
    let password = user["password"].as_str().unwrap();
    assert_eq!(server.login("an", password).await.status, 200);

    let scopes = ["token", "create", "--name", "crm", "--scopes", "pbx_api_access,view_all_cdr"];
    let token = json_of(&server, &scopes).await;
    let text = token["token"].as_str().unwrap();
    let me = server.get(text, "/api/auth/me").await;
    assert_eq!(me.json["data"]["permissions"], json!(["pbx_api_access", "view_all_cdr"]));

    json_of(&server, &["user", "disable", "an"]).await;
    assert_eq!(server.login("an", password).await.status, 401);
    json_of(&server, &["token", "revoke", &token["id"].to_string()]).await;
    until("the token ends", Duration::from_secs(5), async || {
        (server.get(text, "/api/auth/me").await.status == 401).then_some(())
    })
    .await
    .unwrap();
    let tokens = json_of(&server, &["token", "list"]).await;
    assert!(tokens[1]["revoked_at"].is_string(), "{tokens}");
    assert!(!tokens.to_string().contains(text), "a token is shown once");
    server.stop().await;
}

#[tokio::test]
async fn webhooks_trunks_caller_ids_and_routes_are_made_listed_and_deleted() {
    let server = TestServer::start().await;
    let create =
        ["webhook", "create", "--url", "https://crm.example.com/hook", "--events", "pbx.call.answered,pbx.cdr.created"];
    let hook = json_of(&server, &[&create[..], &["--name", "CRM"]].concat()).await;
    assert_eq!(hook["secret"].as_str().map(str::len), Some(32));
    assert!(hook["whsec"].as_str().unwrap().starts_with("whsec_"));
    let id = hook["id"].to_string();
    assert_eq!(json_of(&server, &["webhook", "pause", &id]).await["status"], "paused");
    assert_eq!(json_of(&server, &["webhook", "resume", &id]).await["status"], "active");
    assert_ne!(json_of(&server, &["webhook", "rotate", &id]).await["secret"], hook["secret"]);
    assert_eq!(
        json_of(&server, &["webhook", "list"]).await[0]["events"],
        json!(["pbx.call.answered", "pbx.cdr.created"])
    );
    assert_eq!(json_of(&server, &["delivery", "list"]).await, json!([]));

    let origin = json_of(&server, &["origin", "add", "https://crm.example/"]).await;
    assert_eq!(json_of(&server, &["origin", "list"]).await[0]["origin"], "https://crm.example");
    json_of(&server, &["origin", "delete", &origin["id"].to_string()]).await;

    let trunk =
        json_of(&server, &["trunk", "create", "--name", "carrier", "--host", "127.0.0.1", "--port", "5070"]).await;
    let trunk_id = trunk["id"].to_string();
    json_of(&server, &["trunk", "update", &trunk_id, "--status", "disabled"]).await;
    assert_eq!(json_of(&server, &["trunk", "list"]).await[0]["status"], "disabled");
    let number = json_of(&server, &["caller-id", "create", "--number", "0281234567"]).await;
    let route = json_of(&server, &["route", "create", "--default", "--trunk-id", &trunk_id]).await;
    assert_eq!(json_of(&server, &["route", "list"]).await[0]["kind"], "default");

    let token = server.admin_token().await;
    let listed = server.get(&token, "/api/pbx/trunks").await;
    assert_eq!(listed.json["data"][0]["name"], "carrier", "{}", listed.text);

    json_of(&server, &["route", "delete", &route["id"].to_string()]).await;
    json_of(&server, &["caller-id", "delete", &number["id"].to_string()]).await;
    json_of(&server, &["trunk", "delete", &trunk_id]).await;
    json_of(&server, &["webhook", "delete", &id]).await;
    for what in ["route", "caller-id", "trunk", "webhook", "origin"] {
        assert_eq!(json_of(&server, &[what, "list"]).await, json!([]), "{what}");
    }
    server.stop().await;
}

#[tokio::test]
async fn with_several_accounts_one_must_be_chosen() {
    let server = TestServer::start().await;
    let account = json_of(&server, &["account", "create", "--name", "acme", "--host", "acme.example"]).await;
    let (success, _, error) = zorio(&server, &["admin", "user", "list"]).await;
    assert!(!success && error.contains("--account"), "{error}");
    let user = ["--account", "acme", "user", "create", "--username", "an", "--password", PASSWORD];
    json_of(&server, &user).await;
    let users = json_of(&server, &["--account", &account["id"].to_string(), "user", "list"]).await;
    assert_eq!(users[0]["username"], "an");
    let (success, out, _) = zorio(&server, &["admin", "account", "list"]).await;
    assert!(success && out.starts_with("id  name") && out.contains("acme.example"), "{out}");
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_argument_is_named() {
    let server = TestServer::start().await;
    for (arguments, part) in [
        (
            &["admin", "webhook", "create", "--url", "https://a.example", "--events", "pbx.call.sang", "--name", "x"][..],
            "pbx.call.ringing",
        ),
        (&["admin", "token", "create", "--name", "x", "--scopes", "everything"], "pbx_api_access"),
        (&["admin", "token", "create", "--name", "x"], "scopes"),
        (&["admin", "origin", "add", "ftp://crm.example"], "origin"),
        (&["admin", "user", "create", "--username", "admin"], "username"),
        (&["admin", "user", "create", "--username", "x", "--password", "short"], "password"),
        (&["admin", "--account", "nobody", "user", "list"], "nobody"),
        (&["--config", "/nowhere.toml", "doctor"], "/nowhere.toml"),
    ] {
        let (success, _, error) = zorio(&server, arguments).await;
        assert!(!success && error.contains(part), "{arguments:?}: {error}");
    }
    server.stop().await;
}

#[tokio::test]
async fn extensions_are_imported_from_a_file_and_bad_rows_are_told() {
    let server = TestServer::start().await;
    let file = server.config.data_dir.join("phones.csv");
    std::fs::write(
        &file,
        "extension_number,sip_password,display_name\n\
         2001,a-password-of-one-phone,Front desk\n\
         2002,,\n\
         x,a-password-of-one-phone,\n\
         2001,a-password-of-one-phone,Twice\n",
    )
    .unwrap();
    let answer = json_of(&server, &["extension", "import", file.to_str().unwrap()]).await;
    assert_eq!(answer["imported"], 2, "{answer}");
    assert_eq!(answer["passwords"][0]["extension_number"], "2002");
    assert_eq!(answer["passwords"][0]["sip_password"].as_str().map(str::len), Some(32));
    let lines: Vec<u64> = answer["refused"].as_array().unwrap().iter().filter_map(|row| row["line"].as_u64()).collect();
    assert_eq!(lines.len(), 2, "{answer}");
    assert!(lines.contains(&4), "{answer}");

    let admin = server.login("admin", PASSWORD).await;
    let token = admin.json["token"].as_str().unwrap();
    let list = server.get(token, "/api/pbx/extensions").await;
    let numbers: Vec<&str> =
        list.json["data"].as_array().unwrap().iter().filter_map(|row| row["extension_number"].as_str()).collect();
    assert_eq!(numbers, ["2001", "2002"]);
    server.stop().await;
}

#[tokio::test]
async fn a_webhook_with_limits_is_made_changed_and_replayed() {
    let server = TestServer::start().await;
    let create = [
        "webhook",
        "create",
        "--url",
        "https://crm.example.com/hook",
        "--events",
        "pbx.cdr.created",
        "--name",
        "crm",
        "--extensions",
        "1001,1002",
        "--queues",
        "sales",
        "--pace",
        "50",
    ];
    let hook = json_of(&server, &create).await;
    let id = hook["id"].to_string();
    assert_eq!(hook["filter"]["extensions"], json!(["1001", "1002"]));
    assert_eq!((&hook["pace"], &hook["own_authority"]), (&50.into(), &false.into()));
    let changed = json_of(&server, &["webhook", "update", &id, "--no-filter", "--pace", "0"]).await;
    assert_eq!((&changed["filter"], &changed["pace"]), (&json!({}), &Value::Null));
    let (ok, _, _) = zorio(&server, &["admin", "webhook", "update", &id]).await;
    assert!(!ok, "nothing to change");
    let range = ["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-03T00:00:00Z"];
    let replay = json_of(&server, &[&["webhook", "replay", &id][..], &range[..]].concat()).await;
    assert_eq!(replay["statuses"], json!(["deadletter", "skipped"]));
    assert_eq!(json_of(&server, &["webhook", "replays"]).await[0]["id"], replay["id"]);
    let state = json_of(&server, &["webhook", "cancel-replay", &replay["id"].to_string()]).await["state"].clone();
    assert!(state == "cancelled" || state == "done", "{state}");
    let listed = json_of(&server, &["webhook", "list"]).await;
    assert_eq!(listed[0]["oldest_due_seconds"], 0);
    server.stop().await;
}
