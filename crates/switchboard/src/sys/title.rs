//! What `ps` shows for this process.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

/// The kernel keeps so many bytes of a process's short name.
const SHORT_NAME_BYTES_MAX: usize = 15;

/// The short name, which `top` and `pgrep` look at. Not to be called before other threads have got names of their own: they
/// inherit it.
pub(crate) fn set_short_name(name: &str) {
    let name = &name.as_bytes()[..name.len().min(SHORT_NAME_BYTES_MAX)];
    // Nothing depends on it.
    let _ = fs::write("/proc/self/comm", name);
}

/// Writes `title` over the program's name in the command line, if it is not longer; the arguments stay.
pub(crate) fn set_title(title: &str) {
    let _ = try_set_title(title);
}

fn try_set_title(title: &str) -> io::Result<()> {
    let name = std::env::args_os().next().unwrap_or_default();
    if title.len() > name.len() {
        return Ok(());
    }
    let stat = fs::read_to_string("/proc/self/stat")?;
    let Some(start) = arguments_start(&stat) else { return Ok(()) };
    let mut memory = vec![0; name.len()];
    let file = File::options().read(true).write(true).open("/proc/self/mem")?;
    file.read_exact_at(&mut memory, start)?;
    // Nobody else's memory.
    if memory != name.as_bytes() {
        return Ok(());
    }
    memory.fill(0);
    memory[..title.len()].copy_from_slice(title.as_bytes());
    file.write_all_at(&memory, start)
}

/// Field 48: where the arguments begin. The second field is a name in parentheses, with anything in it.
fn arguments_start(stat: &str) -> Option<u64> {
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(48 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_found_behind_any_name() {
        let fields: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        let stat = format!("1 (a) b (c)) {}", fields.join(" "));
        assert_eq!(arguments_start(&stat), Some(48));
        assert_eq!(arguments_start("1 (x) R"), None);
    }
}
