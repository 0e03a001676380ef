-- Data keys: what sealed values are sealed with, wrapped by the master key, which is never in the database.
-- The same for all accounts; each account's own key is derived from it.
create table data_key (
    -- 0 is the master key of a database from before there were data keys.
    id bigint primary key,
    wrapped blob not null,
    -- A mark of the master key that wrapped it.
    master text not null,
    -- Seals from then on, and opens from its beginning.
    active_from bigint not null,
    created_at bigint not null
);
