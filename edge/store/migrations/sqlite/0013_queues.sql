-- Queues, the agents who serve them, and the ledger of what became of every caller.
-- The PostgreSQL file of the same name has the same tables. Times are milliseconds since 1970.

create table queue (
    id integer primary key autoincrement,
    tenant_id bigint not null,
    name text not null,
    -- What phones of the account dial to reach it.
    queue_number text not null,
    team_id bigint,
    strategy text not null,
    tier_rules_apply boolean not null,
    tier_rule_wait_second bigint not null,
    tier_rule_wait_multiply_level boolean not null,
    tier_rule_no_agent_no_wait boolean not null,
    abandoned_resume_allowed boolean not null,
    -- All lengths of time in seconds; 0 is never or without end.
    discard_abandoned_after bigint not null,
    max_wait_time bigint not null,
    max_wait_time_with_no_agent bigint not null,
    max_wait_time_with_no_agent_time_reached text not null,
    time_base_score text not null,
    recording_template text,
    status text not null check (status in ('active', 'inactive')),
    ring_time bigint not null,
    wrap_up_time bigint not null,
    reject_delay_time bigint not null,
    busy_delay_time bigint not null,
    no_answer_delay_time bigint not null,
    max_no_answer bigint not null,
    announce_interval bigint not null,
    announce_position boolean not null,
    announce_wait boolean not null,
    -- Prompts of the account; none is the account's music and no greeting.
    music_prompt_id bigint,
    greeting_prompt_id bigint,
    -- Callers who are answered within it are served well.
    service_level_seconds bigint not null,
    exit_key text,
    callback_key text,
    -- Where callers go who have waited long enough; none lets them go.
    overflow_kind text,
    overflow_target text not null,
    created_at bigint not null,
    updated_at bigint not null
);
-- A name stands for one queue in paths; the list is in this order.
create unique index queue_by_name on queue (tenant_id, name);
-- A number leads to one queue.
create unique index queue_by_number on queue (tenant_id, queue_number);

create table queue_tier (
    tenant_id bigint not null,
    queue_id bigint not null,
    extension_number text not null,
    tier_level bigint not null check (tier_level between 1 and 9),
    tier_position bigint not null check (tier_position between 1 and 9),
    created_at bigint not null,
    -- The agents of a queue are read together and written one by one.
    primary key (tenant_id, queue_id, extension_number)
);
-- The queues of an agent, when the extension is deleted and for the agent's own page.
create index queue_tier_by_extension on queue_tier (tenant_id, extension_number);

-- What an agent wants and does. A row lives as long as its extension, and its state outlives a restart.
create table agent (
    tenant_id bigint not null,
    extension_number text not null,
    status text not null check (status in ('available', 'on_break', 'logged_out')),
    break_reason text,
    status_since bigint not null,
    -- What the agent was doing when that was last written, and for which call.
    activity text not null,
    activity_since bigint not null,
    queue_id bigint,
    call_uuid text,
    last_offered_at bigint,
    last_ended_at bigint,
    -- Since the agent logged in.
    calls bigint not null,
    talk_ms bigint not null,
    unanswered bigint not null,
    -- Every lookup is by the extension.
    primary key (tenant_id, extension_number)
);

-- What happened in queues, one line for each step of a caller; never changed. Every figure is counted from it.
create table queue_call (
    -- Days since 1970 in UTC: old lines are dropped by day.
    day bigint not null,
    id text not null,
    tenant_id bigint not null,
    queue_id bigint not null,
    call_uuid text not null,
    kind text not null,
    at bigint not null,
    caller_number text not null,
    extension_number text,
    -- Milliseconds.
    waited_ms bigint not null,
    talked_ms bigint,
    -- Why: a hangup cause, or why the queue sent the caller away.
    reason text,
    primary key (id, day)
);
-- The lines of a queue and a period, by kind: every figure of a queue.
create index queue_call_by_queue on queue_call (tenant_id, queue_id, at, kind);
