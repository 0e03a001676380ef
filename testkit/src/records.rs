//! Many call records at once, for what has to be fast when there are many.

use std::path::Path;

use anyhow::Context;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

/// Writes `count` records into the first account of a SQLite database that nobody has open, the last of them just
/// before `end` (milliseconds since 1970) and the first `days` before: of a hundred extensions and ten thousand
/// customers, every kind of result, direction and trunk.
pub async fn fill(data: &Path, count: u32, end: i64, days: u32) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(data.join("zorio.db"));
    let mut database = options.connect().await.context("the server's database")?;
    let step = (i64::from(days) * 86_400_000 / i64::from(count.max(1))).max(1);
    sqlx::query(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < $1),
         call as (select i, $2 - i * $3 as start, 1000 + i % 100 as extension, 84900000000 + i * 7919 % 10000 as customer from n)
         insert into cdr
            (day, uuid, tenant_id, direction, source_type, caller_number, destination_number, extension_number,
             caller_key, destination_key, team_id, start_time, answer_time, end_time, duration, billsec, trunk_id,
             trunk_name, transfer_count, result, hangup_cause, hangup_cause_q850, sip_status, hangup_by,
             recording_state, tags, mos, legs)
         select start / 86400000, printf('%08x-0000-7000-8000-%012x', i * 2654435761 % 4294967296, i), 1,
            case i % 3 when 0 then 'inbound' else 'outbound' end,
            case i % 3 when 0 then 'inbound' else 'outbound_manual' end,
            case i % 3 when 0 then cast(customer as text) else cast(extension as text) end,
            case i % 3 when 0 then '02873001234' else cast(customer as text) end,
            cast(extension as text),
            case i % 3 when 0 then cast(customer as text) else cast(extension as text) end,
            case i % 3 when 0 then '842873001234' else cast(customer as text) end,
            i % 5, start, case when i % 4 = 0 then null else start + 5000 end, start + 65000, 65,
            case when i % 4 = 0 then 0 else 60 end, i % 4 + 1, 'carrier', 0,
            case when i % 4 > 0 then 'answered' when i % 8 = 0 then 'busy' when i % 1000 = 4 then 'voicemail' else 'no_answer' end,
            'NORMAL_CLEARING', 16, 200, 'caller', 'none', '[]', 4.2,
            '[{\"uuid\":\"0190f3c2-6c1e-7d7a-8d1e-3f0c8a2b9e11\",\"side\":\"caller\",\"number\":\"1001\",\"codec\":\"PCMU\"}]'
         from call",
    )
    .bind(count)
    .bind(end)
    .bind(step)
    .execute(&mut database)
    .await
    .context("the records")?;
    sqlx::query(
        "insert into cdr_hour
            (tenant_id, hour, direction, result, trunk_id, team_id, shard, calls, answered, duration, billsec)
         select tenant_id, start_time / 3600000, direction, result, coalesce(trunk_id, 0), coalesce(team_id, 0), 0,
            count(*), count(answer_time), sum(duration), sum(billsec)
         from cdr group by tenant_id, start_time / 3600000, direction, result, trunk_id, team_id",
    )
    .execute(&mut database)
    .await
    .context("the sums of the hours")?;
    Ok(())
}
