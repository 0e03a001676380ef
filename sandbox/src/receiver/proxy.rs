//! What a receiver does with a connection beside answering by itself.

use std::{io, net::SocketAddr, os::fd::OwnedFd, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use nix::sys::socket::{setsockopt, sockopt::Linger};

use super::{Delivery, manners::Answer};

/// Largest answer of a program that is passed on.
const ANSWER_LIMIT: usize = 64 * 1024;
/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Passes deliveries on to programs that speak plain HTTP.
pub(crate) struct Proxy(Client<HttpConnector, Full<Bytes>>);

impl Default for Proxy {
    fn default() -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(HttpConnector::new()))
    }
}

impl Proxy {
    /// Passes a delivery on as it came, and returns what the program answers.
    pub(crate) async fn pass(&self, program: SocketAddr, delivery: &Delivery) -> io::Result<Response<Answer>> {
        let mut request = Request::post(format!("http://{program}{}", delivery.path))
            .body(Full::from(delivery.body.clone()))
            .map_err(io::Error::other)?;
        *request.headers_mut() = delivery.headers.clone();
        request.headers_mut().remove(header::HOST);
        let exchange = async {
            let answer = self.0.request(request).await.map_err(io::Error::other)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await.map_err(io::Error::other)?;
            let mut passed = Response::new(Answer::Whole(Some(body.to_bytes())));
            *passed.status_mut() = status;
            Ok(passed)
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

/// Makes closing the connection a reset (RST) instead of an orderly end.
pub(crate) fn reset_on_close(socket: &OwnedFd) {
    let now = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    // Without it the connection ends in order, without an answer.
    let _ = setsockopt(socket, Linger, &now);
}
