//! Programs that others attack with: sipvicious looks for servers, extensions and passwords; schemathesis asks every
//! operation of the API for everything that its document allows and forbids.

use std::time::Duration;

use testkit::{RawPhone, attackers::attacker};

use super::Fort;

/// How long one scan may take: it ends by itself, or is ended.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs a program of sipvicious against the server and returns what it printed.
async fn scan(fort: &Fort, program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = attacker(program)?;
    let home = tempfile::tempdir().unwrap();
    let (ip, port) = (fort.server.sip().ip().to_string(), fort.server.sip().port().to_string());
    let local = fort.server.spare(60).port().to_string();
    command.args(arguments).args(["-p", &port, "-P", &local, "-x", "127.0.0.1", &ip]);
    command.env("HOME", home.path()).stdin(std::process::Stdio::null());
    let output = tokio::time::timeout(LONGEST, command.output()).await.expect("the scan ends").unwrap();
    Some(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// Servers are found by anybody who asks; who is behind them is not.
#[tokio::test(flavor = "multi_thread")]
async fn sipvicious_finds_no_extension_and_no_password() {
    let mut fort = Fort::open_with(&[]).await;
    // It is among the guesses, but not among the first.
    let password = "100000000300";
    let body = serde_json::json!({ "extension_number": "1001", "sip_password": password });
    assert_eq!(fort.server.crm().post("/api/pbx/extensions", &body).await.unwrap().status, 201);
    fort.keep_secret(password);
    // Its phone is elsewhere: nobody has signed in from where the scans come from.
    let mut own = RawPhone::open_at("127.8.8.8", "1001", password, fort.server.sip()).await.unwrap();
    own.register(&fort.domain).await.unwrap();
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let arguments = ["-e", "1000-1020", "-m", method, "--force", "--maximumtime", "20"];
        let Some(said) = scan(&fort, "sipvicious_svwar", &arguments).await else { return };
        assert!(said.contains("found nothing") && !said.contains("1001"), "{method}: {said}");
        fort.stands(method).await;
    }
    let guesses = ["-u", "1001", "-r", "100000000001-100000000400", "--maximumtime", "20"];
    let said = scan(&fort, "sipvicious_svcrack", &guesses).await.unwrap();
    assert!(said.contains("found nothing") && !said.contains(password), "{said}");
    // The guesser is slowed down; the extension's own phone is not.
    own.register(&fort.domain).await.unwrap();
    fort.stands("svcrack").await;
    let said = scan(&fort, "sipvicious_svmap", &["-m", "OPTIONS"]).await.unwrap();
    assert!(!said.contains("1001"), "{said}");
}

/// Every operation with a token: no 5xx, and no answer that the document does not have.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_failure_and_nothing_undocumented() {
    let fort = Fort::open().await;
    let Some(mut st) = attacker("st") else { return };
    fort.server.extension("1001").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let token = format!("Authorization: Bearer {}", fort.server.crm().token().unwrap());
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                  response_schema_conformance";
    st.args(["run", &format!("{}/openapi/openapi.json", fort.server.base()), "--header", &token]);
    st.args(["--checks", checks, "--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--no-shrink"]);
    st.args(["--seed", "1", "--max-time", "90", "--workers", "1", "--request-timeout", "20"]);
    // It would end the session that asks.
    st.args(["--exclude-path", "/api/auth/logout", "--suppress-health-check", "all"]);
    let output = st.current_dir(folder.path()).stdin(std::process::Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
