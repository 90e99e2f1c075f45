//! The files of a report folder that are served: those that have a name and a kind that a report's files have, and no
//! others, wherever a path may lead.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// What a file may do that is no page: nothing.
pub(super) const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
/// What a drawing may do: have its own style.
const DRAWING: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
/// How the page says what it may do.
const POLICY: &str = r#"<meta http-equiv="Content-Security-Policy" content=""#;

/// A report folder.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

/// A file that is served.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) bytes: Vec<u8>,
    /// Its media type.
    pub(super) kind: &'static str,
    /// What it may do.
    pub(super) policy: String,
    /// What it is known by: another where it changed.
    pub(super) tag: String,
}

impl Served {
    /// A page of our own, which may do nothing.
    pub(super) fn page(bytes: Vec<u8>) -> Self {
        Self::new(bytes, "text/html; charset=utf-8", NOTHING.to_owned())
    }

    fn new(bytes: Vec<u8>, kind: &'static str, policy: String) -> Self {
        let tag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(&bytes)[..16]));
        Self { bytes, kind, policy, tag }
    }
}

impl Folder {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The file at a path; none where there is none that is served.
    pub(super) async fn read(&self, path: &str) -> Option<Served> {
        let (name, kind) = name(path)?;
        let path = self.0.join(name);
        // A link could lead out of the folder, whoever made it.
        if !tokio::fs::symlink_metadata(&path).await.ok()?.is_file() {
            return None;
        }
        let bytes = tokio::fs::read(&path).await.ok()?;
        let policy = match kind {
            "text/html; charset=utf-8" => policy(&bytes),
            "image/svg+xml" => DRAWING.to_owned(),
            _ => NOTHING.to_owned(),
        };
        Some(Served::new(bytes, kind, policy))
    }
}

/// The file that a path of a URL means, and its media type; none for all that is not served.
fn name(path: &str) -> Option<(&str, &'static str)> {
    let name = match path.strip_prefix('/')? {
        "" => "index.html",
        name => name,
    };
    let bare = name.strip_prefix("figures/").unwrap_or(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bare.starts_with('.') || !bare.chars().all(plain) {
        return None;
    }
    let kind = match Path::new(bare).extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "csv" => "text/csv; charset=utf-8",
        "parquet" => "application/vnd.apache.parquet",
        _ => return None,
    };
    Some((name, kind))
}

/// What a page says of itself that it may do, and that nobody may frame it, which a page cannot say. One that says
/// nothing, or something that fits in no header, may do nothing.
fn policy(page: &[u8]) -> String {
    let own = || {
        let start = memchr::memmem::find(page, POLICY.as_bytes())? + POLICY.len();
        let rest = page.get(start..)?;
        let text = str::from_utf8(rest.get(..memchr::memchr(b'"', rest)?)?).ok()?;
        let text = text.replace("&#39;", "'");
        let plain = |c: char| c.is_ascii_alphanumeric() || " '-+/=:;".contains(c);
        text.chars().all(plain).then_some(text)
    };
    own().map_or_else(|| NOTHING.to_owned(), |own| format!("{own}; frame-ancestors 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_a_report_are_files() {
        assert_eq!(name("/").map(|(name, _)| name), Some("index.html"));
        assert_eq!(name("/figures/latency.svg"), Some(("figures/latency.svg", "image/svg+xml")));
        for path in [
            "",
            "index.html",
            "//index.html",
            "/../index.html",
            "/figures/../index.html",
            "/figures//x.svg",
            "/..%2fx.json",
            "/%2e%2e/x.json",
            "/.hidden.json",
            "/figures/.svg",
            "/figures/a/b.svg",
            "/x",
            "/x.key",
            "/a\\b.json",
            "/ü.json",
            "/figures/",
            "/other/x.svg",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
    }

    #[test]
    fn a_page_may_do_what_it_says_and_no_more() {
        let page = |policy: &str| format!("<head>{POLICY}{policy}\"></head>").into_bytes();
        let said = "default-src &#39;none&#39;; style-src &#39;sha256-a+b/c=&#39;";
        assert_eq!(
            policy(&page(said)),
            "default-src 'none'; style-src 'sha256-a+b/c='; frame-ancestors 'none'"
        );
        for other in
            [page("default-src\r\nset-cookie: x"), page("ü"), b"<head></head>".to_vec(), POLICY.into()]
        {
            assert_eq!(policy(&other), NOTHING);
        }
    }
}
