//! Pictures that look alike, by their perceptual hashes.
//!
//! Two hashes that differ in few of their 64 bits differ in even fewer in one of their four parts: if no part differed in
//! less than `n` bits, the whole would in `4 n`. So all neighbours within a distance are among those that have one part
//! within a quarter of it, and those are found by looking that part up, whatever the number of pictures.

use std::collections::HashMap;

use crate::database::{Sql, query};
use crate::id::{FileId, VersionId};
use crate::index;
use crate::library::Library;
use crate::list::{Entry, EntryKind, ListError, ListQuery};

/// Bits that may differ at most. A look-up for more would be one for nearly everything.
pub const MAX_DISTANCE: u32 = 15;

/// Rows that share a part with the picture that is asked about. Pictures of one colour may share all of theirs.
const CANDIDATES: usize = 100_000;

/// What looks like a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Similar {
    /// There is no such file.
    NoFile,
    /// The file has no perceptual hash: it is no picture, or none that could be read.
    NoHash,
    /// These, the nearest first, each with the number of bits that differ. The picture itself is not among them.
    Found(Vec<(Entry, u32)>),
}

impl Library {
    /// Files whose pictures differ from that of `file` in at most `distance` bits (up to [`MAX_DISTANCE`]), of those that
    /// the query would list. Its order does not count, its `skip` and `limit` do; of more than the longest listing has
    /// entries, the nearest are taken.
    pub async fn similar(&self, query: &ListQuery, file: FileId, distance: u32) -> Result<Similar, ListError> {
        let distance = distance.min(MAX_DISTANCE);
        let Some((own, phash)) = self.phash(file).await? else {
            return Ok(Similar::NoFile);
        };
        let Some(phash) = phash else {
            return Ok(Similar::NoHash);
        };
        let mut sql = Sql::new("SELECT version_id, phash FROM version_bands WHERE band IN (");
        sql.push_list(neighbours(phash, distance / 4));
        sql.push(format!(") LIMIT {CANDIDATES}"));
        let mut distances: HashMap<VersionId, u32> = HashMap::new();
        for row in sql.build().fetch_all(self.database().reader()).await? {
            let found = (phash ^ row.try_get::<i64, _>("phash")?).count_ones();
            if found <= distance {
                let id: &str = row.try_get("version_id")?;
                let id = id
                    .parse()
                    .map_err(|error| crate::StoreError::unreadable("version_bands.version_id", error))?;
                distances.insert(id, found);
            }
        }
        distances.remove(&own);
        let most = self.limits().list_entries;
        let mut nearest: Vec<(VersionId, u32)> = distances.iter().map(|(id, distance)| (*id, *distance)).collect();
        nearest.sort_unstable_by_key(|&(id, distance)| (distance, id));
        nearest.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        if nearest.is_empty() {
            return Ok(Similar::Found(Vec::new()));
        }
        let all = ListQuery {
            kind: EntryKind::File,
            among: Some(nearest.iter().map(|(id, _)| *id).collect()),
            limit: most,
            skip: 0,
            cursor: None,
            count: false,
            ..query.clone()
        };
        let mut found: Vec<(Entry, u32)> = self
            .list(&all)
            .await?
            .into_iter()
            .filter_map(|entry| {
                let Entry::File(asset) = &entry else { return None };
                let distance = distances.get(&asset.version.id).copied()?;
                Some((entry, distance))
            })
            .collect();
        // Stable: what is equally near stays in the order of the listing.
        found.sort_by_key(|(_, distance)| *distance);
        let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Ok(Similar::Found(found.into_iter().skip(skip).take(limit).collect()))
    }

    /// Files that have the perceptual hash of another file, those of one hash beside each other, the oldest of them first.
    pub async fn duplicates(&self, limit: u32, skip: u64) -> Result<Vec<Entry>, ListError> {
        let max = self.limits().list_entries;
        if limit == 0 || limit > max {
            return Err(ListError::Limit { found: limit, max });
        }
        // Each has two files at least; so many hashes are enough, however few files share one.
        let hashes = skip.saturating_add(u64::from(limit)).min(i64::MAX as u64);
        let sql = format!(
            "WITH d AS MATERIALIZED (
                 SELECT phash FROM versions WHERE is_current AND phash IS NOT NULL
                 GROUP BY phash HAVING COUNT(*) > 1 ORDER BY phash LIMIT {hashes})
             SELECT v.id FROM d CROSS JOIN versions v
             WHERE v.is_current AND v.phash IS NOT NULL AND v.phash = d.phash
             ORDER BY v.phash, v.created_at, v.id LIMIT {limit} OFFSET {skip}"
        );
        let ids: Vec<String> = query(sql).scalars(self.database().reader()).await?;
        let ids: Vec<VersionId> = ids
            .iter()
            .map(|id| {
                id.parse()
                    .map_err(|error| crate::StoreError::unreadable("versions.id", error))
            })
            .collect::<Result<_, _>>()?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let place: HashMap<VersionId, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let all = ListQuery {
            among: Some(ids),
            limit: max,
            ..ListQuery::default()
        };
        let mut entries = self.list(&all).await?;
        entries.sort_by_key(|entry| match entry {
            Entry::File(asset) => place.get(&asset.version.id).copied(),
            Entry::Folder(_) => None,
        });
        Ok(entries)
    }

    async fn phash(&self, file: FileId) -> Result<Option<(VersionId, Option<i64>)>, ListError> {
        let row = query("SELECT id, phash FROM versions WHERE file_id = $1 AND is_current")
            .bind(file.to_string())
            .fetch_optional(self.database().reader())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let id: &str = row.try_get("id")?;
        let id = id
            .parse()
            .map_err(|error| crate::StoreError::unreadable("versions.id", error))?;
        Ok(Some((id, row.try_get("phash")?)))
    }
}

/// All bands that differ from those of the hash in up to so many bits (0 to 3).
fn neighbours(phash: i64, bits: u32) -> Vec<i64> {
    let mut flips = vec![0_i64];
    let mut last = vec![0_i64];
    for _ in 0..bits.min(3) {
        // One more bit, above those that are flipped already, so that each set of bits comes once.
        last = last
            .iter()
            .flat_map(|&flip| {
                let above = 64 - flip.leading_zeros();
                (above..16).map(move |bit| flip | (1 << bit))
            })
            .collect();
        flips.extend(&last);
    }
    index::bands(phash)
        .into_iter()
        .flat_map(|band| flips.iter().map(move |flip| band ^ flip))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_all_that_differ_in_so_many_bits() {
        for (bits, count) in [(0, 1), (1, 17), (2, 137), (3, 697)] {
            let mut found = neighbours(0x1234_5678_9abc_def0, bits);
            assert_eq!(found.len(), 4 * count);
            found.sort_unstable();
            found.dedup();
            assert_eq!(found.len(), 4 * count, "each once");
        }
        let near = 0x1234_5678_9abc_def0_i64 ^ 0b101;
        assert!(neighbours(0x1234_5678_9abc_def0, 2).contains(&index::bands(near)[0]));
        assert!(!neighbours(0x1234_5678_9abc_def0, 1).contains(&index::bands(near)[0]));
    }
}
