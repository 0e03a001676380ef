//! The web site of the demo's CRM: a link that is good for as long as the demo runs. Each visit gets a fresh token, as a
//! customer's own server would fetch one, and is sent on to an example page with it.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use sandbox::Crm;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// Seconds that a visitor's token lives.
const LIFE: i64 = 3_600;

/// The site; it closes when this value goes.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

struct Visits {
    crm: Crm,
    /// The visitors' phone.
    extension: String,
}

impl Site {
    /// Opens the site on a free port of this machine; its visitors are the phone of `extension`.
    pub(super) async fn open(crm: Crm, extension: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.context("the demo's site")?;
        let address = listener.local_addr()?;
        let visits = Arc::new(Visits { crm, extension: extension.to_owned() });
        let router =
            Router::new()
                .route("/", get(|State(visits): State<Arc<Visits>>| async move { visits.show("umd").await }))
                .route(
                    "/{page}",
                    get(|State(visits): State<Arc<Visits>>, Path(page): Path<String>| async move {
                        visits.show(&page).await
                    }),
                )
                .with_state(visits);
        #[expect(clippy::disallowed_methods, reason = "the task ends with the value that holds it")]
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, _serving: AbortOnDropHandle::new(serving) })
    }
}

impl Visits {
    /// Sends the visitor to one of the example pages, with a token behind the `#`, which no server and no log sees.
    async fn show(&self, page: &str) -> Response {
        if !["umd", "npm", "iframe"].contains(&page) {
            return StatusCode::NOT_FOUND.into_response();
        }
        let wish = json!({"extension": self.extension, "ttl_seconds": LIFE});
        let made = match self.crm.post("/api/webphone/embed-token", &wish).await {
            Ok(reply) => reply.json["embed_token"].as_str().map(str::to_owned),
            Err(_) => None,
        };
        let base = self.crm.base();
        let location =
            made.and_then(|token| format!("{base}/sdk/webphone/examples/{page}.html#token={token}").parse().ok());
        match location {
            Some(location) => {
                let headers: [(_, HeaderValue); 2] =
                    [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
                (StatusCode::FOUND, headers).into_response()
            }
            None => (StatusCode::BAD_GATEWAY, "The demo's server gave no token.").into_response(),
        }
    }
}
