-- Calls of programs that keep a ledger of their own leave no record in the CDR.
alter table call add column has_cdr boolean not null default true;
