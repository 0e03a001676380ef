-- What every room shares: events, jobs, the audit log.
-- Times are milliseconds since 1970 UTC; `day` is the UTC day number of the row's time.

-- Every published event with the exact bytes of its envelope. Written in the producer's transaction.
create table event (
    day bigint not null,
    id text not null,
    tenant_id bigint not null,
    name text not null,
    call_uuid text,
    at bigint not null,
    body text not null,
    primary key (day, id)
);

-- Durable work that is still to be done. A finished job is deleted; one that was given up stays as `failed`.
create table job (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    kind text not null,
    payload text not null,
    state text not null default 'ready' check (state in ('ready', 'failed')),
    run_at bigint not null,
    attempt bigint not null default 0,
    lease_until bigint not null default 0,
    lease_node text,
    last_error text,
    created_at bigint not null
);

-- Claiming asks for the due jobs of one kind, oldest first; failed jobs must not slow it down.
create index job_due on job (kind, run_at) where state = 'ready';

-- Who changed what. Each row's hash covers its fields and the hash of the account's row before.
create table audit_log (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    at bigint not null,
    actor_kind text not null,
    actor text not null,
    token_id bigint,
    address text,
    request_id text not null,
    action text not null,
    target text not null,
    detail text not null,
    previous text not null,
    hash text not null
);

-- The console lists an account's log from the newest on.
create index audit_log_newest on audit_log (tenant_id, id desc);

-- The end of each account's chain; its row is the lock that keeps the chain from forking.
create table audit_head (
    tenant_id bigint primary key,
    hash text not null
);

-- One sealed value, so that a start with the wrong master key is refused.
create table secret_probe (
    id bigint primary key check (id = 1),
    sealed blob not null
);
