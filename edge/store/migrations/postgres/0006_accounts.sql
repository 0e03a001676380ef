-- Console sessions, second factors, teams, one-time links, allowed origins; access tokens made of machine tokens.
-- The SQLite file of the same name has the same tables. Times are milliseconds since 1970.

-- What the console speaks to the user; null for the account's language.
alter table users add column language text;
-- The next sign-in to the console asks for another password first.
alter table users add column must_change_password boolean not null default false;
-- Sealed; null without a second factor.
alter table users add column totp_secret bytea;
-- Sealed: offered, but not in force until a code of it was confirmed.
alter table users add column totp_offer bytea;
-- The time step of the last code that was taken: no code opens twice.
alter table users add column totp_step bigint not null default 0;
-- Wrong codes in a row, and until when no code is looked at.
alter table users add column code_failures bigint not null default 0;
alter table users add column codes_closed_until bigint not null default 0;
alter table users add column last_sign_in_at bigint;

-- The machine token that an access token was made of; revoking that ends this one too.
alter table token add column parent_id bigint;
-- Revoking a machine token ends its access tokens, and the oldest make room for new ones.
create index token_by_parent on token (parent_id, id) where parent_id is not null;

create table team (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant (id),
    name text not null,
    -- The name in lower case.
    name_key text not null,
    created_at bigint not null
);
select guard_tenant('team');
-- A name is unique in its account; lists are by name.
create unique index team_by_name on team (tenant_id, name_key);

create table session (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant (id),
    user_id bigint not null references users (id),
    -- SHA-256 of the cookie.
    hash bytea not null,
    stage text not null check (stage in ('second_factor', 'change_password', 'open')),
    created_at bigint not null,
    seen_at bigint not null,
    -- When the password was last confirmed.
    confirmed_at bigint,
    address text not null,
    user_agent text not null
);
select guard_tenant('session');
-- Every request of the console looks its session up.
create unique index session_by_hash on session (hash);
-- Lists of a user's sessions, and their end with the user.
create index session_by_user on session (user_id, id);
-- Sessions that ended by themselves are removed.
create index session_by_age on session (seen_at);

create table recovery_code (
    tenant_id bigint not null references tenant (id),
    user_id bigint not null references users (id),
    -- SHA-256 of the code's 80 random bits.
    hash bytea not null,
    primary key (user_id, hash)
);
select guard_tenant('recovery_code');

create table link (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant (id),
    user_id bigint not null references users (id),
    kind text not null check (kind in ('invitation', 'reset')),
    -- SHA-256 of the link's random part.
    hash bytea not null,
    expires_at bigint not null,
    created_at bigint not null
);
select guard_tenant('link');
-- Whoever follows a link is known by it alone.
create unique index link_by_hash on link (hash);
-- A user has one link at a time.
create unique index link_by_user on link (user_id);

create table frame_origin (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant (id),
    origin text not null,
    created_at bigint not null
);
select guard_tenant('frame_origin');
-- An origin is allowed once; every page that is framed asks for the list.
create unique index frame_origin_by_name on frame_origin (tenant_id, origin);
