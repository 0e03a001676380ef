//! Prompts: sound that an account puts in.
//!
//! A file is taken as WAV with 16-bit samples, one channel, at 8 or 16 kHz, and kept at 8 kHz. Another upload is another
//! file: what a call plays from the old one is played to its end.

use std::path::Path;

use audio::{
    SAMPLE_RATE,
    wav::{self, Wav},
};
use domain::{Principal, TenantId, routing::Destination};
use serde_json::json;
use store::Tx;
use tokio::fs;
use uuid::Uuid;
use web::{Fields, Rule, Text};

use super::{
    Desk, Done, full, may_manage, may_read,
    places::{self, LONGEST_NAME},
    recordings::{Sound, open_file},
    refuse, taken,
};
use crate::{
    Pbx,
    changes::Changed,
    error::{Error, Result},
    model::StoredPrompt,
    store as rows,
};

/// Most bytes of an upload: five minutes at 16 kHz.
pub const LARGEST: usize = 10 * 1024 * 1024;
/// Most prompts of an account.
const MOST: i64 = 500;
/// The longest prompt in seconds.
const LONGEST_SECONDS: usize = 600;

pub async fn list(pbx: &Pbx, who: &Principal) -> Result<Vec<StoredPrompt>> {
    let tenant = may_read(who)?;
    let mut tx = pbx.db.read(tenant).await?;
    Ok(rows::prompts::all(&mut tx, tenant).await?)
}

pub async fn show(pbx: &Pbx, who: &Principal, id: i64) -> Result<StoredPrompt> {
    let tenant = may_read(who)?;
    let mut tx = pbx.db.read(tenant).await?;
    find(&mut tx, tenant, id).await
}

/// Opens the sound of a prompt: a WAV file.
pub async fn open(pbx: &Pbx, who: &Principal, id: i64) -> Result<Sound> {
    let prompt = show(pbx, who, id).await?;
    open_file(&pbx.config.prompts_dir, &prompt.path).await
}

/// Adds a prompt.
pub async fn create(pbx: &Pbx, who: &Principal, name: Option<&str>, file: &[u8]) -> Result<StoredPrompt> {
    add(&pbx.desk(), &pbx.config.prompts_dir, who, name, file).await
}

/// Adds a prompt whose file goes below `folder`, that of the server's prompts.
pub async fn add(desk: &Desk, folder: &Path, who: &Principal, name: Option<&str>, file: &[u8]) -> Result<StoredPrompt> {
    let tenant = may_manage(who)?;
    let mut fields = Fields::new();
    let name = fields.require_text("name", name, 1, LONGEST_NAME).unwrap_or_default();
    let samples = read(file, &mut fields);
    let mut tx = desk.write(who).await?;
    fields.check("name", rows::prompts::count(&mut tx, tenant).await? < MOST, full(MOST));
    refuse(fields)?;
    let path = write(folder, tenant, &samples).await?;
    let now = tx.now();
    let mut prompt = StoredPrompt {
        id: 0,
        tenant,
        name,
        path: path.clone(),
        size_bytes: i64::try_from(wav::HEADER + samples.len() * 2).unwrap_or(i64::MAX),
        duration_ms: millis(&samples),
        created_at: now,
        updated_at: now,
    };
    let stored = async {
        prompt.id = rows::prompts::insert(&mut tx, tenant, &prompt).await.map_err(taken("name"))?;
        desk.commit(tx, who, done("prompt.create", &prompt)).await
    };
    match stored.await {
        Ok(()) => Ok(prompt),
        Err(error) => {
            remove(folder, &path).await;
            Err(error)
        }
    }
}

/// Renames a prompt, and puts other sound in if some is given.
pub async fn update(
    pbx: &Pbx,
    who: &Principal,
    id: i64,
    name: Option<&str>,
    file: Option<&[u8]>,
) -> Result<StoredPrompt> {
    let tenant = may_manage(who)?;
    let mut fields = Fields::new();
    let name = fields.require_text("name", name, 1, LONGEST_NAME).unwrap_or_default();
    let samples = file.map(|file| read(file, &mut fields));
    refuse(fields)?;
    let folder = &pbx.config.prompts_dir;
    let desk = pbx.desk();
    let mut tx = desk.write(who).await?;
    let mut prompt = find(&mut tx, tenant, id).await?;
    prompt.name = name;
    prompt.updated_at = tx.now();
    let mut before = None;
    if let Some(samples) = samples {
        prompt.size_bytes = i64::try_from(wav::HEADER + samples.len() * 2).unwrap_or(i64::MAX);
        prompt.duration_ms = millis(&samples);
        before = Some(std::mem::replace(&mut prompt.path, write(folder, tenant, &samples).await?));
    }
    let stored = async {
        rows::prompts::update(&mut tx, tenant, &prompt).await.map_err(taken("name"))?;
        desk.commit(tx, who, done("prompt.update", &prompt)).await
    };
    match (stored.await, before) {
        (Ok(()), before) => {
            if let Some(before) = before {
                remove(folder, &before).await;
            }
            Ok(prompt)
        }
        (Err(error), Some(_)) => {
            remove(folder, &prompt.path).await;
            Err(error)
        }
        (Err(error), None) => Err(error),
    }
}

/// Deletes a prompt that nothing says.
pub async fn delete(pbx: &Pbx, who: &Principal, id: i64) -> Result<()> {
    let tenant = may_manage(who)?;
    let desk = pbx.desk();
    let mut tx = desk.write(who).await?;
    let prompt = find(&mut tx, tenant, id).await?;
    match rows::prompts::used_by(&mut tx, tenant, id).await? {
        0 => places::refuse_if_used(&mut tx, tenant, "prompt", &Destination::Announcement(id)).await?,
        count => return Err(Error::InUse { what: "prompt", count }),
    }
    rows::prompts::delete(&mut tx, tenant, id).await?;
    desk.commit(tx, who, done("prompt.delete", &prompt)).await?;
    remove(&pbx.config.prompts_dir, &prompt.path).await;
    Ok(())
}

async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<StoredPrompt> {
    rows::prompts::find(tx, tenant, id).await?.ok_or(Error::NotFound("prompt"))
}

/// Reads what was uploaded, at 8 kHz.
fn read(file: &[u8], fields: &mut Fields) -> Vec<i16> {
    let refused = Text::new(
        "The file must be WAV: 16-bit PCM, one channel, 8 or 16 kHz, at most ten minutes and 10 MiB.",
        "Tệp phải là WAV: PCM 16 bit, một kênh, 8 hoặc 16 kHz, tối đa mười phút và 10 MiB.",
    );
    let taken = Wav::parse(file).ok().filter(|wav| {
        let rate = wav.rate as usize;
        file.len() <= LARGEST
            && wav.channels == 1
            && (wav.rate == SAMPLE_RATE || wav.rate == 2 * SAMPLE_RATE)
            && (1..=LONGEST_SECONDS * rate).contains(&wav.frames())
    });
    match taken {
        Some(wav) if wav.rate == SAMPLE_RATE => wav.channel(0),
        Some(wav) => halved(wav.channel(0)),
        None => {
            fields.add("file", Rule::Text(refused));
            Vec::new()
        }
    }
}

fn halved(mut samples: Vec<i16>) -> Vec<i16> {
    samples.truncate(samples.len() / 2 * 2);
    samples.chunks_exact(2).map(|pair| pair[0].midpoint(pair[1])).collect()
}

fn millis(samples: &[i16]) -> i64 {
    i64::try_from(samples.len() as u64 * 1_000 / u64::from(SAMPLE_RATE)).unwrap_or(i64::MAX)
}

async fn write(folder: &Path, tenant: TenantId, samples: &[i16]) -> Result<String> {
    let path = format!("{tenant}/{}.wav", Uuid::now_v7());
    let file = folder.join(&path);
    let written = async {
        fs::create_dir_all(folder.join(tenant.to_string())).await?;
        fs::write(&file, wav::mono(SAMPLE_RATE, samples)).await
    };
    written.await.map_err(Error::Recording)?;
    Ok(path)
}

async fn remove(folder: &Path, path: &str) {
    if let Err(error) = fs::remove_file(folder.join(path)).await {
        tracing::warn!(%error, path, "the file of a prompt cannot be deleted");
    }
}

fn done<'a>(action: &'static str, prompt: &StoredPrompt) -> Done<'a> {
    Done {
        action,
        target: format!("prompt:{}", prompt.id).into(),
        detail: json!({ "name": prompt.name, "duration_ms": prompt.duration_ms }),
        changed: Changed::Places(prompt.tenant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_that_can_be_played_as_it_is_is_taken() {
        let tone = audio::tone::sine(440.0, 9_000.0, 16_000);
        let mut stereo = wav::mono(8_000, &tone);
        stereo[22] = 2;
        let mut alaw = wav::mono(8_000, &tone);
        alaw[20] = 6;
        for (file, samples) in [
            (wav::mono(8_000, &tone), 16_000),
            (wav::mono(16_000, &tone), 8_000),
            (wav::mono(44_100, &tone), 0),
            (wav::mono(8_000, &[]), 0),
            (stereo, 0),
            (alaw, 0),
            (b"ID3\x04mp3".to_vec(), 0),
            (Vec::new(), 0),
        ] {
            let mut fields = Fields::new();
            assert_eq!(read(&file, &mut fields).len(), samples);
            assert_eq!(fields.is_empty(), samples > 0);
        }
    }
}
