//! Extensions and their SIP passwords.

use domain::{Principal, TenantId, number};
use serde_json::json;
use store::{Secrets, Tx};
use web::{Fields, Listing, Page, Rule, Text};

use super::{Desk, Done, may_manage, may_read, places, refuse, taken};
use crate::{
    changes::Changed,
    driver::voicemail_files,
    error::{Error, Result},
    model::{Binding, Extension, ExtensionStatus, Ha1Pair, RecordingMode},
    store as rows,
};

/// Random bytes of a password that is made here.
const PASSWORD_BYTES: usize = 16;
/// Shortest and longest password that a client may choose, in characters.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 12..=64;
/// Longest display name in characters.
const LONGEST_NAME: usize = 100;
/// Calls at the same time, unless the client says otherwise: one talking and one waiting.
const DEFAULT_CONCURRENT: i64 = 2;
/// Most calls at the same time.
const MOST_CONCURRENT: i64 = 10;
/// Most free numbers in one answer.
const MOST_NUMBERS: i64 = 200;
const DEFAULT_NUMBERS: i64 = 50;

/// The writable fields. Absent ones keep what they are; `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    pub display_name: Option<Option<String>>,
    pub voicemail_enabled: Option<bool>,
    pub outbound_caller_id: Option<Option<String>>,
    pub recording_mode: Option<String>,
    pub status: Option<String>,
    pub team_id: Option<Option<i64>>,
    pub department_id: Option<Option<i64>>,
    pub max_concurrent: Option<i64>,
    pub tls_enabled: Option<bool>,
}

#[derive(Clone, Debug, Default)]
pub struct NewExtension {
    pub number: Option<String>,
    /// 12-64 visible ASCII characters; made and returned if none.
    pub sip_password: Option<String>,
    pub fill: Fill,
}

/// Which extensions a list shows.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Part of the number or the display name.
    pub text: Option<String>,
    pub status: Option<ExtensionStatus>,
}

pub async fn list(desk: &Desk, who: &Principal, search: Search, page: Page) -> Result<Listing<Extension>> {
    let tenant = may_read(who)?;
    let filter = rows::extensions::Filter { search: search.text, status: search.status };
    let mut tx = desk.db.read(tenant).await?;
    let slice = rows::Slice { offset: page.offset(), limit: page.limit() };
    let (extensions, total) = rows::extensions::list(&mut tx, tenant, &filter, slice).await?;
    Ok(Listing::new(page, extensions, total))
}

/// Returns an extension and where its phones are registered.
pub async fn show(desk: &Desk, who: &Principal, number: &str) -> Result<(Extension, Vec<Binding>)> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let extension = find(&mut tx, tenant, number).await?;
    let bindings = rows::registrations::of(&mut tx, tenant, number).await?;
    Ok((extension, bindings))
}

/// Returns numbers from `from` to `to` that nothing of the account has, in order; both have the same count of digits.
pub async fn available_numbers(
    desk: &Desk,
    who: &Principal,
    from: Option<&str>,
    to: Option<&str>,
    limit: Option<i64>,
) -> Result<Vec<String>> {
    let tenant = may_read(who)?;
    let mut fields = Fields::new();
    let from = from.unwrap_or("1000");
    let highest = "9".repeat(from.len());
    let to = to.unwrap_or(&highest);
    fields.check("from", number::is_extension(from), Rule::Format);
    fields.check("to", number::is_extension(to), Rule::Format);
    if fields.is_empty() {
        fields.check(
            "to",
            to.len() == from.len(),
            Text::new("The to must have as many digits as from.", "Trường to phải có cùng số chữ số với from."),
        );
        fields.check(
            "to",
            to >= from,
            Text::new("The to must be greater than or equal to from.", "Trường to phải lớn hơn hoặc bằng from."),
        );
    }
    let limit = fields.number("limit", limit.or(Some(DEFAULT_NUMBERS)), 1, MOST_NUMBERS);
    refuse(fields)?;
    let mut tx = desk.db.read(tenant).await?;
    let taken = rows::extensions::taken(&mut tx, tenant, from, to).await?;
    Ok(free_numbers(from, to, &taken, usize::try_from(limit.unwrap_or(DEFAULT_NUMBERS)).unwrap_or(0)))
}

/// Creates an extension and returns it with its password, which is not stored and cannot be shown again.
pub async fn create(
    desk: &Desk,
    who: &Principal,
    new: NewExtension,
    mut fields: Fields,
) -> Result<(Extension, String)> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let number = fields.require("extension_number", new.number).unwrap_or_default();
    fields.check("extension_number", number.is_empty() || number::is_extension(&number), Rule::Format);
    if let Some(password) = &new.sip_password {
        let visible = password.bytes().all(|byte| byte.is_ascii_graphic());
        fields.check("sip_password", PASSWORD_LENGTH.contains(&password.len()), Rule::Length(12, 64));
        fields.check("sip_password", visible, Rule::Format);
    }
    let now = tx.now();
    let mut extension = Extension {
        tenant,
        number,
        display_name: None,
        voicemail_enabled: false,
        outbound_caller_id: None,
        recording_mode: RecordingMode::None,
        status: ExtensionStatus::Active,
        team_id: None,
        department_id: None,
        max_concurrent: DEFAULT_CONCURRENT,
        tls_enabled: false,
        created_at: now,
        updated_at: now,
    };
    fill(&mut tx, &mut extension, new.fill, &mut fields).await?;
    refuse(fields)?;
    if places::is_taken(&mut tx, tenant, &extension.number, None).await? {
        return Err(Error::Taken("extension_number"));
    }
    let password = new.sip_password.unwrap_or_else(made_password);
    let realm = realm(&mut tx, desk, tenant).await?;
    let sealed = seal_secret(desk, tenant, &extension.number, &realm, &password);
    rows::extensions::insert(&mut tx, tenant, &extension, &realm, sealed).await.map_err(taken("extension_number"))?;
    desk.commit(tx, who, done("extension.create", &extension)).await?;
    Ok((extension, password))
}

/// Changes the fields that are given.
pub async fn update(
    desk: &Desk,
    who: &Principal,
    number: &str,
    changes: Fill,
    mut fields: Fields,
) -> Result<Extension> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let mut extension = find(&mut tx, tenant, number).await?;
    fill(&mut tx, &mut extension, changes, &mut fields).await?;
    refuse(fields)?;
    extension.updated_at = tx.now();
    rows::extensions::update(&mut tx, tenant, &extension).await?;
    if extension.status == ExtensionStatus::Disabled {
        rows::registrations::delete(&mut tx, tenant, number).await?;
    }
    desk.commit(tx, who, done("extension.update", &extension)).await?;
    Ok(extension)
}

/// Deletes an extension with its registrations and the routes that ring it. `force` does it even while a call is up.
pub async fn delete(desk: &Desk, who: &Principal, number: &str, force: bool) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let extension = find(&mut tx, tenant, number).await?;
    if !force && rows::calls::count_by_extension(&mut tx, tenant, number).await? > 0 {
        return Err(Error::ExtensionBusy(extension.number));
    }
    rows::registrations::delete(&mut tx, tenant, number).await?;
    rows::routes::delete_to_extension(&mut tx, tenant, number).await?;
    rows::ring_groups::delete_member(&mut tx, tenant, number).await?;
    voicemail_files::forget(&mut tx, tenant, number).await?;
    rows::queues::forget_extension(&mut tx, tenant, number).await?;
    rows::agents::delete(&mut tx, tenant, number).await?;
    rows::caller_id_groups::forget_extension(&mut tx, tenant, number).await?;
    rows::extensions::delete(&mut tx, tenant, number).await?;
    desk.commit(tx, who, done("extension.delete", &extension)).await
}

/// Gives an extension a new password, which is returned once, and ends its registrations.
pub async fn rotate_password(desk: &Desk, who: &Principal, number: &str) -> Result<String> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let extension = find(&mut tx, tenant, number).await?;
    let password = made_password();
    let realm = realm(&mut tx, desk, tenant).await?;
    let sealed = seal_secret(desk, tenant, number, &realm, &password);
    rows::extensions::set_secret(&mut tx, tenant, number, &realm, sealed).await?;
    rows::registrations::delete(&mut tx, tenant, number).await?;
    desk.commit(tx, who, done("extension.rotate_password", &extension)).await?;
    Ok(password)
}

/// Opens the stored secret of an extension; `None` if the key is another or the row was tampered with.
pub(crate) fn open_secret(secrets: &Secrets, tenant: TenantId, number: &str, sealed: &[u8]) -> Option<Ha1Pair> {
    let plain = secrets.unseal(tenant, &place(number), sealed).ok()?;
    Ha1Pair::from_bytes(&plain)
}

/// Returns the digest realm of the account's phones: its own domain, or the server's realm if it has none.
async fn realm(tx: &mut Tx, desk: &Desk, tenant: TenantId) -> Result<String> {
    let domain = rows::accounts::domain(tx, tenant).await?;
    Ok(domain.unwrap_or_else(|| desk.realm.clone()))
}

fn seal_secret(desk: &Desk, tenant: TenantId, number: &str, realm: &str, password: &str) -> Vec<u8> {
    let pair = Ha1Pair::compute(number, realm, password);
    desk.secrets.seal(tenant, &place(number), &pair.to_bytes())
}

/// The table, column and row that the secret belongs to.
fn place(number: &str) -> String {
    format!("extension.ha1:{number}")
}

fn made_password() -> String {
    let mut bytes = [0_u8; PASSWORD_BYTES];
    rand::fill(&mut bytes);
    hex::encode(bytes)
}

async fn find(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<Extension> {
    rows::extensions::find(tx, tenant, number).await?.ok_or(Error::NotFound("extension"))
}

/// Checks the given fields and puts the good ones in place.
async fn fill(tx: &mut Tx, extension: &mut Extension, given: Fill, fields: &mut Fields) -> Result<()> {
    if let Some(name) = given.display_name {
        let name = fields.text("display_name", name.as_deref(), 0, LONGEST_NAME);
        extension.display_name = name.filter(|name| !name.is_empty());
    }
    if let Some(number) = given.outbound_caller_id {
        if let Some(number) = &number {
            let known = rows::caller_ids::find_active(tx, extension.tenant, number).await?.is_some();
            fields.check("outbound_caller_id", known, Rule::Selected);
        }
        extension.outbound_caller_id = number;
    }
    if let Some(name) = given.recording_mode {
        let mode = RecordingMode::parse(&name);
        fields.check("recording_mode", mode.is_some(), Rule::Selected);
        extension.recording_mode = mode.unwrap_or(extension.recording_mode);
    }
    if let Some(name) = given.status {
        let status = ExtensionStatus::parse(&name);
        fields.check("status", status.is_some(), Rule::Selected);
        extension.status = status.unwrap_or(extension.status);
    }
    if let Some(id) = given.team_id {
        if let Some(team) = id.filter(|_| id != extension.team_id) {
            fields.check("team_id", rows::accounts::has_team(tx, extension.tenant, team).await?, Rule::Selected);
        }
        extension.team_id = id;
    }
    if let Some(id) = given.department_id {
        fields.check("department_id", id.is_none_or(|id| id > 0), Rule::Selected);
        extension.department_id = id;
    }
    let concurrent = fields.number("max_concurrent", given.max_concurrent, 1, MOST_CONCURRENT);
    extension.max_concurrent = concurrent.unwrap_or(extension.max_concurrent);
    extension.voicemail_enabled = given.voicemail_enabled.unwrap_or(extension.voicemail_enabled);
    extension.tls_enabled = given.tls_enabled.unwrap_or(extension.tls_enabled);
    Ok(())
}

fn done<'a>(action: &'static str, extension: &Extension) -> Done<'a> {
    Done {
        action,
        target: format!("extension:{}", extension.number).into(),
        detail: json!({
            "display_name": extension.display_name,
            "outbound_caller_id": extension.outbound_caller_id,
            "recording_mode": extension.recording_mode,
            "status": extension.status,
            "team_id": extension.team_id,
            "department_id": extension.department_id,
            "max_concurrent": extension.max_concurrent,
        }),
        changed: Changed::Extension(extension.tenant, extension.number.clone()),
    }
}

/// Returns the first `limit` numbers of the range that are not in `taken`, which is in order. All have one length.
fn free_numbers(from: &str, to: &str, taken: &[String], limit: usize) -> Vec<String> {
    let (Ok(low), Ok(high)) = (from.parse::<u64>(), to.parse::<u64>()) else { return Vec::new() };
    let width = from.len();
    let mut taken = taken.iter().map(String::as_str).peekable();
    let free = (low..=high).map(|number| format!("{number:0width$}")).filter(|number| {
        while taken.next_if(|other| *other < number.as_str()).is_some() {}
        taken.next_if(|other| *other == number.as_str()).is_none()
    });
    free.take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_numbers_leave_out_the_taken_ones() {
        let taken = ["1000", "1002", "1003"].map(str::to_owned);
        assert_eq!(free_numbers("1000", "1006", &taken, 3), ["1001", "1004", "1005"]);
        assert_eq!(free_numbers("1002", "1003", &taken, 3), [""; 0]);
        assert_eq!(free_numbers("0007", "0010", &[], 9), ["0007", "0008", "0009", "0010"]);
    }

    #[test]
    fn a_made_password_has_128_bits_and_differs_each_time() {
        let password = made_password();
        assert_eq!(password.len(), 32);
        assert_ne!(password, made_password());
    }
}
