//! The files of the page, embedded in the program.

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    /// As in the URL.
    pub(super) path: &'static str,
    /// The entity tag, with its quotes.
    pub(super) tag: &'static str,
    pub(super) bytes: &'static [u8],
}

/// Sorted by path; written by `build.rs`.
const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

impl Asset {
    pub(super) fn find(path: &str) -> Option<&'static Self> {
        let path = if path == "/" { "/index.html" } else { path };
        ASSETS.iter().find(|asset| asset.path == path)
    }

    #[cfg(test)]
    pub(super) fn all() -> &'static [Self] {
        ASSETS
    }

    pub(super) fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("ico") => "image/x-icon",
            Some("json") => "application/json",
            Some("webmanifest") => "application/manifest+json",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}
