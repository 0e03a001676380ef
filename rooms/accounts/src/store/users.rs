//! Users.

use domain::{TenantId, Timestamp, UserId};
use store::{Error, FromRow, Tx, sql};

use crate::model::{StoredLanguage, StoredRole, User};

/// What sign-in has to know of a user.
#[derive(FromRow)]
pub(crate) struct Credential {
    pub(crate) id: UserId,
    pub(crate) tenant_id: TenantId,
    /// Empty for a user who was invited and has chosen no password yet.
    pub(crate) password_hash: String,
    pub(crate) disabled: bool,
    pub(crate) must_change_password: bool,
    pub(crate) has_second_factor: bool,
}

pub(crate) struct UserRow<'a> {
    pub(crate) username: &'a str,
    /// The username in lower case: what is unique and looked up.
    pub(crate) login: &'a str,
    pub(crate) password_hash: &'a str,
    pub(crate) must_change_password: bool,
    pub(crate) role: StoredRole,
    pub(crate) team_id: Option<i64>,
    pub(crate) extension: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    pub(crate) language: Option<StoredLanguage>,
}

pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, row: UserRow<'_>) -> Result<UserId, Error> {
    let now = tx.now();
    let text = "insert into users (tenant_id, username, login, password_hash, must_change_password, role, team_id, \
                extension, email, language, disabled, created_at) \
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false, $11) returning id";
    let query = sql(text).bind(tenant).bind(row.username).bind(row.login).bind(row.password_hash);
    let query = query.bind(row.must_change_password).bind(row.role).bind(row.team_id).bind(row.extension);
    query.bind(row.email).bind(row.language).bind(now).one::<(UserId,)>(tx).await.map(|row| row.0)
}

/// Which users: `None` and the empty pattern do not narrow.
pub(crate) struct Wanted {
    pub(crate) pattern: String,
    pub(crate) role: Option<StoredRole>,
    pub(crate) team: Option<i64>,
    pub(crate) disabled: Option<bool>,
}

pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    wanted: &Wanted,
    limit: i64,
    offset: i64,
) -> Result<Vec<User>, Error> {
    sql("select id, tenant_id, username, role, team_id, extension, email, language, disabled, must_change_password, \
         totp_secret is not null as has_second_factor, password_hash = '' as is_invited, last_sign_in_at, created_at \
         from users where tenant_id = $1 \
         and ($2 = '' or login like $2 escape '!' or lower(coalesce(email, '')) like $2 escape '!' \
         or coalesce(extension, '') like $2 escape '!') \
         and (role = $3 or $3 is null) and (team_id = $4 or $4 is null) and (disabled = $5 or $5 is null) \
         order by login, id limit $6 offset $7")
    .bind(tenant)
    .bind(&wanted.pattern)
    .bind(wanted.role)
    .bind(wanted.team)
    .bind(wanted.disabled)
    .bind(limit)
    .bind(offset)
    .all(tx)
    .await
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, wanted: &Wanted) -> Result<i64, Error> {
    sql("select count(*) from users where tenant_id = $1 \
         and ($2 = '' or login like $2 escape '!' or lower(coalesce(email, '')) like $2 escape '!' \
         or coalesce(extension, '') like $2 escape '!') \
         and (role = $3 or $3 is null) and (team_id = $4 or $4 is null) and (disabled = $5 or $5 is null)")
    .bind(tenant)
    .bind(&wanted.pattern)
    .bind(wanted.role)
    .bind(wanted.team)
    .bind(wanted.disabled)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: UserId) -> Result<Option<User>, Error> {
    sql("select id, tenant_id, username, role, team_id, extension, email, language, disabled, must_change_password, \
         totp_secret is not null as has_second_factor, password_hash = '' as is_invited, last_sign_in_at, created_at \
         from users where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

pub(crate) async fn credential(tx: &mut Tx, tenant: TenantId, login: &str) -> Result<Option<Credential>, Error> {
    sql("select id, tenant_id, password_hash, disabled, must_change_password, \
         totp_secret is not null as has_second_factor from users where tenant_id = $1 and login = $2")
    .bind(tenant)
    .bind(login)
    .first(tx)
    .await
}

/// Returns the users of that name in all accounts, two at most: one is known, two are ambiguous.
pub(crate) async fn any_tenant_credentials(tx: &mut Tx, login: &str) -> Result<Vec<Credential>, Error> {
    sql("select id, tenant_id, password_hash, disabled, must_change_password, \
         totp_secret is not null as has_second_factor from users where login = $1 order by id limit 2")
    .bind(login)
    .all(tx)
    .await
}

pub(crate) async fn password_hash(tx: &mut Tx, tenant: TenantId, id: UserId) -> Result<Option<String>, Error> {
    sql("select password_hash from users where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .first::<(String,)>(tx)
        .await
        .map(|row| row.map(|row| row.0))
}

/// Writes everything of the user that an admin may change.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, user: &User, login: &str) -> Result<u64, Error> {
    sql("update users set username = $3, login = $4, role = $5, team_id = $6, extension = $7, email = $8, \
         language = $9 where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(user.id)
    .bind(&user.username)
    .bind(login)
    .bind(user.role)
    .bind(user.team_id)
    .bind(user.extension.clone())
    .bind(user.email.clone())
    .bind(user.language)
    .run(tx)
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

/// Sets a password; `must_change` if the next sign-in to the console has to ask for another one.
pub(crate) async fn set_password(
    tx: &mut Tx,
    tenant: TenantId,
    id: UserId,
    hash: &str,
    must_change: bool,
) -> Result<u64, Error> {
    sql("update users set password_hash = $3, must_change_password = $4 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .bind(hash)
        .bind(must_change)
        .run(tx)
        .await
}

pub(crate) async fn set_last_sign_in(tx: &mut Tx, tenant: TenantId, id: UserId, at: Timestamp) -> Result<u64, Error> {
    sql("update users set last_sign_in_at = $3 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .bind(at)
        .run(tx)
        .await
}

/// Counts the admins besides `id` who can sign in.
pub(crate) async fn other_admins(tx: &mut Tx, tenant: TenantId, id: UserId) -> Result<i64, Error> {
    sql("select count(*) from users where tenant_id = $1 and id <> $2 and role = 'admin' and disabled = false \
         and password_hash <> ''")
    .bind(tenant)
    .bind(id)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Removes a user. Sessions, links, codes and tokens have to be gone.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: UserId) -> Result<u64, Error> {
    sql("delete from users where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await
}
