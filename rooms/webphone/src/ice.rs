//! Servers that help browsers behind strict firewalls: STUN, and TURN with logins that end by themselves.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha1::Sha1;
use utoipa::ToSchema;

/// TURN servers that share a secret with us (coturn's `use-auth-secret`).
#[derive(Clone)]
pub struct Turn {
    /// Such as `turns:turn.example.com:5349?transport=tcp`.
    pub urls: Vec<String>,
    pub secret: String,
    /// How long a login lives.
    pub life: Duration,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("urls", &self.urls).field("life", &self.life).finish_non_exhaustive()
    }
}

/// A server in the form that `RTCPeerConnection` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct IceServer {
    #[schema(example = json!(["turns:turn.example.com:5349?transport=tcp"]))]
    pub(crate) urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<String>,
}

/// Returns the servers for the phone of that name.
pub(crate) fn servers(stun: &[String], turn: Option<&Turn>, name: &str, now: Timestamp) -> Vec<IceServer> {
    let stun = (!stun.is_empty()).then(|| IceServer { urls: stun.to_vec(), username: None, credential: None });
    let turn = turn.map(|turn| {
        let username = format!("{}:{name}", now.after(turn.life).secs());
        let credential = credential(&turn.secret, &username);
        IceServer { urls: turn.urls.clone(), username: Some(username), credential: Some(credential) }
    });
    stun.into_iter().chain(turn).collect()
}

/// Returns the password that goes with a name (draft-uberti-behave-turn-rest-00 §2.2).
fn credential(secret: &str, username: &str) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    STANDARD.encode(mac.chain_update(username).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_login_is_what_coturn_computes() {
        // printf '1700000000:1001' | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(credential("north", "1700000000:1001"), EXPECTED);
    }

    const EXPECTED: &str = "8F+76XmHgZBkhq8XNYMc9nBYFcs=";

    #[test]
    fn without_settings_there_are_no_servers() {
        assert_eq!(servers(&[], None, "1001", Timestamp::from_millis(0)), []);
    }

    #[test]
    fn a_login_ends_with_its_time_and_shows_no_secret() {
        let turn = Turn {
            urls: vec!["turn:turn.example".to_owned()],
            secret: "north".to_owned(),
            life: Duration::from_secs(600),
        };
        let stun = ["stun:stun.example".to_owned()];
        let list = servers(&stun, Some(&turn), "7-1001", Timestamp::from_millis(1_000_000));
        assert_eq!(list.len(), 2);
        assert_eq!((list[0].urls[0].as_str(), &list[0].username), ("stun:stun.example", &None));
        assert_eq!(list[1].username.as_deref(), Some("1600:7-1001"));
        assert!(!format!("{turn:?}").contains("north"));
    }
}
