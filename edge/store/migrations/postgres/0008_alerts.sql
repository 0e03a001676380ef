-- What an account wants to be told of when something goes wrong, and what went wrong.

-- An account's wish for one kind of alert. A kind without a row has its defaults.
create table alert_rule (
    tenant_id bigint not null,
    kind text not null,
    enabled boolean not null,
    -- Addresses, as a JSON list.
    recipients text not null,
    language text not null check (language in ('en', 'vi')),
    threshold bigint,
    webhook_url text,
    -- Signs what is posted to webhook_url.
    webhook_secret bytea,
    updated_at bigint not null,
    primary key (tenant_id, kind)
);
select guard_tenant('alert_rule');

-- One thing that went wrong: opened once, resolved once.
create table alert_incident (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    kind text not null,
    -- What it is about, such as the id of a webhook; '' if the kind is about one thing only.
    subject text not null,
    -- The subject in people's words.
    name text not null,
    -- Which node looks after it; '' if any does.
    node text not null,
    value bigint not null,
    threshold bigint,
    opened_at bigint not null,
    -- When it was last seen to be well again while still open.
    well_since bigint,
    resolved_at bigint,
    remind_at bigint not null
);
select guard_tenant('alert_incident');

-- One open incident for each subject: two looks or two nodes cannot open it twice.
create unique index alert_incident_open on alert_incident (tenant_id, kind, subject, node) where resolved_at is null;

-- Every look asks for the open ones of a kind.
create index alert_incident_kind on alert_incident (kind) where resolved_at is null;

-- The console lists an account's incidents from the newest on.
create index alert_incident_newest on alert_incident (tenant_id, id desc);

-- Resolved incidents are deleted after a year.
create index alert_incident_old on alert_incident (resolved_at) where resolved_at is not null;

-- Who was told of an incident, when and how.
create table alert_notice (
    id bigint generated always as identity primary key,
    tenant_id bigint not null,
    incident_id bigint not null references alert_incident (id) on delete cascade,
    phase text not null check (phase in ('raised', 'reminder', 'resolved')),
    channel text not null check (channel in ('mail', 'webhook')),
    -- The address or URL at that time.
    target text not null,
    state text not null check (state in ('waiting', 'sent', 'failed')),
    detail text not null,
    at bigint not null
);
select guard_tenant('alert_notice');

-- The console shows an incident with its notices.
create index alert_notice_incident on alert_notice (tenant_id, incident_id, id);

-- Deleting an incident deletes its notices.
create index alert_notice_parent on alert_notice (incident_id);
