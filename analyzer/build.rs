//! Marks the sources that notes are made by (src/notes.rs): notes of other sources are not read.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// Whatever reads a visit, from its line on; and what is known of software.
const SOURCES: [&str; 5] = ["src", "grammars.json", "../electrum/src", "../model/src", "../Cargo.lock"];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let mut hash = Sha256::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        for file in files(&here.join(source))? {
            hash.update(Sha256::digest(fs::read(file)?));
        }
    }
    let mark: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=NOTES_MADE_BY={mark}");
    Ok(())
}

/// The files under a path, in one order everywhere.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    let below: Vec<Vec<PathBuf>> = entries.iter().map(|entry| files(entry)).collect::<io::Result<_>>()?;
    Ok(below.concat())
}
