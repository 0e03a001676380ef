//! Records by a set of numbers: what somebody with several phones had to do with the account.

use domain::{TenantId, Timestamp};
use store::{Query, Tx, sql};

use super::{Result, Slice, cdr::Scope};
use crate::model::Cdr;

/// Most numbers of a set.
pub(crate) const MOST_NUMBERS: usize = 20;

// A macro, because the conditions are shared by two statements and `concat!` takes literals alone.
// The two branches have an index each; a call between two of the numbers is in the first alone.
macro_rules! by_numbers {
    ($head:ident, $columns:literal, $($tail:literal),+) => {
        $head!(
            "from (select ", $columns, " from cdr
                   where tenant_id = $1 and caller_key in ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                       $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
                     and (cast($22 as bigint) is null or team_id = $22)
                     and (cast($23 as text) is null or extension_number = $23 or agent_extension = $23)
                   union all
                   select ", $columns, " from cdr
                   where tenant_id = $1 and destination_key in ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                       $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
                     and not (caller_key in ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                       $12, $13, $14, $15, $16, $17, $18, $19, $20, $21))
                     and (cast($22 as bigint) is null or team_id = $22)
                     and (cast($23 as text) is null or extension_number = $23 or agent_extension = $23)) as cdr ",
            $($tail),+
        )
    };
}

/// Returns the records of one page with any of the keys on either side, the newest first, and how many there are in all.
pub(crate) async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    keys: &[String],
    scope: &Scope,
    slice: Slice,
) -> Result<(Vec<Cdr>, i64)> {
    if *scope == Scope::Nothing || keys.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let page = by_numbers!(rows, "*", "order by start_time desc, uuid desc limit $24 offset $25");
    let rows = bound(page, tenant, keys, scope).bind(slice.limit).bind(slice.offset).all(tx).await?;
    let (total,) = bound(by_numbers!(count, "1", ""), tenant, keys, scope).one::<(i64,)>(tx).await?;
    Ok((rows, total))
}

/// Returns which numbers the account has called since that time, when first, and how often.
pub(crate) async fn called_since(
    tx: &mut Tx,
    tenant: TenantId,
    since: Timestamp,
) -> Result<Vec<(String, Timestamp, i64)>> {
    sql("select destination_key, min(start_time), count(*) from cdr
         where tenant_id = $1 and direction = 'outbound' and start_time >= $2 and day >= $3
           and destination_key is not null
         group by destination_key")
    .bind(tenant)
    .bind(since)
    .bind(since.day())
    .all(tx)
    .await
}

/// Binds $1 to $23; places without a number hold the first once more.
fn bound(query: Query, tenant: TenantId, keys: &[String], scope: &Scope) -> Query {
    let (team, own) = match scope {
        Scope::Account | Scope::Nothing => (None, None),
        Scope::Team(team) => (Some(*team), None),
        Scope::Extension(own) => (None, Some(own.as_str())),
    };
    let first = keys.first().map_or("", String::as_str);
    let mut query = query.bind(tenant);
    for place in 0..MOST_NUMBERS {
        query = query.bind(keys.get(place).map_or(first, String::as_str));
    }
    query.bind(team).bind(own)
}

#[cfg(test)]
mod tests {
    use domain::{Timestamp, number::Region};
    use store::testing::{START, TENANT, test_db};

    use super::*;
    use crate::store::{cdr, tests::record};

    #[tokio::test]
    async fn calls_with_any_of_the_numbers_are_listed_once() {
        let db = test_db().await;
        let mut tx = db.begin(TENANT).await.unwrap();
        let ends =
            [("1001", "0987654321"), ("0912345678", "19001234"), ("0987654321", "0912345678"), ("1002", "0900000000")];
        for (number, (caller, called)) in (0_u8..).zip(ends) {
            let mut cdr = record(number.into(), Timestamp(START.millis() + i64::from(number)));
            (cdr.caller_number, cdr.destination_number) = (caller.to_owned(), called.to_owned());
            cdr.extension = Some(caller.to_owned()).filter(|caller| caller.len() == 4);
            cdr::insert(&mut tx, TENANT, &cdr, Region::of("VN")).await.unwrap();
        }
        let keys = ["84987654321", "84912345678"].map(str::to_owned);
        let slice = Slice { offset: 0, limit: 2 };
        let (rows, total) = list(&mut tx, TENANT, &keys, &Scope::Account, slice).await.unwrap();
        let callers: Vec<_> = rows.iter().map(|cdr| cdr.caller_number.as_str()).collect();
        assert_eq!((callers, total), (vec!["0987654321", "0912345678"], 3));
        let own = Scope::Extension("1001".to_owned());
        assert_eq!(list(&mut tx, TENANT, &keys, &own, slice).await.unwrap().1, 1);
        assert_eq!(list(&mut tx, TENANT, &keys, &Scope::Nothing, slice).await.unwrap().1, 0);
        assert_eq!(list(&mut tx, TENANT, &[], &Scope::Account, slice).await.unwrap().1, 0);
    }
}
