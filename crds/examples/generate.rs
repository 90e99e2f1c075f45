//! Writes what is made from the types: the YAML beside this crate and docs/crds.md.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for definition in crds::all() {
        let (name, text) = crds::yaml::file(&definition)?;
        fs::write(here.join(name), text)?;
    }
    fs::write(here.join("../docs/crds.md"), crds::reference::markdown())?;
    Ok(())
}
