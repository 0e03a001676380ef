-- How many calls each hour brought: the total of a list and the figures of a page are sums over these rows, not counts
-- over the records. A row grows in the transaction that writes the record.
create table cdr_hour (
    tenant_id bigint not null,
    -- Hours since 1970 of the start, in UTC.
    hour bigint not null,
    direction text not null,
    result text not null,
    -- 0 for none: a null would make every row another one.
    trunk_id bigint not null,
    team_id bigint not null,
    -- 0-3: calls that end in the same moment do not all wait for one row.
    shard bigint not null,
    calls bigint not null,
    -- Calls with an answer, whatever became of them.
    answered bigint not null,
    -- Seconds.
    duration bigint not null,
    billsec bigint not null,
    -- Read by period; written by all of it.
    primary key (tenant_id, hour, direction, result, trunk_id, team_id, shard)
) without rowid;

insert into cdr_hour (tenant_id, hour, direction, result, trunk_id, team_id, shard, calls, answered, duration, billsec)
select tenant_id, start_time / 3600000, direction, result, coalesce(trunk_id, 0), coalesce(team_id, 0), 0,
    count(*), count(answer_time), sum(duration), sum(billsec)
from cdr
group by tenant_id, start_time / 3600000, direction, result, coalesce(trunk_id, 0), coalesce(team_id, 0);

-- The records of an extension and of a phone number on either side: with the day, which every list names, counting reads
-- the index alone.
drop index cdr_by_extension;
drop index cdr_by_agent;
drop index cdr_by_caller;
drop index cdr_by_destination;
-- An extension's own calls, in the order of the list.
create index cdr_by_extension on cdr (tenant_id, extension_number, start_time, uuid, day) where extension_number is not null;
-- Calls that an extension answered, told from its own by the other number.
create index cdr_by_agent on cdr (tenant_id, agent_extension, start_time, uuid, day, extension_number)
    where agent_extension is not null;
-- A phone number as the caller, and as the one who was called.
create index cdr_by_caller on cdr (tenant_id, caller_key, start_time, uuid, day);
create index cdr_by_destination on cdr (tenant_id, destination_key, start_time, uuid, day) where destination_key is not null;
