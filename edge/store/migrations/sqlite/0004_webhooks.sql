-- Subscriptions, the queue of what is still to be delivered, and the history of what was.

create table webhook (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    name text not null,
    url text not null,
    secret blob not null,
    status text not null default 'active' check (status in ('active', 'paused', 'suspended')),
    -- Why it is suspended, for the operator.
    reason text,
    -- Events in a row that ended as dead letters.
    failed_in_row bigint not null default 0,
    -- Grows with every change of URL, secret or status, so that a cached copy is known to be old.
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null
);

-- An account's webhooks are listed together.
create index webhook_tenant on webhook (tenant_id, id);

-- Which events a webhook asked for. Looked up for every event that is published.
create table webhook_event (
    tenant_id bigint not null,
    event text not null,
    webhook_id bigint not null references webhook (id) on delete cascade,
    primary key (tenant_id, event, webhook_id)
) without rowid;

-- A webhook's events are replaced and shown together.
create index webhook_event_webhook on webhook_event (webhook_id);

-- What is still to be delivered. A row is written with its event and deleted with its final result.
create table delivery_queue (
    event_id text not null,
    webhook_id bigint not null,
    day bigint not null,
    tenant_id bigint not null,
    version bigint not null,
    -- The webhook was not active when the event happened.
    held boolean not null,
    -- Attempts made.
    attempt bigint not null,
    due_at bigint not null,
    created_at bigint not null,
    -- The node that has it in memory.
    lease_node text,
    primary key (event_id, webhook_id)
) without rowid;

-- Claiming asks each webhook for its oldest due rows that nobody has.
create index delivery_queue_due on delivery_queue (webhook_id, due_at) where lease_node is null;

-- The nodes that deliver. A node that lets its lease run out loses its rows.
create table delivery_node (
    node text primary key,
    lease_until bigint not null
);

-- What became of every delivery; the payload is the event's body of the same day.
create table delivery (
    day bigint not null,
    id text not null,
    tenant_id bigint not null,
    webhook_id bigint not null,
    event_id text not null,
    event text not null,
    status text not null check (status in ('delivered', 'failed', 'deadletter', 'skipped')),
    attempts bigint not null,
    created_at bigint not null,
    attempted_at bigint,
    next_attempt_at bigint,
    duration_ms bigint,
    response_status bigint,
    response_body text,
    error text,
    primary key (day, id)
);

-- The console lists a webhook's deliveries from the newest on.
create index delivery_webhook on delivery (webhook_id, created_at);
