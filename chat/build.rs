//! Embeds the page: writes a table of the files in `web/` that `src/http/assets.rs` includes. A table of
//! `include_bytes!` needs no crate, and a changed, new or removed file rebuilds the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web");
    let mut files = Vec::new();
    collect(&web, &mut files).map_err(|error| format!("cannot read {}: {error}", web.display()))?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&web)?.to_str().ok_or("a file name in web/ is not UTF-8")?;
        let tag = fnv1a(&fs::read(file)?);
        writeln!(
            table,
            "    Asset {{ path: {:?}, tag: \"\\\"{tag:016x}\\\"\", bytes: include_bytes!({file:?}) }},",
            format!("/{name}")
        )?;
    }
    table.push_str("]\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("assets.rs"), table)?;
    Ok(())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", directory.display());
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_served(&name) {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

/// Not what only editors and type checkers read.
fn is_served(name: &str) -> bool {
    !name.starts_with('.') && !name.ends_with(".d.ts") && name != "jsconfig.json" && name != "tsconfig.json"
}

/// FNV-1a, 64 bits: tells versions of a file apart, which is all that an entity tag has to do.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
