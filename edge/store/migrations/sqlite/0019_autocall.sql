-- Calls that a campaign makes by itself: scripts, variables, campaigns, leads, and the ledger of attempts.
-- The PostgreSQL file of the same name has the same tables. Times are milliseconds since 1970.

create table autocall_variable (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    variable_code text not null,
    label text not null,
    -- Decides how it is read aloud.
    type text not null check (type in ('text', 'name', 'number', 'currency', 'percent', 'date', 'time', 'phone')),
    created_at bigint not null,
    updated_at bigint not null
);
-- A code stands for one variable; the list is in this order.
create unique index autocall_variable_by_code on autocall_variable (tenant_id, variable_code);

create table autocall_script (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    name text not null,
    description text,
    template_text text not null,
    voice_id text not null,
    tts_tier text not null check (tts_tier in ('A', 'B')),
    max_repeat_per_attempt bigint not null check (max_repeat_per_attempt between 1 and 5),
    status text not null check (status in ('draft', 'active', 'archived')),
    -- JSON array of the keys, as the API shows them.
    dtmf_actions text not null,
    created_at bigint not null,
    updated_at bigint not null
);
-- The list of an account's scripts, the newest first.
create index autocall_script_by_tenant on autocall_script (tenant_id, id desc);

create table autocall_campaign (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    name text not null,
    description text,
    script_id bigint not null,
    status text not null check (status in ('draft', 'running', 'paused', 'finished', 'archived')),
    -- What an archived campaign was before.
    archived_from text,
    -- None: the account's default trunk with its own number.
    caller_id_group_id bigint,
    max_retries bigint not null check (max_retries between 0 and 10),
    retry_interval_minutes bigint not null check (retry_interval_minutes between 1 and 43200),
    retry_only_when text not null check (retry_only_when in ('no_answer', 'busy', 'failed', 'any')),
    max_concurrent bigint not null check (max_concurrent between 1 and 200),
    originate_timeout bigint not null check (originate_timeout between 10 and 180),
    write_to_main_cdr boolean not null,
    -- What the law asks: advertising has narrower hours than a reminder of an appointment.
    call_purpose text not null check (call_purpose in ('advertising', 'service', 'care', 'debt')),
    -- Whether hours, caps and consent of the law are asked for; lists of who must not be called always are.
    pdpl_enforce boolean not null,
    record_calls boolean not null,
    -- Whether a script of tier A may be said by the local voice while its provider is down.
    tts_fallback boolean not null,
    amd_enabled boolean not null,
    start_at bigint,
    end_at bigint,
    started_at bigint,
    paused_at bigint,
    finished_at bigint,
    created_at bigint not null,
    updated_at bigint not null
);
-- The list of an account's campaigns, the newest first.
create index autocall_campaign_by_tenant on autocall_campaign (tenant_id, id desc);
-- The engine asks which campaigns of any account run.
create index autocall_campaign_by_status on autocall_campaign (status, id);
-- Which campaigns say a script, before it is changed or deleted.
create index autocall_campaign_by_script on autocall_campaign (tenant_id, script_id);

create table autocall_lead (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    campaign_id bigint not null,
    -- E.164 without +, and as the client wrote it.
    phone text not null,
    phone_original text not null,
    -- The client's own name for the lead.
    external_ref text,
    -- JSON object: the values of the script's variables.
    payload text not null,
    status text not null check (status in ('pending', 'reserved', 'dialing', 'completed', 'no_such_number',
        'exhausted', 'not_retried', 'opted_out')),
    attempts bigint not null default 0,
    -- Not before then; 0: at once.
    next_at bigint not null default 0,
    -- A reservation ends then.
    lease_until bigint,
    -- Which run of the program holds the reservation.
    lease_boot text,
    last_result text,
    created_at bigint not null,
    updated_at bigint not null
);
-- A number stands once in a campaign; imports look there.
create unique index autocall_lead_once on autocall_lead (tenant_id, campaign_id, phone);
-- The list of a campaign's leads.
create index autocall_lead_by_campaign on autocall_lead (tenant_id, campaign_id, id);
-- The engine asks who is due next; counts of a campaign by status.
create index autocall_lead_due on autocall_lead (campaign_id, status, next_at, id);
-- Everything that is kept of one number.
create index autocall_lead_by_phone on autocall_lead (tenant_id, phone);

-- One dial of one lead: written before the INVITE, closed once, never changed afterwards.
create table autocall_attempt (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    call_uuid text not null,
    campaign_id bigint not null,
    lead_id bigint not null,
    script_id bigint not null,
    -- From 1.
    attempt_number bigint not null,
    -- E.164 without +.
    phone text not null,
    caller_id text,
    trunk_id bigint,
    trunk_name text,
    -- The run of the program that dials it: what a crash left open is closed as lost.
    boot_id text not null,
    dialled_at bigint not null,
    -- Quarters of an hour since 1970 of the dial: what reports group by, in the order of their index.
    quarter bigint not null,
    answered_at bigint,
    ended_at bigint,
    -- None while the call is up.
    result text check (result in ('answered', 'no_answer', 'busy', 'rejected', 'failed', 'machine', 'abandoned',
        'unallocated', 'called_off', 'lost')),
    hangup_cause text,
    sip_status bigint,
    -- Seconds from answer to end.
    billsec bigint not null default 0,
    -- The keys that were pressed, in their order.
    digits text not null default '',
    -- The queue that the callee was handed to, and when an agent answered there.
    transferred_to text,
    transferred_at bigint,
    transfer_agent text,
    transfer_answered_at bigint,
    -- Below the folder of recordings.
    recording_path text
);
-- A call is found by its uuid.
create unique index autocall_attempt_by_call on autocall_attempt (tenant_id, call_uuid);
-- The attempts of a lead, in their order; a lead is dialled once with each number of attempt.
create unique index autocall_attempt_by_lead on autocall_attempt (tenant_id, lead_id, attempt_number);
-- The list of all attempts, the newest first.
create index autocall_attempt_by_time on autocall_attempt (tenant_id, dialled_at desc, id desc);
-- What is up, and what a crash left open.
create index autocall_attempt_open on autocall_attempt (boot_id, id) where ended_at is null;
-- How often a number was called lately, by any campaign.
create index autocall_attempt_by_phone on autocall_attempt (tenant_id, phone, dialled_at);
-- Reports read this index alone, in its order and without sorting: hundreds of thousands of attempts within a blink.
create index autocall_attempt_figures on autocall_attempt (tenant_id, campaign_id, quarter, result, digits, hangup_cause,
    billsec, transferred_at, transfer_answered_at, dialled_at);
-- How far each lead came, without sorting.
create index autocall_attempt_funnel on autocall_attempt (tenant_id, campaign_id, lead_id, dialled_at, result, digits,
    transferred_at, transfer_answered_at);

-- Why a lead was not dialled: what the gate said, each rule once with its latest time.
create table autocall_refusal (
    tenant_id bigint not null,
    lead_id bigint not null,
    campaign_id bigint not null,
    -- A stable word, such as dnc.account or vn.decree91.hours, and the version of the rule.
    rule text not null,
    rule_version bigint not null,
    -- When the call is allowed if nothing else changes; none: never by time alone.
    until_at bigint,
    -- The latest time, and how often so far.
    refused_at bigint not null,
    times bigint not null,
    -- Why is this lead not dialling? Its refusals are read together.
    primary key (tenant_id, lead_id, rule)
);
-- What holds a campaign back, and what goes with it.
create index autocall_refusal_by_campaign on autocall_refusal (tenant_id, campaign_id, rule);

-- Who asked not to be called, by anybody of the account.
create table dnc (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    -- E.164 without +, and as it was written.
    phone text not null,
    phone_original text not null,
    reason text,
    source text not null check (source in ('manual', 'import', 'key_press', 'disposition')),
    campaign_id bigint,
    lead_id bigint,
    call_uuid text,
    created_by text not null,
    created_at bigint not null
);
-- The gate asks before each call; a number stands once.
create unique index dnc_by_phone on dnc (tenant_id, phone);
-- The list, the newest first.
create index dnc_by_tenant on dnc (tenant_id, id desc);

-- What callees agreed to, with its proof. A row is never changed but by its withdrawal.
create table consent (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    -- E.164 without +.
    phone text not null,
    -- Call purposes, separated by commas.
    purposes text not null,
    -- Who agreed, to which words, by which way.
    given_by text,
    wording text not null,
    channel text not null,
    given_at bigint not null,
    expires_at bigint,
    withdrawn_at bigint,
    withdrawn_by text,
    -- How often they agreed to be called: so many calls within so many seconds.
    frequency_calls bigint,
    frequency_seconds bigint,
    created_by text not null,
    created_at bigint not null
);
-- The gate asks for a number's latest.
create index consent_by_phone on consent (tenant_id, phone, id desc);

-- Sound that scripts play is that of prompts: a category, and the path by which scripts name it.
alter table prompt add column category text not null default 'ivr'
    check (category in ('announcement', 'ivr', 'moh', 'library'));
alter table prompt add column file_path text;
-- A path stands for one file.
create unique index prompt_by_file_path on prompt (tenant_id, file_path) where file_path is not null;
