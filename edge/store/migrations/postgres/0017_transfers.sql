-- What the record of a call that a crash cuts off has to say of its transfers.
alter table call add column transfer_count bigint not null default 0;
