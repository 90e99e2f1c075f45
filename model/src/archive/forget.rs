//! The end of visits: days that are older than anybody wants to keep.

use futures_util::TryStreamExt as _;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use object_store::ObjectStoreExt as _;

use super::{Archive, ArchiveError};

impl Archive {
    /// Deletes the visits of the days that had ended by a time; gives how many days that were. What is kept beside the
    /// days stays.
    ///
    /// # Errors
    /// Where the archive cannot be listed, or a file not be deleted. Some may be gone by then.
    pub async fn forget_before(&self, time: Timestamp) -> Result<usize, ArchiveError> {
        let failed = |operation| move |source| ArchiveError::Store { operation, source };
        let first = time.to_zoned(TimeZone::UTC).date();
        let listed =
            self.store.list_with_delimiter(Some(&Self::visits())).await.map_err(failed("listing"))?;
        let old = |day: &object_store::path::Path| {
            day.filename().and_then(|name| name.parse::<Date>().ok()).is_some_and(|day| day < first)
        };
        let days: Vec<_> = listed.common_prefixes.into_iter().filter(old).collect();
        for day in &days {
            let files: Vec<_> = self
                .store
                .list(Some(day))
                .map_ok(|file| file.location)
                .try_collect()
                .await
                .map_err(failed("listing"))?;
            for file in files {
                self.store.delete(&file).await.map_err(failed("delete"))?;
            }
        }
        Ok(days.len())
    }
}
