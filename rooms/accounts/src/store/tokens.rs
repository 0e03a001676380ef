//! Tokens.

use domain::{TenantId, Timestamp, UserId, ids::TokenId};
use store::{Error, FromRow, Tx, Value, many, sql};

use super::account;
use crate::model::{Account, Networks, Scopes, Token, TokenKind, User};

/// What a token opens: itself, its account, and its user unless it is a machine's.
pub(crate) struct Opened {
    pub(crate) token: Token,
    pub(crate) account: Account,
    pub(crate) user: Option<User>,
}

pub(crate) struct TokenRow<'a> {
    pub(crate) user_id: Option<UserId>,
    pub(crate) kind: TokenKind,
    pub(crate) name: &'a str,
    pub(crate) hash: &'a [u8],
    pub(crate) scopes: Option<Scopes>,
    pub(crate) ip_allow: Option<Networks>,
    pub(crate) expires_at: Option<Timestamp>,
    /// The machine token that this access token was made of.
    pub(crate) parent_id: Option<TokenId>,
}

pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, row: TokenRow<'_>) -> Result<TokenId, Error> {
    let now = tx.now();
    let text = "insert into token (tenant_id, user_id, kind, name, hash, scopes, ip_allow, expires_at, parent_id, \
                created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id";
    let query = sql(text).bind(tenant).bind(row.user_id).bind(row.kind).bind(row.name).bind(row.hash);
    let query = query.bind(row.scopes).bind(row.ip_allow).bind(row.expires_at).bind(row.parent_id).bind(now);
    query.one::<(TokenId,)>(tx).await.map(|row| row.0)
}

/// Removes the user's oldest tokens beyond the newest `keep`.
pub(crate) async fn trim_of_user(tx: &mut Tx, tenant: TenantId, user: UserId, keep: i64) -> Result<u64, Error> {
    sql("delete from token where tenant_id = $1 and user_id = $2 and id not in \
         (select id from token where tenant_id = $1 and user_id = $2 order by id desc limit $3)")
    .bind(tenant)
    .bind(user)
    .bind(keep)
    .run(tx)
    .await
}

/// Removes a machine token's oldest access tokens beyond the newest `keep`.
pub(crate) async fn trim_of_parent(tx: &mut Tx, tenant: TenantId, parent: TokenId, keep: i64) -> Result<u64, Error> {
    sql("delete from token where tenant_id = $1 and parent_id = $2 and id not in \
         (select id from token where tenant_id = $1 and parent_id = $2 order by id desc limit $3)")
    .bind(tenant)
    .bind(parent)
    .bind(keep)
    .run(tx)
    .await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: TokenId) -> Result<Option<Token>, Error> {
    sql("select id, tenant_id, user_id, kind, name, hash, scopes, ip_allow, expires_at, last_used_at, created_at, \
         revoked_at, parent_id from token where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Which tokens: `None` and the empty pattern do not narrow. Access tokens are in no list.
pub(crate) struct Wanted {
    pub(crate) kind: Option<TokenKind>,
    pub(crate) user: Option<UserId>,
    pub(crate) pattern: String,
    pub(crate) valid: Option<bool>,
}

#[derive(FromRow)]
struct Line {
    id: TokenId,
    tenant_id: TenantId,
    user_id: Option<UserId>,
    kind: TokenKind,
    name: String,
    scopes: Option<Scopes>,
    ip_allow: Option<Networks>,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
    username: Option<String>,
}

impl From<Line> for (Token, Option<String>) {
    fn from(line: Line) -> Self {
        let token = Token {
            id: line.id,
            tenant_id: line.tenant_id,
            user_id: line.user_id,
            kind: line.kind,
            name: line.name,
            hash: Vec::new(),
            scopes: line.scopes,
            ip_allow: line.ip_allow,
            expires_at: line.expires_at,
            last_used_at: line.last_used_at,
            created_at: line.created_at,
            revoked_at: line.revoked_at,
            parent_id: None,
        };
        (token, line.username)
    }
}

/// Returns tokens, newest first, without their hashes, each with the name of its user.
pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    wanted: &Wanted,
    limit: i64,
    offset: i64,
) -> Result<Vec<(Token, Option<String>)>, Error> {
    let now = tx.now();
    let lines: Vec<Line> = sql(
        "select t.id, t.tenant_id, t.user_id, t.kind, t.name, t.scopes, t.ip_allow, t.expires_at, t.last_used_at, \
         t.created_at, t.revoked_at, u.username from token t left join users u on u.id = t.user_id \
         where t.tenant_id = $1 and t.parent_id is null and (t.kind = $2 or $2 is null) \
         and (t.user_id = $3 or $3 is null) \
         and ($4 = '' or lower(t.name) like $4 escape '!' or coalesce(u.login, '') like $4 escape '!') \
         and ($5 = (t.revoked_at is null and (t.expires_at is null or t.expires_at > $6)) or $5 is null) \
         order by t.id desc limit $7 offset $8",
    )
    .bind(tenant)
    .bind(wanted.kind)
    .bind(wanted.user)
    .bind(&wanted.pattern)
    .bind(wanted.valid)
    .bind(now)
    .bind(limit)
    .bind(offset)
    .all(tx)
    .await?;
    Ok(lines.into_iter().map(Into::into).collect())
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, wanted: &Wanted) -> Result<i64, Error> {
    let now = tx.now();
    sql("select count(*) from token t left join users u on u.id = t.user_id \
         where t.tenant_id = $1 and t.parent_id is null and (t.kind = $2 or $2 is null) \
         and (t.user_id = $3 or $3 is null) \
         and ($4 = '' or lower(t.name) like $4 escape '!' or coalesce(u.login, '') like $4 escape '!') \
         and ($5 = (t.revoked_at is null and (t.expires_at is null or t.expires_at > $6)) or $5 is null)")
    .bind(tenant)
    .bind(wanted.kind)
    .bind(wanted.user)
    .bind(&wanted.pattern)
    .bind(wanted.valid)
    .bind(now)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Marks a token and the access tokens made of it as revoked; 0 if there is none or it was before.
pub(crate) async fn revoke(tx: &mut Tx, tenant: TenantId, id: TokenId) -> Result<u64, Error> {
    let now = tx.now();
    sql("update token set revoked_at = $3 where tenant_id = $1 and (id = $2 or parent_id = $2) and revoked_at is null")
        .bind(tenant)
        .bind(id)
        .bind(now)
        .run(tx)
        .await
}

/// Removes the tokens of a user who goes.
pub(crate) async fn delete_of_user(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<u64, Error> {
    sql("delete from token where tenant_id = $1 and user_id = $2").bind(tenant).bind(user).run(tx).await
}

/// Marks all tokens of a user as revoked.
pub(crate) async fn revoke_of_user(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<u64, Error> {
    let now = tx.now();
    sql("update token set revoked_at = $3 where tenant_id = $1 and user_id = $2 and revoked_at is null")
        .bind(tenant)
        .bind(user)
        .bind(now)
        .run(tx)
        .await
}

/// Finds a token with its account and user, before it is known whose it is.
pub(crate) async fn any_tenant_open(tx: &mut Tx, id: TokenId) -> Result<Option<Opened>, Error> {
    let found: Option<Token> = sql(
        "select id, tenant_id, user_id, kind, name, hash, scopes, ip_allow, expires_at, last_used_at, created_at, \
             revoked_at, parent_id from token where id = $1",
    )
    .bind(id)
    .first(tx)
    .await?;
    let Some(token) = found else { return Ok(None) };
    let Some(account) = account(tx, token.tenant_id).await? else { return Ok(None) };
    let user = match token.user_id {
        Some(id) => super::users::find(tx, token.tenant_id, id).await?,
        None => None,
    };
    Ok(Some(Opened { token, account, user }))
}

/// Writes when tokens were last used, all in one statement.
pub(crate) async fn any_tenant_write_last_used(tx: &mut Tx, used: Vec<(TokenId, Timestamp)>) -> Result<u64, Error> {
    let rows = used.into_iter().map(|(id, at)| vec![Value::Int(id.0), Value::Int(at.millis())]).collect();
    many(tx, "update token set last_used_at = v.column2 from (values", ") as v where token.id = v.column1", rows).await
}

/// Removes up to `limit` access tokens that ended before `before`.
pub(crate) async fn any_tenant_purge(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    sql("delete from token where id in \
         (select id from token where parent_id is not null and expires_at < $1 limit $2)")
    .bind(before)
    .bind(limit)
    .run(tx)
    .await
}
