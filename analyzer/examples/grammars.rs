//! Makes analyzer/grammars.json from analyzer/captures.

use std::path::Path;

use analyzer::capture::{Capture, learn};
use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let knowledge = learn(&Capture::read_all(&home.join("captures"))?)?;
    let path = home.join("grammars.json");
    std::fs::write(&path, knowledge.write()?).with_context(|| path.display().to_string())
}
