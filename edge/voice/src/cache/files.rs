use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use speech::Key;

use crate::Error;

/// Makes a folder for its owner alone: what is said to somebody is nobody else's business.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(Error::io(format!("making the folder {}", path.display())))
}

/// Writes a file for its owner alone.
pub(crate) fn write(path: &Path, bytes: &[u8], sync: bool) -> Result<(), Error> {
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        if sync { file.sync_all() } else { Ok(()) }
    };
    write().map_err(Error::io(format!("writing {}", path.display())))
}

/// Finds the clips with their bytes, the oldest first, and removes what a crash left half-written.
pub(super) fn scan(folder: &Path) -> Result<Vec<(Key, u64)>, Error> {
    let mut found: Vec<(SystemTime, Key, u64)> = Vec::new();
    for first in folders(folder)? {
        for second in folders(&first)? {
            let files = fs::read_dir(&second).map_err(Error::io(format!("reading {}", second.display())))?;
            for file in files.flatten() {
                let name = file.file_name();
                let name = name.to_string_lossy();
                if name.ends_with(PART) {
                    // Left by a crash; if it stays it does no harm.
                    let _ = fs::remove_file(file.path());
                }
                let key = name.strip_suffix(".wav").and_then(Key::parse);
                if let (Some(key), Ok(data)) = (key, file.metadata())
                    && data.is_file()
                {
                    found.push((data.modified().unwrap_or(SystemTime::UNIX_EPOCH), key, data.len()));
                }
            }
        }
    }
    found.sort_unstable_by_key(|(modified, key, _)| (*modified, *key));
    Ok(found.into_iter().map(|(_, key, bytes)| (key, bytes)).collect())
}

/// Returns the folders of two hexadecimal digits.
fn folders(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(path).map_err(Error::io(format!("reading {}", path.display())))?;
    let is_ours = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.len() == 2 && name.to_string_lossy().bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    Ok(entries.flatten().filter(is_ours).map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

const PART: &str = ".part";

/// A file that is not yet what it will be called; gone if it never is.
pub(super) struct Part {
    path: PathBuf,
    to: PathBuf,
}

impl Part {
    /// Writes beside the place where the clip belongs, and waits for the disk.
    pub(super) fn write(folder: &Path, key: Key, id: u64, bytes: &[u8]) -> Result<Self, Error> {
        let to = folder.join(key.path());
        make_folder(to.parent().unwrap_or(folder))?;
        let part = Self { path: to.with_extension(format!("{id}{PART}")), to };
        write(&part.path, bytes, true)?;
        Ok(part)
    }

    pub(super) fn rename(self) -> Result<PathBuf, Error> {
        let renamed = fs::rename(&self.path, &self.to);
        renamed.map_err(Error::io(format!("renaming to {}", self.to.display())))?;
        Ok(self.to.clone())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Not there if it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}
