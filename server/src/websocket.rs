//! `GET /sip`: SIP over WebSocket (RFC 7118) where the API is. The SIP edge judges and serves; this is the way there.

use std::net::SocketAddr;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use sip::{Handshake, HandshakeAnswer, Sip};
use web::{ClientAddress, Secure};

/// Answers a handshake; the connection is SIP's from then on.
pub(crate) async fn sip_over_websocket(State(sip): State<Sip>, mut request: Request) -> Response {
    match sip.judge(&handshake(request.headers())) {
        HandshakeAnswer::Refuse { status, why } => refuse(status, why),
        HandshakeAnswer::Switch { accept } => {
            let peer = request.extensions().get::<ClientAddress>().map(|address| address.0);
            let is_secure = request.extensions().get::<Secure>().is_some_and(|secure| secure.0);
            let Some(peer) = peer else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
            let upgrade = hyper::upgrade::on(&mut request);
            sip.clone().serve_upgrade(
                async move { upgrade.await.ok().map(TokioIo::new) },
                // Behind a proxy nobody knows the port, and nobody needs it.
                SocketAddr::new(peer, 0),
                is_secure,
            );
            let headers = [
                (header::UPGRADE, "websocket"),
                (header::CONNECTION, "Upgrade"),
                (header::SEC_WEBSOCKET_PROTOCOL, "sip"),
                (header::SEC_WEBSOCKET_ACCEPT, accept.as_str()),
            ];
            (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
        }
    }
}

fn handshake(headers: &HeaderMap) -> Handshake<'_> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    Handshake {
        host: text(header::HOST),
        origin: text(header::ORIGIN),
        upgrade: text(header::UPGRADE),
        connection: text(header::CONNECTION),
        version: text(header::SEC_WEBSOCKET_VERSION),
        key: text(header::SEC_WEBSOCKET_KEY),
        protocols: text(header::SEC_WEBSOCKET_PROTOCOL),
    }
}

fn refuse(status: u16, why: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = axum::Json(json!({ "message": why, "code": "websocket" }));
    match status {
        StatusCode::UPGRADE_REQUIRED => (status, [(header::SEC_WEBSOCKET_VERSION, "13")], body).into_response(),
        _ => (status, body).into_response(),
    }
}
