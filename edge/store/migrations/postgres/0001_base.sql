-- What every room shares: events, jobs, the audit log.
-- Times are milliseconds since 1970 UTC; `day` is the UTC day number of the row's time.

-- Makes a table's rows visible only to transactions of their account ('*': of any), to the table's owner too.
create function guard_tenant(guarded regclass) returns void language plpgsql as $$
begin
    execute format('alter table %s enable row level security', guarded);
    execute format('alter table %s force row level security', guarded);
    execute format(
        'create policy tenant on %s using (current_setting(''zorio.tenant'', true) in (''*'', tenant_id::text))',
        guarded);
end
$$;

-- Creates the missing partitions first_day..last_day of every table that is partitioned by range of `day`.
create function ensure_partitions(first_day bigint, last_day bigint) returns bigint language plpgsql as $$
declare
    parent text;
    part text;
    made bigint := 0;
begin
    perform pg_advisory_xact_lock(hashtext('ensure_partitions'));
    for parent in
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'p' and n.nspname = current_schema() order by c.relname
    loop
        for day in first_day..last_day loop
            part := parent || '_' || day;
            if to_regclass(format('%I.%I', current_schema(), part)) is null then
                execute format('create table %I partition of %I for values from (%s) to (%s)',
                    part, parent, day, day + 1);
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end
$$;

-- Drops the partitions of a table that lie wholly before a day.
create function drop_partitions(parent text, before_day bigint) returns bigint language plpgsql as $$
declare
    part text;
    dropped bigint := 0;
begin
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = to_regclass(format('%I.%I', current_schema(), parent))
    loop
        if part ~ ('^' || parent || '_[0-9]+$') and substring(part from '[0-9]+$')::bigint < before_day then
            execute format('drop table %I', part);
            dropped := dropped + 1;
        end if;
    end loop;
    return dropped;
end
$$;

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
) partition by range (day);
create table event_default partition of event default;
select guard_tenant('event');

-- Durable work that is still to be done. A finished job is deleted; one that was given up stays as `failed`.
create table job (
    id bigint generated always as identity primary key,
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
select guard_tenant('job');

-- Claiming asks for the due jobs of one kind, oldest first; failed jobs must not slow it down.
create index job_due on job (kind, run_at) where state = 'ready';

-- Who changed what. Each row's hash covers its fields and the hash of the account's row before.
create table audit_log (
    id bigint generated always as identity primary key,
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
select guard_tenant('audit_log');

-- The console lists an account's log from the newest on.
create index audit_log_newest on audit_log (tenant_id, id desc);

-- The end of each account's chain; its row is the lock that keeps the chain from forking.
create table audit_head (
    tenant_id bigint primary key,
    hash text not null
);
select guard_tenant('audit_head');

-- One sealed value, so that a start with the wrong master key is refused.
create table secret_probe (
    id bigint primary key check (id = 1),
    sealed bytea not null
);
