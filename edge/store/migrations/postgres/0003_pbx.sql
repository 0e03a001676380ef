-- The telephone exchange: extensions, trunks, caller IDs, routes, live calls and call detail records.
-- The SQLite file of the same name has the same tables. Times are milliseconds since 1970.

create table extension (
    tenant_id bigint not null,
    extension_number text collate "C" not null,
    display_name text,
    voicemail_enabled boolean not null,
    outbound_caller_id text,
    recording_mode text not null check (recording_mode in ('none', 'inbound', 'outbound', 'all')),
    status text not null check (status in ('active', 'disabled')),
    team_id bigint,
    department_id bigint,
    max_concurrent bigint not null check (max_concurrent between 1 and 10),
    tls_enabled boolean not null,
    -- The digest realm that the HA1s were computed for.
    realm text not null,
    -- MD5 and SHA-256 HA1, sealed together.
    ha1_sealed bytea not null,
    created_at bigint not null,
    updated_at bigint not null,
    -- Every lookup is by the number; lists are in its order.
    primary key (tenant_id, extension_number)
);
select guard_tenant('extension');
-- Whether a caller ID is in use, before it is deleted.
create index extension_by_caller_id on extension (tenant_id, outbound_caller_id) where outbound_caller_id is not null;

create table registration (
    tenant_id bigint not null,
    extension_number text collate "C" not null,
    contact text not null,
    instance text,
    reg_id bigint,
    call_id text not null,
    cseq bigint not null,
    expires_at bigint not null,
    source text not null,
    transport text not null,
    user_agent text,
    path text,
    registered_at bigint not null,
    -- An extension's contacts are read together and refreshed one by one.
    primary key (tenant_id, extension_number, contact)
);
select guard_tenant('registration');

create table trunk (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    name text not null,
    host text not null,
    port bigint check (port between 1 and 65535),
    transport text not null check (transport in ('udp', 'tcp', 'tls')),
    auth text not null check (auth in ('none', 'ip', 'digest')),
    username text,
    password_sealed bytea,
    realm text,
    from_user text,
    from_domain text,
    max_channels bigint check (max_channels > 0),
    status text not null check (status in ('active', 'disabled')),
    -- JSON array of addresses.
    sources text not null,
    created_at bigint not null,
    updated_at bigint not null
);
select guard_tenant('trunk');
-- Click-to-call may name a trunk; the list is in this order.
create unique index trunk_by_name on trunk (tenant_id, name);

create table caller_id (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    number text not null,
    label text,
    status text not null check (status in ('active', 'disabled')),
    trunk_id bigint,
    created_at bigint not null,
    updated_at bigint not null
);
select guard_tenant('caller_id');
-- A call that shows a number looks it up; the list is in this order.
create unique index caller_id_by_number on caller_id (tenant_id, number);

create table route (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    kind text not null check (kind in ('prefix', 'default', 'did')),
    -- The prefix or the DID number; empty for a default route.
    pattern text not null,
    trunk_id bigint,
    extension_number text,
    priority bigint not null,
    created_at bigint not null,
    check (kind = 'did' or trunk_id is not null),
    check (kind <> 'did' or extension_number is not null)
);
select guard_tenant('route');
-- The same route twice makes no sense. Also reads an account's routes of one kind.
create unique index route_once on route (tenant_id, kind, pattern, coalesce(trunk_id, 0));

-- One row for each run of the program that owns calls.
create table pbx_boot (
    boot_id text primary key,
    node text not null,
    heartbeat_at bigint not null
);

-- Calls that are up. A row lives as long as its call, so the table is small.
create table call (
    call_uuid text primary key,
    tenant_id bigint not null,
    boot_id text not null,
    state text not null,
    direction text not null,
    source_type text not null,
    caller_number text not null,
    destination_number text not null,
    extension_number text,
    agent_extension text,
    trunk_id bigint,
    trunk_name text,
    queue_name text,
    campaign_id bigint,
    lead_id bigint,
    started_at bigint not null,
    answered_at bigint,
    -- JSON array.
    legs text not null,
    -- The journal of both dialogs, written at the answer.
    dialogs text,
    recording_path text
);
select guard_tenant('call');

create table cdr (
    -- Days since 1970 of the start, in UTC: old records are dropped by day.
    day bigint not null,
    uuid text collate "C" not null,
    tenant_id bigint not null,
    direction text not null,
    source_type text not null,
    caller_number text not null,
    destination_number text not null,
    extension_number text,
    agent_extension text,
    -- The two numbers as they are searched: E.164 without +. The second is null if it equals the first.
    caller_key text not null,
    destination_key text,
    -- The team of the extension when the call ended.
    team_id bigint,
    start_time bigint not null,
    answer_time bigint,
    end_time bigint not null,
    -- Seconds.
    duration bigint not null,
    billsec bigint not null,
    queue_name text,
    queue_wait_time bigint,
    trunk_id bigint,
    trunk_name text,
    transfer_count bigint not null,
    result text not null,
    hangup_cause text not null,
    hangup_cause_q850 bigint,
    sip_status bigint,
    hangup_by text not null,
    recording_state text not null,
    recording_path text,
    -- Milliseconds.
    recording_duration bigint,
    recording_size_bytes bigint,
    recording_downloaded_at bigint,
    disposition text,
    campaign_id bigint,
    lead_id bigint,
    -- JSON arrays.
    tags text not null,
    mos double precision,
    legs text not null,
    -- The UUID first, so that the key also finds a record by its UUID alone.
    primary key (uuid, day)
) partition by range (day);
create table cdr_default partition of cdr default;
select guard_tenant('cdr');
-- An account's records of a period, in the order of the list; the other columns let counting read the index alone.
create index cdr_by_start on cdr (tenant_id, start_time, uuid, direction, team_id, day);
-- The records of an extension and of a phone number on either side, each in the order of the list.
create index cdr_by_extension on cdr (tenant_id, extension_number, start_time, uuid) where extension_number is not null;
create index cdr_by_agent on cdr (tenant_id, agent_extension, start_time, uuid) where agent_extension is not null;
create index cdr_by_caller on cdr (tenant_id, caller_key, start_time, uuid);
create index cdr_by_destination on cdr (tenant_id, destination_key, start_time, uuid) where destination_key is not null;

-- Grows with every write to extensions, trunks, caller IDs and routes, so that other processes notice.
create table pbx_change (
    id bigint primary key check (id = 1),
    version bigint not null
);
insert into pbx_change (id, version) values (1, 0);
