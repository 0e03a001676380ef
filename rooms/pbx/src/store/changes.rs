//! The marker by which a process notices what another one wrote (`zorio admin` beside a running server).

use store::{Tx, sql};

use super::Result;

/// Returns a number that grows with every write to extensions, trunks, caller IDs and routes of any account.
pub(crate) async fn any_tenant_change_version(tx: &mut Tx) -> Result<i64> {
    let (version,) = sql("select version from pbx_change where id = 1").one::<(i64,)>(tx).await?;
    Ok(version)
}

pub(crate) async fn any_tenant_bump_change_version(tx: &mut Tx) -> Result<()> {
    sql("update pbx_change set version = version + 1 where id = 1").run(tx).await?;
    Ok(())
}
