-- Webhooks: kinds, filters, pacing, every attempt, replays of time ranges, figures.

-- What is sent: events as they were subscribed to, or the incoming-call notification of /api/v3.
alter table webhook add column kind text not null default 'events' check (kind in ('events', 'incoming'));
-- Which extensions, queues and campaigns it is about, as JSON; null means all.
alter table webhook add column filter text;
-- Attempts a second at most; null means the setting's.
alter table webhook add column pace bigint;
-- The certificate authority of this endpoint alone, PEM; null means the usual ones.
alter table webhook add column authority text;
alter table webhook add column last_success_at bigint;
alter table webhook add column last_failure_at bigint;

-- What is held is not queued any more.
alter table delivery_queue drop column held;
-- Sent again by an operator: it gives way to what happens now.
alter table delivery_queue add column replay boolean not null default false;

-- `expired` is new; SQLite cannot change a check. Without a rowid a delivery is written into one tree less.
create table delivery_anew (
    day bigint not null,
    id text not null,
    tenant_id bigint not null,
    webhook_id bigint not null,
    event_id text not null,
    event text not null,
    status text not null check (status in ('delivered', 'failed', 'deadletter', 'skipped', 'expired')),
    attempts bigint not null,
    created_at bigint not null,
    attempted_at bigint,
    next_attempt_at bigint,
    duration_ms bigint,
    response_status bigint,
    response_body text,
    error text,
    primary key (day, id)
) without rowid;
insert into delivery_anew (day, id, tenant_id, webhook_id, event_id, event, status, attempts, created_at, attempted_at,
    next_attempt_at, duration_ms, response_status, response_body, error)
select day, id, tenant_id, webhook_id, event_id, event, status, attempts, created_at, attempted_at,
    next_attempt_at, duration_ms, response_status, response_body, error from delivery;
drop table delivery;
alter table delivery_anew rename to delivery;

-- The console lists a webhook's deliveries from the newest on.
create index delivery_webhook on delivery (webhook_id, created_at);
-- Replays and lists of what failed must not walk through what was delivered. A success costs this index nothing.
create index delivery_undelivered on delivery (webhook_id, created_at) where status <> 'delivered';

-- Deliveries are looked for by call. The ids of calls grow with time, so a new one lands at the index's end.
create index event_call on event (call_uuid) where call_uuid is not null;

-- Attempts that did not succeed; the last attempt of a delivery is also in its own row.
create table delivery_attempt (
    day bigint not null,
    -- The delivery's.
    id text not null,
    at bigint not null,
    tenant_id bigint not null,
    duration_ms bigint not null,
    response_status bigint,
    response_body text,
    error text,
    primary key (day, id, at)
);

-- Attempts of five minutes by webhook, for rates and alerts.
create table webhook_tally (
    webhook_id bigint not null,
    -- Time divided by five minutes.
    slot bigint not null,
    tenant_id bigint not null,
    delivered bigint not null,
    failed bigint not null,
    dead bigint not null,
    primary key (webhook_id, slot)
) without rowid;

-- Replays of time ranges.
create table webhook_replay (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    webhook_id bigint not null,
    from_at bigint not null,
    to_at bigint not null,
    -- Names with a comma between them.
    statuses text not null,
    state text not null check (state in ('running', 'done', 'cancelled')),
    -- Null until they are counted, or if that takes too long.
    total bigint,
    queued bigint not null default 0,
    -- The last delivery that was queued again.
    cursor_at bigint not null,
    cursor_id text not null default '',
    created_by text not null,
    created_at bigint not null,
    updated_at bigint not null
);

-- What is to be gone on with after a start, and each second.
create index webhook_replay_running on webhook_replay (id) where state = 'running';
-- The console lists an account's replays from the newest on.
create index webhook_replay_tenant on webhook_replay (tenant_id, id);

-- ==== Incoming-call webhooks (/api/v3) ====

-- An account has one URL for its incoming calls.
create unique index webhook_incoming on webhook (tenant_id) where kind = 'incoming';
