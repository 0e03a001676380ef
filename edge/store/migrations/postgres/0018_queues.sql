-- What an agent hears who answered, before the two talk; none connects them at once.
alter table queue add column agent_prompt_id bigint;

-- An account's lines that are past their time, the oldest first.
create index queue_call_by_day on queue_call (tenant_id, day, id);
