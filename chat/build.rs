//! Embeds the page: makes one script of the modules in `web/` and one style sheet of its style sheets, so that a browser has all of it
//! after two round trips, and writes a table of these and the other files that `src/http/assets.rs` includes, each plain and
//! compressed. A table of `include_bytes!` needs no crate, and a changed, new or removed file rebuilds the program.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[path = "build/join.rs"]
mod join;
#[path = "build/shorten.rs"]
mod shorten;

use join::{Module, join};
use shorten::{Kind, shorten};
use zlib_rs::{DeflateConfig, ReturnCode, compress_bound, compress_slice};

type Failure = Box<dyn std::error::Error>;

/// By these the page and its service worker know which build they are of; they are filled in here.
const VERSION: &str = "%version%";
const FILES: &str = "%files%";

const INDEX: &str = "index.html";
const WORKER: &str = "sw.js";
/// Where the modules begin, and what is made of them; what is made of the style sheets.
const MAIN: &str = "main.js";
const SCRIPT: &str = "page.js";
const STYLE: &str = "page.css";

/// The window of 32 KiB, in the gzip format (zlib's convention).
const GZIP_WINDOW_BITS: i32 = 15 + 16;

fn main() -> Result<(), Failure> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Vec::new();
    collect(&web, &mut files).map_err(|error| format!("cannot read {}: {error}", web.display()))?;
    let mut read = BTreeMap::new();
    for file in &files {
        let name = file.strip_prefix(&web)?.to_str().ok_or("a file name in web/ is not UTF-8")?;
        read.insert(name.to_owned(), fs::read(file)?);
    }
    let named = bundle(read)?;
    let version = fnv1a(named.iter().flat_map(|(name, bytes)| name.bytes().chain(bytes.iter().copied())));
    let shell: Vec<&str> = named.keys().map(String::as_str).filter(|name| is_shell(name)).collect();
    let shell = shell.join(" ");

    let mut table =
        format!("pub(super) const VERSION: &str = \"{version:016x}\";\nconst ASSETS: &[Asset] = &[\n");
    for (number, (name, bytes)) in named.iter().enumerate() {
        let bytes = match name.as_str() {
            INDEX | WORKER => String::from_utf8(bytes.clone())?
                .replace(VERSION, &format!("{version:016x}"))
                .replace(FILES, &shell)
                .into_bytes(),
            _ => bytes.clone(),
        };
        let plain = out.join(format!("asset-{number}"));
        fs::write(&plain, &bytes)?;
        let gzip = match gzip(&bytes)? {
            Some(compressed) => {
                let file = out.join(format!("asset-{number}.gz"));
                fs::write(&file, compressed)?;
                format!("Some(include_bytes!({file:?}))")
            }
            None => "None".to_owned(),
        };
        let tag = fnv1a(bytes.iter().copied());
        writeln!(
            table,
            "    Asset {{ path: {:?}, tag: \"\\\"{tag:016x}\\\"\", gzip_tag: \"\\\"{tag:016x}-gzip\\\"\", \
             bytes: include_bytes!({plain:?}), gzip: {gzip} }},",
            format!("/{name}")
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

/// The files as they are served, by name.
fn bundle(files: BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut served = BTreeMap::new();
    let (mut modules, mut styles) = (BTreeMap::new(), BTreeMap::new());
    for (name, bytes) in files {
        let Some(kind) = Kind::of(&name) else {
            served.insert(name, bytes);
            continue;
        };
        let in_file = |error| format!("web/{name}: {error}");
        let text = String::from_utf8(bytes)?;
        let short = shorten(&text, kind).map_err(in_file)?;
        match kind {
            Kind::Script if name == WORKER => drop(served.insert(name, short.into_bytes())),
            Kind::Script => drop(modules.insert(name.clone(), Module::parse(&text).map_err(in_file)?)),
            Kind::Style => drop(styles.insert(name, short)),
        }
    }
    let script = join(&modules, MAIN).map_err(|error| format!("web/: {error}"))?;
    served.insert(SCRIPT.to_owned(), shorten(&script, Kind::Script)?.into_bytes());
    let index = String::from_utf8(served.remove(INDEX).ok_or("there is no web/index.html")?)?;
    let (index, style) = index_of(&index, &mut styles)?;
    served.insert(STYLE.to_owned(), style.into_bytes());
    served.insert(INDEX.to_owned(), index.into_bytes());
    served.extend(styles.into_iter().map(|(name, style)| (name, style.into_bytes())));
    Ok(served)
}

/// The page with the one script, and with one style sheet in the place of those that hold for all media; and that.
fn index_of(index: &str, styles: &mut BTreeMap<String, String>) -> Result<(String, String), Failure> {
    let (mut page, mut style) = (String::new(), String::new());
    for line in index.lines() {
        let name = line.trim().strip_prefix("<link rel=\"stylesheet\" href=\"");
        // One that has more to say stays by itself.
        if let Some(name) = name.and_then(|rest| rest.strip_suffix("\">")).filter(|name| !name.contains('"'))
        {
            if style.is_empty() {
                writeln!(page, "  <link rel=\"stylesheet\" href=\"{STYLE}\">")?;
            }
            style.push_str(&styles.remove(name).ok_or_else(|| format!("index.html names {name}"))?);
        } else {
            writeln!(page, "{}", line.replace(&format!("src=\"{MAIN}\""), &format!("src=\"{SCRIPT}\"")))?;
        }
    }
    Ok((page, style))
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

/// What the page needs to begin: all but the worker itself, and what only a system's launcher looks at.
fn is_shell(name: &str) -> bool {
    name != WORKER && !name.starts_with("icons/")
}

/// The file compressed, where that makes it smaller.
fn gzip(bytes: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    // A header and a trailer of gzip are longer than those of zlib, which the bound is for.
    let mut output = vec![0; compress_bound(bytes.len()) + 32];
    let config = DeflateConfig { level: 9, window_bits: GZIP_WINDOW_BITS, ..DeflateConfig::default() };
    let (compressed, code) = compress_slice(&mut output, bytes, config);
    if code != ReturnCode::Ok {
        return Err(format!("zlib says {code:?}").into());
    }
    Ok((compressed.len() < bytes.len()).then(|| compressed.to_vec()))
}

/// FNV-1a, 64 bits: tells versions of a file apart, which is all that an entity tag has to do.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
