-- Routing complete: what trunks can do, inbound rules to anything, time conditions, caller-ID groups, rates, and the
-- books of the guard against toll fraud.

alter table trunk add column max_cps bigint check (max_cps between 1 and 10000);
-- JSON array of codec names in their order; empty is the server's order.
alter table trunk add column codecs text not null default '[]';
alter table trunk add column dtmf text not null default 'rfc4733' check (dtmf in ('rfc4733', 'info', 'inband'));
alter table trunk add column srtp text not null default 'off' check (srtp in ('off', 'optional', 'required'));
alter table trunk add column number_format text not null default 'as_dialled';
alter table trunk add column strip bigint not null default 0 check (strip between 0 and 32);
alter table trunk add column prepend text not null default '';
-- Shown when a call brings no number that may be shown.
alter table trunk add column caller_id text;
alter table trunk add column caller_id_format text not null default 'as_dialled';
-- Whether P-Asserted-Identity is sent, and what it says is believed.
alter table trunk add column asserts_identity boolean not null default false;
alter table trunk add column trusts_identity boolean not null default false;

create table route_new (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    kind text not null check (kind in ('prefix', 'default', 'did')),
    -- The prefix, or the called number or its beginning; empty for a default route.
    pattern text not null,
    trunk_id bigint,
    -- Of inbound rules: where they lead.
    destination_kind text,
    destination text,
    -- Only callers like this, only while this time condition is open or closed.
    caller_pattern text,
    time_condition_id bigint,
    condition_open boolean,
    -- Of outbound routes: changes of the number, and the number to show.
    strip bigint not null default 0 check (strip between 0 and 32),
    prepend text not null default '',
    caller_id_group_id bigint,
    anonymous boolean not null default false,
    priority bigint not null,
    created_at bigint not null,
    check (kind = 'did' or trunk_id is not null),
    check (kind <> 'did' or destination_kind is not null)
);
-- Row-level security would hide the rows from whoever migrates.
set local zorio.tenant = '*';
insert into route_new (id, tenant_id, kind, pattern, trunk_id, destination_kind, destination, priority, created_at)
    overriding system value
    select id, tenant_id, kind, pattern, trunk_id,
           case when kind = 'did' then 'extension' end, extension_number, priority, created_at
    from route;
drop table route;
alter table route_new rename to route;
select setval(pg_get_serial_sequence('route', 'id'), coalesce((select max(id) from route), 0) + 1, false);
select guard_tenant('route');
-- The same route twice makes no sense. Also reads an account's routes of one kind.
create unique index route_once on route (tenant_id, kind, pattern, coalesce(trunk_id, 0), coalesce(caller_pattern, ''),
    coalesce(time_condition_id, 0), coalesce(condition_open, true));
-- Rules that lead to what is deleted go with it.
create index route_by_destination on route (tenant_id, destination_kind, destination) where destination_kind is not null;

create table time_condition (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    name text not null,
    -- JSON: weekly hours and holidays.
    calendar text not null,
    override text not null check (override in ('automatic', 'open', 'closed')),
    created_at bigint not null,
    updated_at bigint not null
);
select guard_tenant('time_condition');
-- Two of one name cannot be told apart in a rule; the list is in this order.
create unique index time_condition_by_name on time_condition (tenant_id, name);

create table caller_id_group (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    name text not null,
    description text,
    rotation_strategy text not null,
    sticky_enabled boolean not null,
    status text not null check (status in ('active', 'disabled')),
    -- Seconds between two uses of one number.
    cooldown_seconds bigint not null check (cooldown_seconds between 0 and 86400),
    -- Hours that the health of a number looks back, and its rule: calls that say something, shares in percent.
    health_hours bigint not null check (health_hours between 1 and 168),
    health_calls bigint not null,
    health_answered bigint not null,
    health_blocked bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
select guard_tenant('caller_id_group');
-- Two of one name cannot be told apart; the list is in this order.
create unique index caller_id_group_by_name on caller_id_group (tenant_id, name);

create table caller_id_group_member (
    tenant_id bigint not null,
    group_id bigint not null,
    caller_id_id bigint not null,
    weight bigint not null check (weight between 0 and 1000),
    daily_cap bigint check (daily_cap > 0),
    -- A group's numbers are read together.
    primary key (tenant_id, group_id, caller_id_id)
);
select guard_tenant('caller_id_group_member');
-- The groups of a number, and their places when it is deleted.
create index caller_id_group_member_by_number on caller_id_group_member (tenant_id, caller_id_id);

-- Extensions that draw the number they show from a group.
create table caller_id_group_extension (
    tenant_id bigint not null,
    extension_number text not null,
    group_id bigint not null,
    -- An extension draws from one group at most.
    primary key (tenant_id, extension_number)
);
select guard_tenant('caller_id_group_extension');

-- How a number was used, by quarters of an hour since 1970: caps and health are sums over them.
create table caller_id_use (
    tenant_id bigint not null,
    caller_id_id bigint not null,
    quarter bigint not null,
    used bigint not null,
    answered bigint not null,
    unanswered bigint not null,
    blocked bigint not null,
    failed bigint not null,
    last_used_at bigint,
    -- A start reads all recent rows; each is written again while its quarter lasts.
    primary key (tenant_id, caller_id_id, quarter)
);
select guard_tenant('caller_id_use');
-- Old rows are deleted.
create index caller_id_use_old on caller_id_use (quarter);

-- What an account may dial and how much of it; JSON. An account without a row has the defaults.
create table toll_policy (
    tenant_id bigint primary key,
    policy text not null,
    updated_at bigint not null
);
select guard_tenant('toll_policy');

-- What calls over trunks have used, minute by minute; the extension '' is the account as a whole.
create table toll_minute (
    tenant_id bigint not null,
    extension_number text not null,
    minute bigint not null,
    calls bigint not null,
    -- Milliseconds.
    talk bigint not null,
    -- Millionths of the account's currency.
    cost bigint not null,
    -- A start reads the last hour; each row is written again while its minute lasts.
    primary key (tenant_id, extension_number, minute)
);
select guard_tenant('toll_minute');
-- A start reads the last hour, and older rows are deleted.
create index toll_minute_old on toll_minute (minute);

-- Prices by prefix, for least cost and for limits of money. Money is in millionths of the account's currency.
create table rate (
    tenant_id bigint not null,
    -- 0: any trunk.
    trunk_id bigint not null,
    -- E.164 without +.
    prefix text not null,
    name text not null,
    per_minute bigint not null check (per_minute >= 0),
    connection bigint not null check (connection >= 0),
    first_seconds bigint not null check (first_seconds between 1 and 3600),
    next_seconds bigint not null check (next_seconds between 1 and 3600),
    -- An account's rates are read together and listed in this order.
    primary key (tenant_id, trunk_id, prefix)
);
select guard_tenant('rate');

-- Grows with every change of an account's rates, so that servers read them anew.
create table rate_book (
    tenant_id bigint primary key,
    version bigint not null
);
select guard_tenant('rate_book');

-- Feature codes and emergency numbers; JSON. An account without a row has the defaults.
create table dialling (
    tenant_id bigint primary key,
    codes text not null,
    -- JSON array; empty means those of the region.
    emergency text not null,
    updated_at bigint not null
);
select guard_tenant('dialling');
