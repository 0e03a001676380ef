//! The way to webhook receivers, which another room has: given by the server, so that neither knows the other.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use uuid::Uuid;
use web::Text;

/// What is posted.
#[derive(Clone, Debug)]
pub struct Post {
    /// The same at every attempt.
    pub id: Uuid,
    pub url: String,
    /// The key of the signature.
    pub secret: Secret,
    /// `alert.raised` or `alert.resolved`.
    pub event: &'static str,
    /// The envelope, as it is signed.
    pub body: String,
}

/// A key that is never printed.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Why a receiver did not take it, in a few words; none of them is the receiver's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

type Check = Arc<dyn Fn(&str) -> Result<String, Text> + Send + Sync>;
type Deliver = Arc<dyn Fn(Post) -> BoxFuture<'static, Result<(), Refusal>> + Send + Sync>;

/// How URLs are checked and how a post is made.
#[derive(Clone)]
pub struct Door {
    pub(crate) check: Check,
    pub(crate) post: Deliver,
}

impl Door {
    /// `check` returns the URL in its proper form or why it may not be used; `post` sends once.
    pub fn new<C, P, Fut>(check: C, post: P) -> Self
    where
        C: Fn(&str) -> Result<String, Text> + Send + Sync + 'static,
        P: Fn(Post) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        Self { check: Arc::new(check), post: Arc::new(move |one| Box::pin(post(one))) }
    }
}
