//! Every SQL statement of the room.

use domain::{TenantId, Timestamp, UserId, ids::TokenId};
use store::{Error, FromRow, Tx, Value, many, sql};
use uuid::Uuid;

use crate::model::{Account, Networks, Scopes, StoredRole, Token, TokenKind, User};

/// What a token opens: itself, its account, and its user unless it is a machine's.
pub(crate) struct Opened {
    pub(crate) token: Token,
    pub(crate) account: Account,
    pub(crate) user: Option<User>,
}

/// A user with the hash of the password.
#[derive(FromRow)]
pub(crate) struct Credential {
    pub(crate) id: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) password_hash: String,
    pub(crate) disabled: bool,
}

pub(crate) struct AccountRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) client_id: Uuid,
    pub(crate) host: Option<&'a str>,
    pub(crate) timezone: &'a str,
    pub(crate) region: &'a str,
}

pub(crate) async fn any_tenant_insert_account(tx: &mut Tx, row: AccountRow<'_>) -> Result<TenantId, Error> {
    let now = tx.now();
    let text = "insert into tenant (name, client_id, host, timezone, region, settings, created_at) \
                values ($1, $2, $3, $4, $5, '{}', $6) returning id";
    let query = sql(text).bind(row.name).bind(row.client_id).bind(row.host).bind(row.timezone).bind(row.region);
    query.bind(now).one::<(TenantId,)>(tx).await.map(|row| row.0)
}

pub(crate) async fn any_tenant_accounts(tx: &mut Tx) -> Result<Vec<Account>, Error> {
    sql("select id, name, client_id, host, timezone, region, settings, created_at from tenant order by id")
        .all(tx)
        .await
}

pub(crate) async fn account(tx: &mut Tx, tenant: TenantId) -> Result<Option<Account>, Error> {
    sql("select id, name, client_id, host, timezone, region, settings, created_at from tenant where id = $1")
        .bind(tenant)
        .first(tx)
        .await
}

pub(crate) struct UserRow<'a> {
    pub(crate) username: &'a str,
    /// The username in lower case: what is unique and looked up.
    pub(crate) login: &'a str,
    pub(crate) password_hash: &'a str,
    pub(crate) role: StoredRole,
    pub(crate) team_id: Option<i64>,
    pub(crate) extension: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
}

pub(crate) async fn insert_user(tx: &mut Tx, tenant: TenantId, row: UserRow<'_>) -> Result<UserId, Error> {
    let now = tx.now();
    let text = "insert into users (tenant_id, username, login, password_hash, role, team_id, extension, email, \
                disabled, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, false, $9) returning id";
    let query = sql(text).bind(tenant).bind(row.username).bind(row.login).bind(row.password_hash).bind(row.role);
    let query = query.bind(row.team_id).bind(row.extension).bind(row.email).bind(now);
    query.one::<(UserId,)>(tx).await.map(|row| row.0)
}

pub(crate) async fn users(tx: &mut Tx, tenant: TenantId) -> Result<Vec<User>, Error> {
    sql("select id, tenant_id, username, role, team_id, extension, email, disabled, created_at from users \
         where tenant_id = $1 order by id")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn user(tx: &mut Tx, tenant: TenantId, id: UserId) -> Result<Option<User>, Error> {
    sql("select id, tenant_id, username, role, team_id, extension, email, disabled, created_at from users \
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

pub(crate) async fn credential(tx: &mut Tx, tenant: TenantId, login: &str) -> Result<Option<Credential>, Error> {
    sql("select id, tenant_id, password_hash, disabled from users where tenant_id = $1 and login = $2")
        .bind(tenant)
        .bind(login)
        .first(tx)
        .await
}

/// Returns the users of that name in all accounts, two at most: one is known, two are ambiguous.
pub(crate) async fn any_tenant_credentials(tx: &mut Tx, login: &str) -> Result<Vec<Credential>, Error> {
    sql("select id, tenant_id, password_hash, disabled from users where login = $1 order by id limit 2")
        .bind(login)
        .all(tx)
        .await
}

pub(crate) async fn set_disabled(tx: &mut Tx, tenant: TenantId, id: UserId, disabled: bool) -> Result<u64, Error> {
    sql("update users set disabled = $3 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .bind(disabled)
        .run(tx)
        .await
}

pub(crate) async fn set_password(tx: &mut Tx, tenant: TenantId, id: UserId, hash: &str) -> Result<u64, Error> {
    sql("update users set password_hash = $3 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .bind(hash)
        .run(tx)
        .await
}

pub(crate) struct TokenRow<'a> {
    pub(crate) user_id: Option<UserId>,
    pub(crate) kind: TokenKind,
    pub(crate) name: &'a str,
    pub(crate) hash: &'a [u8],
    pub(crate) scopes: Option<Scopes>,
    pub(crate) ip_allow: Option<Networks>,
    pub(crate) expires_at: Option<Timestamp>,
}

pub(crate) async fn insert_token(tx: &mut Tx, tenant: TenantId, row: TokenRow<'_>) -> Result<TokenId, Error> {
    let now = tx.now();
    let text = "insert into token (tenant_id, user_id, kind, name, hash, scopes, ip_allow, expires_at, created_at) \
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id";
    let query = sql(text).bind(tenant).bind(row.user_id).bind(row.kind).bind(row.name).bind(row.hash);
    let query = query.bind(row.scopes).bind(row.ip_allow).bind(row.expires_at).bind(now);
    query.one::<(TokenId,)>(tx).await.map(|row| row.0)
}

/// Removes the user's oldest tokens beyond the newest `keep`.
pub(crate) async fn trim_tokens(tx: &mut Tx, tenant: TenantId, user: UserId, keep: i64) -> Result<u64, Error> {
    sql("delete from token where tenant_id = $1 and user_id = $2 and id not in \
         (select id from token where tenant_id = $1 and user_id = $2 order by id desc limit $3)")
    .bind(tenant)
    .bind(user)
    .bind(keep)
    .run(tx)
    .await
}

pub(crate) async fn tokens(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Token>, Error> {
    sql("select id, tenant_id, user_id, kind, name, hash, scopes, ip_allow, expires_at, last_used_at, created_at, \
         revoked_at from token where tenant_id = $1 order by id")
    .bind(tenant)
    .all(tx)
    .await
}

/// Marks a token as revoked; 0 if there is none or it was before.
pub(crate) async fn revoke_token(tx: &mut Tx, tenant: TenantId, id: TokenId) -> Result<u64, Error> {
    let now = tx.now();
    sql("update token set revoked_at = $3 where tenant_id = $1 and id = $2 and revoked_at is null")
        .bind(tenant)
        .bind(id)
        .bind(now)
        .run(tx)
        .await
}

/// Finds a token with its account and user, before it is known whose it is.
pub(crate) async fn any_tenant_open_token(tx: &mut Tx, id: TokenId) -> Result<Option<Opened>, Error> {
    let found: Option<Token> = sql(
        "select id, tenant_id, user_id, kind, name, hash, scopes, ip_allow, expires_at, last_used_at, created_at, \
             revoked_at from token where id = $1",
    )
    .bind(id)
    .first(tx)
    .await?;
    let Some(token) = found else { return Ok(None) };
    let Some(account) = account(tx, token.tenant_id).await? else { return Ok(None) };
    let user = match token.user_id {
        Some(id) => user(tx, token.tenant_id, id).await?,
        None => None,
    };
    Ok(Some(Opened { token, account, user }))
}

/// Writes when tokens were last used, all in one statement.
pub(crate) async fn any_tenant_write_last_used(tx: &mut Tx, used: Vec<(TokenId, Timestamp)>) -> Result<u64, Error> {
    let rows = used.into_iter().map(|(id, at)| vec![Value::Int(id.0), Value::Int(at.millis())]).collect();
    many(tx, "update token set last_used_at = v.column2 from (values", ") as v where token.id = v.column1", rows).await
}
