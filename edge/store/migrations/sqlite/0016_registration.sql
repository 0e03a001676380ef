-- Trunks that sign in at their carrier, so that it knows where calls to their numbers go.
create table trunk_registration (
    tenant_id bigint not null,
    trunk_id bigint not null,
    -- JSON array of "host" or "host:port", tried in this order; the trunk's own host if empty.
    registrars text not null,
    -- How long a registration is asked for, in seconds.
    expires bigint not null check (expires between 60 and 86400),
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, trunk_id)
);
