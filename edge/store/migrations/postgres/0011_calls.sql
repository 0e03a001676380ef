-- Records are also listed by their result and by their trunk: counting them reads the index alone, as before.
drop index cdr_by_start;
-- An account's records of a period, in the order of the list.
create index cdr_by_start on cdr (tenant_id, start_time, uuid, direction, team_id, day, result, trunk_id);
