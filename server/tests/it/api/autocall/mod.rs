//! `/api/autocall`: scripts, campaigns, leads and what is reported of them.

mod campaigns;
mod leads;
mod scripts;

use pbx::{
    model::{NewRoute, RouteKind},
    ops::{routes, trunks},
};
use serde_json::{Value, json};

use crate::support::{Reply, TestServer};

impl TestServer {
    /// Sends JSON with any method.
    async fn write(&self, method: &str, token: &str, path: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send(method, path, &headers, body.to_string()).await
    }

    /// Makes a script of that text and state; returns its id.
    async fn script(&self, token: &str, text: &str, status: &str) -> i64 {
        let body = json!({"name": "Script", "template_text": text, "voice_id": "vi-VN-female-01", "status": status});
        let reply = self.post(token, "/api/autocall/scripts", &body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json["data"]["id"].as_i64().unwrap()
    }

    /// Makes a campaign that says that script; returns its id.
    async fn campaign(&self, token: &str, script: i64) -> i64 {
        let reply =
            self.post(token, "/api/autocall/campaigns", &json!({"name": "Campaign", "script_id": script})).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json["data"]["id"].as_i64().unwrap()
    }

    /// Takes leads into a campaign; returns what became of them.
    async fn take_in(&self, token: &str, campaign: i64, leads: Value) -> Value {
        let path = format!("/api/autocall/campaigns/{campaign}/leads");
        let reply = self.post(token, &path, &json!({"leads": leads})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json["data"].clone()
    }

    /// Makes a trunk that calls go out by.
    async fn way_out(&self) {
        let (desk, who) = (&self.rooms.desk, self.host());
        let trunk = trunks::NewTrunk { name: "carrier".to_owned(), host: "127.0.0.1".to_owned(), ..Default::default() };
        let trunk = trunks::create(desk, &who, trunk).await.unwrap();
        routes::create(desk, &who, NewRoute::plain(RouteKind::Default { trunk: trunk.id }, 0)).await.unwrap();
    }
}

/// Returns the names of the bad fields of a 422, sorted.
fn bad_fields(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, 422, "{reply:?}");
    let mut names: Vec<_> = reply.json["errors"].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
