//! Recordings: signed URLs that need no token, and the files behind them.
//!
//! A URL is good for one recording and 30 minutes. The MAC covers the account, the call and the expiry, so that none
//! of them can be changed. Whoever may see a call's record may hear it; each URL that is made and the first fetch of
//! a recording stand in the audit log.

use std::path::{Component, Path, PathBuf};

use domain::{CallId, Principal, TenantId, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use store::{Db, Secrets};
use subtle::ConstantTimeEq as _;
use tokio::fs::File;

use crate::{
    Pbx,
    error::{Error, Result},
    model::{Cdr, recording_name::file_name},
    store as rows,
};

/// Seconds that a signed URL is good for.
pub const URL_LIFETIME: i64 = 1800;
/// Names the key, so that it serves no other purpose.
const KEY_PURPOSE: &str = "recording url v1";

/// Where recordings lie and how their URLs are made.
#[derive(Clone)]
pub struct Recordings {
    pub(crate) db: Db,
    pub(crate) secrets: Secrets,
    /// The address that clients know this server by, without a slash at the end.
    pub(crate) public_url: String,
    pub(crate) folder: PathBuf,
}

/// An opened recording.
#[derive(Debug)]
pub struct Sound {
    pub file: File,
    pub bytes: u64,
    /// What the file is called that somebody saves, if not by its address.
    pub name: Option<String>,
}

impl Pbx {
    /// Returns where this exchange's recordings lie.
    pub fn recordings(&self) -> Recordings {
        Recordings {
            db: self.db.clone(),
            secrets: self.secrets.clone(),
            public_url: self.config.public_url.clone(),
            folder: self.config.recordings_dir.clone(),
        }
    }
}

/// Returns the URL under which a call's recording is fetched without a token during the next 30 minutes.
pub(crate) fn signed_url(pbx: &Pbx, tenant: TenantId, uuid: CallId, now: Timestamp) -> String {
    sign(&pbx.secrets, &pbx.config.public_url, tenant, uuid, now)
}

/// Returns a record and, if there is something to hear, a fresh URL of its recording.
pub async fn show(recordings: &Recordings, who: &Principal, uuid: CallId) -> Result<(Cdr, Option<String>)> {
    let cdr = super::cdr::find(&recordings.db, who, uuid).await?;
    let url = match cdr.recording.is_available() {
        true => Some(mint(recordings, who, uuid).await?),
        false => None,
    };
    Ok((cdr, url))
}

/// Returns a fresh URL of a call's recording.
pub async fn url(recordings: &Recordings, who: &Principal, uuid: CallId) -> Result<String> {
    let (_, url) = show(recordings, who, uuid).await?;
    url.ok_or(Error::NotFound("recording"))
}

/// Opens the recording that a signed URL names. `expires` and `signature` are as they stand in the URL.
///
/// # Errors
/// `BadSignature` before everything else, also for a call that does not exist; then `LinkExpired`; then `NotFound`.
pub async fn open(recordings: &Recordings, uuid: CallId, expires: &str, signature: &str) -> Result<Sound> {
    let stored = {
        let mut tx = recordings.db.read_any_tenant().await?;
        rows::cdr::any_tenant_find(&mut tx, uuid).await?
    };
    let expires = canonical_seconds(expires).ok_or(Error::BadSignature)?;
    // An unknown call is checked like a known one: the answer tells nothing, and takes as long.
    let tenant = stored.as_ref().map_or(TenantId(0), |stored| stored.cdr.tenant);
    let good = is_signed(&recordings.secrets, tenant, uuid, expires, signature);
    let Some(stored) = stored.filter(|_| good) else { return Err(Error::BadSignature) };
    if recordings.db.now().secs() > expires {
        return Err(Error::LinkExpired);
    }
    let cdr = stored.cdr;
    let path = cdr.recording.path.as_deref().filter(|_| cdr.recording.is_available());
    let path = path.ok_or(Error::NotFound("recording"))?;
    let sound = Sound { name: name(recordings, tenant, &cdr).await?, ..open_file(&recordings.folder, path).await? };
    if stored.downloaded_at.is_none() {
        note_first_fetch(recordings, tenant, uuid).await?;
    }
    Ok(sound)
}

/// Returns what the queue of a call wants its recordings called.
async fn name(recordings: &Recordings, tenant: TenantId, cdr: &Cdr) -> Result<Option<String>> {
    let Some(queue) = &cdr.queue_name else { return Ok(None) };
    let mut tx = recordings.db.read(tenant).await?;
    let template = rows::queues::find(&mut tx, tenant, queue).await?.and_then(|queue| queue.recording_template);
    let Some(template) = template else { return Ok(None) };
    let zone = super::time_conditions::zone(&rows::accounts::settings(&mut tx, tenant).await?.timezone);
    Ok(Some(file_name(&template, cdr, zone)))
}

async fn mint(recordings: &Recordings, who: &Principal, uuid: CallId) -> Result<String> {
    let mut tx = recordings.db.begin(who.tenant).await?;
    let now = tx.now();
    store::audit(&mut tx, who, "recording.url", &format!("call:{uuid}"), json!({ "expires_in": URL_LIFETIME })).await?;
    tx.commit().await?;
    Ok(sign(&recordings.secrets, &recordings.public_url, who.tenant, uuid, now))
}

async fn note_first_fetch(recordings: &Recordings, tenant: TenantId, uuid: CallId) -> Result<()> {
    let mut tx = recordings.db.begin(tenant).await?;
    if rows::cdr::mark_downloaded(&mut tx, tenant, uuid).await? {
        let who = Principal::system(tenant);
        store::audit(&mut tx, &who, "recording.first_download", &format!("call:{uuid}"), json!({})).await?;
    }
    Ok(tx.commit().await?)
}

pub(super) async fn open_file(folder: &Path, path: &str) -> Result<Sound> {
    let relative = Path::new(path);
    // We name the files; a path that leads out of the folder was not written by us.
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::NotFound("recording"));
    }
    let opened = async {
        let file = File::open(folder.join(relative)).await?;
        let bytes = file.metadata().await?.len();
        Ok(Sound { file, bytes, name: None })
    };
    opened.await.map_err(|error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound("recording"),
        _ => Error::Recording(error),
    })
}

fn sign(secrets: &Secrets, public_url: &str, tenant: TenantId, uuid: CallId, now: Timestamp) -> String {
    let expires = now.secs() + URL_LIFETIME;
    let signature = hex::encode(mac(secrets, tenant, uuid, expires));
    format!("{}/recordings/{uuid}.wav?expires={expires}&signature={signature}", public_url.trim_end_matches('/'))
}

fn is_signed(secrets: &Secrets, tenant: TenantId, uuid: CallId, expires: i64, signature: &str) -> bool {
    // Compared as text: the hex of another case is another signature.
    let expected = hex::encode(mac(secrets, tenant, uuid, expires));
    expected.as_bytes().ct_eq(signature.as_bytes()).into()
}

fn mac(secrets: &Secrets, tenant: TenantId, uuid: CallId, expires: i64) -> [u8; 32] {
    let key = secrets.derive(KEY_PURPOSE);
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(format!("{tenant}\n{uuid}\n{expires}").as_bytes());
    mac.finalize().into_bytes().into()
}

/// Reads whole seconds written the one way that we write them.
fn canonical_seconds(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|seconds| *seconds >= 0 && seconds.to_string() == text)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn secrets() -> (tempfile::TempDir, Secrets) {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(&folder.path().join("key")).unwrap();
        (folder, secrets)
    }

    #[test]
    fn a_signed_url_names_the_call_its_end_and_nothing_else() {
        let (_folder, secrets) = secrets();
        let url = sign(&secrets, "https://pbx.example/", TenantId(1), CallId(Uuid::nil()), Timestamp(1_000_500));
        let (head, signature) = url.split_once("&signature=").unwrap();
        assert_eq!(head, "https://pbx.example/recordings/00000000-0000-0000-0000-000000000000.wav?expires=2800");
        assert!(is_signed(&secrets, TenantId(1), CallId(Uuid::nil()), 2_800, signature));
    }

    #[test]
    fn no_change_to_a_signed_url_is_accepted() {
        let (_folder, secrets) = secrets();
        let (tenant, uuid, expires) = (TenantId(1), CallId(Uuid::from_u128(7)), 2_800);
        let good = hex::encode(mac(&secrets, tenant, uuid, expires));
        let accepts = |tenant, uuid, expires, signature: &str| is_signed(&secrets, tenant, uuid, expires, signature);
        assert!(accepts(tenant, uuid, expires, &good));
        assert!(!accepts(TenantId(2), uuid, expires, &good));
        assert!(!accepts(tenant, CallId(Uuid::from_u128(8)), expires, &good));
        assert!(!accepts(tenant, uuid, expires + 1, &good));
        assert!(!accepts(tenant, uuid, expires, &good.to_uppercase()));
        assert!(!accepts(tenant, uuid, expires, ""));
        for at in 0..good.len() {
            let mut changed = good.clone().into_bytes();
            changed[at] ^= 1;
            assert!(!accepts(tenant, uuid, expires, std::str::from_utf8(&changed).unwrap()), "{at}");
            assert!(!accepts(tenant, uuid, expires, &good[..at]), "{at}");
        }
    }

    #[test]
    fn an_expiry_is_read_in_one_form_only() {
        assert_eq!(canonical_seconds("2800"), Some(2_800));
        for bad in ["", "-1", "+2800", "02800", " 2800", "2800.0", "18446744073709551616", "1e9"] {
            assert_eq!(canonical_seconds(bad), None, "{bad}");
        }
    }
}
