//! The reports of many campaigns, each beneath the campaign's name, and a list of them: what analyzers in a cluster leave
//! on one volume, as `CAMPAIGN/report`.

use std::{fmt::Write as _, path::PathBuf};

use super::files::{Folder, Served};

/// A directory with a folder for each campaign.
#[derive(Debug)]
pub(super) struct Shelf(PathBuf);

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found {
    File(Served),
    /// Beneath this path: links of a page lead from there.
    Beneath(String),
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><title>Reports</title><h1>Reports</h1>";
const NONE: &str = "<p>No analysis has ended yet.</p>";

impl Shelf {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// What is at a path; none where nothing is served.
    pub(super) async fn find(&self, path: &str) -> Option<Found> {
        let rest = path.strip_prefix('/')?;
        if rest.is_empty() {
            return Some(Found::File(Served::page(list(&self.campaigns().await))));
        }
        let Some((campaign, _)) = rest.split_once('/') else {
            let known = self.campaigns().await.iter().any(|campaign| campaign == rest);
            return known.then(|| Found::Beneath(format!("/{rest}/")));
        };
        if !is_name(campaign) {
            return None;
        }
        let folder = Folder::at(self.0.join(campaign).join("report"));
        folder.read(&rest[campaign.len()..]).await.map(Found::File)
    }

    /// Those that have a report, by name.
    async fn campaigns(&self) -> Vec<String> {
        let mut names = Vec::new();
        // What cannot be read has no report that could be shown.
        let Ok(mut entries) = tokio::fs::read_dir(&self.0).await else { return names };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let has_report = entry.path().join("report/index.html").is_file();
            if let Ok(name) = entry.file_name().into_string()
                && has_report
                && is_name(&name)
            {
                names.push(name);
            }
        }
        names.sort();
        names
    }
}

/// Whether a campaign may be called so: nothing in it means anything in a path or a page.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(plain)
}

fn list(campaigns: &[String]) -> Vec<u8> {
    let mut page = HEAD.to_owned();
    if campaigns.is_empty() {
        page.push_str(NONE);
    } else {
        page.push_str("<ul>");
        for name in campaigns {
            // A String takes all that it is told.
            let _ = write!(page, "<li><a href=\"{name}/\">{name}</a>");
        }
        page.push_str("</ul>");
    }
    page.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_resources() {
        assert!(is_name("mainnet") && is_name("a-2"));
        for other in ["", ".", "..", "A", "a.b", "a/b", "a\"b", "ä", &"a".repeat(64)] {
            assert!(!is_name(other), "{other}");
        }
    }
}
