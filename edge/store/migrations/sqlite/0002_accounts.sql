-- Accounts, their users and tokens, and the people they know.
-- The PostgreSQL file of the same name has the same tables. Times are milliseconds since 1970.

create table tenant (
    id integer primary key autoincrement,
    -- The host's tools name an account by it.
    name text not null unique,
    client_id text not null unique,
    -- A request's Host and a REGISTER's domain pick the account by it.
    host text unique,
    timezone text not null,
    region text not null,
    settings text not null,
    created_at bigint not null
);

create table users (
    id integer primary key autoincrement,
    tenant_id bigint not null references tenant (id),
    username text not null,
    -- The username in lower case.
    login text not null,
    password_hash text not null,
    role text not null check (role in ('admin', 'supervisor', 'agent', 'read_only')),
    team_id bigint,
    extension text,
    email text,
    disabled boolean not null,
    created_at bigint not null
);
-- Sign-in looks a user up by the name, first of all where the host names no account; a name is unique in its account.
create unique index users_by_login on users (login, tenant_id);
-- Lists of an account's users.
create index users_by_tenant on users (tenant_id, id);

create table token (
    id integer primary key autoincrement,
    tenant_id bigint not null references tenant (id),
    user_id bigint references users (id),
    kind text not null check (kind in ('user', 'machine')),
    name text not null,
    -- SHA-256 of the random part.
    hash blob not null,
    scopes text,
    ip_allow text,
    expires_at bigint,
    last_used_at bigint,
    created_at bigint not null,
    revoked_at bigint,
    check ((kind = 'user') = (user_id is not null))
);
-- Lists of an account's tokens.
create index token_by_tenant on token (tenant_id, id);
-- A user's oldest tokens make room for new ones.
create index token_by_user on token (user_id, id) where user_id is not null;

create table contact (
    id integer primary key autoincrement,
    tenant_id bigint not null references tenant (id),
    full_name text not null,
    customer_id bigint,
    created_at bigint not null,
    updated_at bigint not null
);
-- Lists of an account's contacts.
create index contact_by_tenant on contact (tenant_id, id);

create table contact_phone (
    tenant_id bigint not null references tenant (id),
    contact_id bigint not null references contact (id) on delete cascade,
    -- In the order that the client gave.
    place bigint not null,
    -- E.164 without the plus.
    e164 text not null,
    -- As the client wrote it; that is what is returned.
    original text not null,
    primary key (contact_id, place)
);
-- Lookup of a caller; the newest contact with the number wins.
create index contact_phone_by_number on contact_phone (tenant_id, e164, contact_id desc);
