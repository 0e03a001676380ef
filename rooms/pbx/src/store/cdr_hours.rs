//! What each hour brought: sums that are kept with the records, so that totals and figures read hundreds of rows where
//! there are a million records.

use domain::{TenantId, Timestamp, cause::CallResult};
use store::{FromRow, Tx, sql};

use super::{
    Result,
    cdr::{Filter, Scope},
};
use crate::model::Cdr;

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;
/// Rows that share an hour's calls of one kind: calls that end together do not all wait for one row.
const SHARDS: u128 = 4;

/// The whole hours of a period and the parts of hours at its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hours {
    /// First whole hour since 1970, and the first after the last.
    first: i64,
    last: i64,
}

impl Hours {
    /// Returns the whole hours from `from` on and before `until`; `None` if there are none.
    pub(crate) const fn within(from: Timestamp, until: Timestamp) -> Option<Self> {
        let first = from.millis().div_euclid(HOUR) + (from.millis().rem_euclid(HOUR) > 0) as i64;
        let last = until.millis().div_euclid(HOUR);
        if first < last { Some(Self { first, last }) } else { None }
    }

    pub(crate) const fn start(self) -> Timestamp {
        Timestamp(self.first * HOUR)
    }

    /// Returns the first millisecond after them.
    pub(crate) const fn end(self) -> Timestamp {
        Timestamp(self.last * HOUR)
    }
}

/// One hour of a list.
#[derive(Clone, Copy, Debug, FromRow, PartialEq, Eq)]
pub(crate) struct Hour {
    /// Since 1970.
    hour: i64,
    pub(crate) calls: i64,
    pub(crate) answered: i64,
}

impl Hour {
    pub(crate) const fn start(self) -> Timestamp {
        Timestamp(self.hour * HOUR)
    }

    /// Returns how many hours after a time it began.
    pub(crate) const fn after(self, start: Timestamp) -> i64 {
        self.hour - start.millis() / HOUR
    }
}

/// Counts a record that was just written; its team is the one that the record has.
pub(crate) async fn add(tx: &mut Tx, tenant: TenantId, cdr: &Cdr) -> Result<()> {
    let shard = i64::try_from(cdr.uuid.0.as_u128() % SHARDS).unwrap_or(0);
    sql("insert into cdr_hour
            (tenant_id, hour, direction, result, trunk_id, team_id, shard, calls, answered, duration, billsec)
         select tenant_id, $3, direction, result, coalesce(trunk_id, 0), coalesce(team_id, 0), $4, 1,
            case when answer_time is null then 0 else 1 end, duration, billsec
         from cdr where tenant_id = $1 and uuid = $2
         on conflict (tenant_id, hour, direction, result, trunk_id, team_id, shard) do update set
            calls = cdr_hour.calls + 1, answered = cdr_hour.answered + excluded.answered,
            duration = cdr_hour.duration + excluded.duration, billsec = cdr_hour.billsec + excluded.billsec")
    .bind(tenant)
    .bind(cdr.uuid)
    .bind(cdr.start_time.millis().div_euclid(HOUR))
    .bind(shard)
    .run(tx)
    .await?;
    Ok(())
}

/// Returns the hours that brought what the filter asks for, the newest first. Its extension and phone are not looked at.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId, filter: &Filter, hours: Hours) -> Result<Vec<Hour>> {
    let team = match filter.scope {
        Scope::Team(team) => Some(team),
        Scope::Account | Scope::Extension(_) | Scope::Nothing => None,
    };
    sql("select hour, cast(sum(calls) as bigint) as calls, cast(sum(answered) as bigint) as answered
         from cdr_hour
         where tenant_id = $1 and hour >= $2 and hour < $3
           and (cast($4 as text) is null or direction = $4)
           and (cast($5 as text) is null or result = $5)
           and (cast($6 as bigint) is null or trunk_id = $6)
           and (cast($7 as bigint) is null or team_id = $7)
         group by hour
         order by hour desc")
    .bind(tenant)
    .bind(hours.first)
    .bind(hours.last)
    .bind(filter.direction)
    .bind(filter.result.map(CallResult::as_str))
    .bind(filter.trunk)
    .bind(team)
    .all(tx)
    .await
}

/// Returns what the hours brought to the whole account, the oldest first.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId, hours: Hours) -> Result<Vec<Hour>> {
    sql("select hour, cast(sum(calls) as bigint) as calls, cast(sum(answered) as bigint) as answered
         from cdr_hour where tenant_id = $1 and hour >= $2 and hour < $3 group by hour order by hour")
    .bind(tenant)
    .bind(hours.first)
    .bind(hours.last)
    .all(tx)
    .await
}

/// Forgets the hours before a day, whose records are gone.
pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId, before: Timestamp) -> Result<u64> {
    sql("delete from cdr_hour where tenant_id = $1 and hour < $2")
        .bind(tenant)
        .bind(before.millis().div_euclid(HOUR))
        .run(tx)
        .await
}

#[cfg(test)]
mod tests {
    use domain::{CallId, ids::TrunkId, number::Region};
    use store::testing::{START, TENANT, TestDb, test_db};
    use uuid::Uuid;

    use super::*;
    use crate::{
        model::Direction,
        store::{Slice, cdr, figures, tests::record},
    };

    /// Eleven minutes lie between two of the records.
    const STEP: i64 = 11 * 60_000;

    /// Sixty records over eleven hours, of two directions, results and trunks.
    async fn half_a_day() -> TestDb {
        let db = test_db().await;
        let mut tx = db.begin(TENANT).await.unwrap();
        for number in 0..60_u128 {
            let mut cdr = record(number, Timestamp(START.millis() + i64::try_from(number).unwrap() * STEP));
            if number % 2 == 0 {
                cdr.direction = Direction::Inbound;
            }
            if number % 3 == 0 {
                (cdr.result, cdr.answer_time, cdr.trunk) = (CallResult::Busy, None, Some(TrunkId(2)));
            }
            cdr::insert(&mut tx, TENANT, &cdr, Region::of("VN")).await.unwrap();
        }
        tx.commit().await.unwrap();
        db
    }

    fn period(from: i64, until: i64) -> Filter {
        Filter {
            from: Timestamp(START.millis() + from),
            until: Timestamp(START.millis() + until),
            direction: None,
            result: None,
            trunk: None,
            extension: None,
            phone: None,
            scope: Scope::Account,
        }
    }

    #[tokio::test]
    async fn totals_and_far_pages_are_those_of_the_records() {
        let db = half_a_day().await;
        let mut tx = db.read(TENANT).await.unwrap();
        let all = period(0, 60 * STEP);
        for (why, filter) in [
            ("everything", all.clone()),
            ("from and to the middle of an hour", period(5 * STEP + 1, 41 * STEP + 7)),
            ("less than an hour", period(10 * STEP, 12 * STEP)),
            ("inbound", Filter { direction: Some(Direction::Inbound), ..all.clone() }),
            ("busy by a trunk", Filter { result: Some(CallResult::Busy), trunk: Some(TrunkId(2)), ..all.clone() }),
            ("nobody's", Filter { scope: Scope::Team(7), ..all.clone() }),
        ] {
            let expected = cdr::after(&mut tx, TENANT, &filter, None, 1_000).await.unwrap();
            let mut paged = Vec::new();
            for page in 0..20 {
                let slice = Slice { offset: page * 7, limit: 7 };
                let (rows, total) = cdr::list(&mut tx, TENANT, &filter, slice).await.unwrap();
                assert_eq!(total, i64::try_from(expected.len()).unwrap(), "{why}");
                paged.extend(rows);
            }
            assert_eq!(paged, expected, "{why}");
        }
    }

    #[tokio::test]
    async fn the_hours_of_a_day_are_the_same_by_sums_and_by_records() {
        let db = half_a_day().await;
        let mut tx = db.read(TENANT).await.unwrap();
        let whole = Timestamp(START.millis() / HOUR * HOUR);
        let until = |from: Timestamp| Timestamp(from.millis() + 24 * HOUR);
        let sums = figures::hours(&mut tx, TENANT, whole, until(whole)).await.unwrap();
        assert_eq!(sums.iter().map(|(_, calls, _)| calls).sum::<i64>(), 60);
        assert_eq!(sums.iter().map(|(_, _, answered)| answered).sum::<i64>(), 40);
        // A day that begins at half past, as in India, is counted over the records.
        let half_past = Timestamp(whole.millis() - HOUR / 2);
        let counts = figures::hours(&mut tx, TENANT, half_past, until(half_past)).await.unwrap();
        assert_eq!(counts.iter().map(|(_, calls, _)| calls).sum::<i64>(), 60);
    }

    #[tokio::test]
    async fn what_is_past_its_time_goes_and_is_counted_no_more() {
        let db = half_a_day().await;
        let before = Timestamp((START.millis() + 30 * STEP) / HOUR * HOUR);
        let mut tx = db.begin(TENANT).await.unwrap();
        let oldest = cdr::oldest(&mut tx, TENANT, before, 5).await.unwrap();
        assert_eq!(oldest.first().map(|row| row.1.clone()), Some(CallId(Uuid::from_u128(0)).to_string()));
        while cdr::forget(&mut tx, TENANT, before, 4).await.unwrap() > 0 {}
        forget(&mut tx, TENANT, before).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.read(TENANT).await.unwrap();
        let slice = Slice { offset: 0, limit: 100 };
        let (rows, total) = cdr::list(&mut tx, TENANT, &period(0, 60 * STEP), slice).await.unwrap();
        assert!(total > 0 && total < 60 && rows.iter().all(|cdr| cdr.start_time >= before));
        assert_eq!(total, i64::try_from(rows.len()).unwrap());
    }

    #[test]
    fn a_period_is_whole_hours_and_what_is_left_at_its_ends() {
        let within = |from, until| Hours::within(Timestamp(from), Timestamp(until)).map(|h| (h.start().0, h.end().0));
        assert_eq!(within(0, 2 * HOUR), Some((0, 2 * HOUR)));
        assert_eq!(within(1, 2 * HOUR + 1), Some((HOUR, 2 * HOUR)));
        assert_eq!(within(HOUR / 2, HOUR * 3 / 2), None);
        assert_eq!(within(5, 6), None);
        assert_eq!(within(HOUR, HOUR), None);
    }
}
