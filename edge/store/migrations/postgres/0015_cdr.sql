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
);
select guard_tenant('cdr_hour');

-- Every account's rows are read and written here.
select set_config('zorio.tenant', '*', true);
insert into cdr_hour (tenant_id, hour, direction, result, trunk_id, team_id, shard, calls, answered, duration, billsec)
select tenant_id, start_time / 3600000, direction, result, coalesce(trunk_id, 0), coalesce(team_id, 0), 0,
    count(*), count(answer_time), sum(duration), sum(billsec)
from cdr
group by tenant_id, start_time / 3600000, direction, result, coalesce(trunk_id, 0), coalesce(team_id, 0);
