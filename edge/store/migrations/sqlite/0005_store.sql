-- Answers that a repeated request gets again (`Idempotency-Key`).
-- The PostgreSQL file of the same name has the same table. Times are milliseconds since 1970.

create table idempotency (
    id integer primary key autoincrement,
    tenant_id bigint not null references tenant (id),
    token_id bigint not null,
    -- SHA-256 of method, path and key.
    key_hash blob not null,
    -- SHA-256 of query and body: the same key may not ask for something else.
    request_hash blob not null,
    -- Who works on it, and until when that is believed.
    node text not null,
    attempt bigint not null,
    lease_until bigint not null,
    -- The audit log's rows of the request carry it.
    request_id text not null,
    -- Set in the transaction of the request's effect, where that says so: then nothing is done again.
    acted boolean not null,
    -- Null until there is an answer.
    status bigint,
    headers text,
    -- Sealed; null too for an answer that was too long to keep.
    body blob,
    bytes bigint not null,
    expires_at bigint not null,
    created_at bigint not null
);
-- A request looks its key up; two at once cannot both begin.
create unique index idempotency_by_key on idempotency (token_id, key_hash);
-- What is older than a day is removed.
create index idempotency_by_age on idempotency (expires_at);
-- An account's oldest answers make room once it has too many.
create index idempotency_kept on idempotency (tenant_id, id) where bytes > 0;
