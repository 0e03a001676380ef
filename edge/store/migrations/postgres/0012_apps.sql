-- Where calls end up when it is not simply one phone: prompts, menus, ring groups, mailboxes, forwarding.

-- Sound of an account: 16-bit PCM at 8 kHz in a file below the folder of prompts.
create table prompt (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    name text not null,
    -- Below the folder of prompts; another upload gets another name.
    path text not null,
    size_bytes bigint not null,
    duration_ms bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
select guard_tenant('prompt');
-- A name stands for one prompt; the list is in this order.
create unique index prompt_by_name on prompt (tenant_id, name);

create table menu (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    name text not null,
    -- What phones of the account dial to reach it.
    number text,
    greeting_prompt_id bigint,
    invalid_prompt_id bigint,
    -- How many digits the numbers have that callers may dial in it; none may be dialled without.
    dial_digits bigint check (dial_digits between 2 and 10),
    wait_seconds bigint not null check (wait_seconds between 1 and 60),
    repeats bigint not null check (repeats between 0 and 9),
    otherwise_kind text not null,
    otherwise_target text not null,
    created_at bigint not null,
    updated_at bigint not null
);
select guard_tenant('menu');
-- A name stands for one menu; the list is in this order.
create unique index menu_by_name on menu (tenant_id, name);
-- A number leads to one menu.
create unique index menu_by_number on menu (tenant_id, number) where number is not null;

create table menu_key (
    tenant_id bigint not null,
    menu_id bigint not null,
    key text not null,
    -- A kind of destination, or 'again'.
    kind text not null,
    target text not null,
    -- The keys of a menu are read together, in this order.
    primary key (tenant_id, menu_id, key)
);
select guard_tenant('menu_key');

create table ring_group (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    name text not null,
    -- What phones of the account dial to reach it.
    number text,
    strategy text not null check (strategy in ('all', 'in-order', 'round-robin', 'random')),
    ring_seconds bigint not null check (ring_seconds between 5 and 300),
    -- Where callers go whom nobody answers; none lets them go.
    fallback_kind text,
    fallback_target text not null,
    created_at bigint not null,
    updated_at bigint not null
);
select guard_tenant('ring_group');
-- A name stands for one group; the list is in this order.
create unique index ring_group_by_name on ring_group (tenant_id, name);
-- A number leads to one group.
create unique index ring_group_by_number on ring_group (tenant_id, number) where number is not null;

create table ring_group_member (
    tenant_id bigint not null,
    ring_group_id bigint not null,
    position bigint not null,
    extension_number text not null,
    -- The members of a group are read together, in their order.
    primary key (tenant_id, ring_group_id, position)
);
select guard_tenant('ring_group_member');
-- An extension that is deleted leaves its groups.
create index ring_group_member_by_extension on ring_group_member (tenant_id, extension_number);

-- The settings of a mailbox. An extension whose voicemail is on and that has no row here has the defaults.
create table voicemail_box (
    tenant_id bigint not null,
    extension_number text not null,
    -- HMAC of the PIN under a key that is not in the database.
    pin_mac bytea,
    -- Wrong PINs since the last right one.
    pin_failures bigint not null,
    -- No PIN is looked at before.
    locked_until bigint,
    -- Below the folder of voicemail.
    greeting_path text,
    greeting_ms bigint,
    -- Who is written to when a message was left.
    email text,
    attach boolean not null,
    -- Callers may hear their message and speak it anew.
    review boolean not null,
    updated_at bigint not null,
    primary key (tenant_id, extension_number)
);
select guard_tenant('voicemail_box');

create table voicemail_message (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    extension_number text not null,
    call_uuid text not null,
    -- The run that records it; as long as it is being recorded.
    boot_id text not null,
    caller_number text not null,
    caller_name text,
    state text not null check (state in ('recording', 'new', 'old')),
    -- Below the folder of voicemail.
    path text not null,
    size_bytes bigint not null,
    duration_ms bigint not null,
    created_at bigint not null
);
select guard_tenant('voicemail_message');
-- The messages of a mailbox, the newest first.
create index voicemail_message_by_box on voicemail_message (tenant_id, extension_number, created_at desc);
-- What a crash cut off, and what is older than it may be.
create index voicemail_message_by_age on voicemail_message (state, created_at);

-- Where calls of an extension go: 'voicemail', or a number as the extension would dial it.
alter table extension add column forward_always text;
alter table extension add column forward_busy text;
alter table extension add column forward_no_answer text;
alter table extension add column forward_offline text;
alter table extension add column do_not_disturb boolean not null default false;
-- How long its phones ring; as the server says if it has none.
alter table extension add column ring_seconds bigint check (ring_seconds between 5 and 300);
