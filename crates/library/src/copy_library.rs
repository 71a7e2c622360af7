//! Copying a whole library into another store: from SQLite to PostgreSQL, from a directory to an object storage, or
//! back.

use futures::StreamExt as _;

use crate::blob::{BlobError, BlobId};
use crate::database::{On, Row, Sql, Transaction, Value, query};
use crate::error::StoreError;
use crate::index;
use crate::library::Library;

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyProgress {
    /// Blobs that are there, those of an earlier attempt included.
    pub blobs: u64,
    /// Blobs that there are to copy.
    pub blobs_total: u64,
    /// Bytes sent in this attempt.
    pub bytes: u64,
    /// Rows that are there.
    pub rows: u64,
    /// Rows that there are to copy.
    pub rows_total: u64,
}

/// Why a library was not copied. What was copied stays; the next attempt goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The target has something that no copy brought.
    #[error(
        "the target library is not empty: copy into a new one, or into one that an earlier copy of this library began"
    )]
    NotEmpty,
    /// A blob of the source is not what it should be: `check` tells which files need it.
    #[error("a blob of the source cannot be read")]
    Source(#[source] BlobError),
    /// The target's blob store failed.
    #[error("a blob cannot be written to the target")]
    Target(#[source] BlobError),
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Real,
    Bool,
}

/// A table with the columns that its rows are read in the order of, and all its columns.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [(&'static str, Kind)],
    /// Rows that a new library has already.
    except: &'static str,
}

use Kind::{Bool, Int, Real, Text};

/// Every table, those that others refer to first. A test holds this against the migrations. Work that was not done yet goes
/// along: jobs with what they lock, messages on their way. Leases of the server that was stopped run out by themselves.
const TABLES: &[Table] = &[
    Table {
        name: "folders",
        // By depth: a folder's parent comes before it.
        key: &["path"],
        columns: &[
            ("id", Text),
            ("parent_id", Text),
            ("path", Text),
            ("name", Text),
            ("custom_metadata", Text),
            ("created_at", Int),
            ("updated_at", Int),
        ],
        except: "parent_id IS NOT NULL",
    },
    Table {
        name: "blobs",
        key: &["sha256"],
        columns: &[
            ("sha256", Text),
            ("size", Int),
            ("created_at", Int),
            ("unreferenced_at", Int),
        ],
        except: "",
    },
    Table {
        name: "files",
        key: &["id"],
        columns: &[("id", Text), ("last_number", Int), ("created_at", Int)],
        except: "",
    },
    Table {
        name: "versions",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("file_id", Text),
            ("number", Int),
            ("is_current", Bool),
            ("token", Text),
            ("folder_id", Text),
            ("name", Text),
            ("created_at", Int),
            ("updated_at", Int),
            ("uploaded_at", Int),
            ("blob", Text),
            ("size", Int),
            ("mime", Text),
            ("is_image", Bool),
            ("width", Int),
            ("height", Int),
            ("orientation", Int),
            ("has_alpha", Bool),
            ("duration_ms", Int),
            ("bit_rate", Int),
            ("audio_codec", Text),
            ("video_codec", Text),
            ("embedded_metadata", Text),
            ("tags", Text),
            ("ai_tags", Text),
            ("custom_metadata", Text),
            ("custom_coordinates", Text),
            ("is_private", Bool),
            ("is_published", Bool),
            ("description", Text),
            ("format", Text),
            ("taken_at", Int),
            ("latitude", Real),
            ("longitude", Real),
            ("place_x", Real),
            ("place_y", Real),
            ("place_z", Real),
            ("phash", Int),
            ("created_by", Text),
            ("made_of", Text),
        ],
        except: "",
    },
    Table {
        name: "version_tags",
        key: &["tag", "version_id"],
        columns: &[("tag", Text), ("version_id", Text)],
        except: "",
    },
    Table {
        name: "version_terms",
        key: &["kind", "term", "created_at", "version_id"],
        columns: &[
            ("kind", Text),
            ("term", Text),
            ("created_at", Int),
            ("version_id", Text),
        ],
        except: "",
    },
    Table {
        name: "folder_terms",
        key: &["term", "folder_id"],
        columns: &[("term", Text), ("folder_id", Text)],
        except: "",
    },
    Table {
        name: "version_values",
        key: &["version_id", "field_id", "position"],
        columns: &[
            ("field_id", Text),
            ("version_id", Text),
            ("position", Int),
            ("created_at", Int),
            ("text_value", Text),
            ("number_value", Real),
        ],
        except: "",
    },
    Table {
        name: "version_bands",
        key: &["band", "phash", "version_id"],
        columns: &[("band", Int), ("phash", Int), ("version_id", Text)],
        except: "",
    },
    Table {
        name: "custom_metadata_fields",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("name", Text),
            ("label", Text),
            ("description", Text),
            ("schema", Text),
            ("created_at", Int),
            ("updated_at", Int),
            ("deleted_at", Int),
        ],
        except: "",
    },
    Table {
        name: "saved_extensions",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("name", Text),
            ("description", Text),
            ("config", Text),
            ("created_at", Int),
            ("updated_at", Int),
        ],
        except: "",
    },
    Table {
        name: "named_transformations",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("name", Text),
            ("transformation", Text),
            ("is_enabled", Bool),
            ("created_at", Int),
            ("updated_at", Int),
        ],
        except: "",
    },
    Table {
        name: "origins",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("kind", Text),
            ("name", Text),
            ("settings", Text),
            ("secret", Text),
            ("created_at", Int),
            ("updated_at", Int),
        ],
        except: "",
    },
    Table {
        name: "url_endpoints",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("url_prefix", Text),
            ("description", Text),
            ("origins", Text),
            ("url_rewriter", Text),
            ("created_at", Int),
            ("updated_at", Int),
        ],
        except: "",
    },
    Table {
        name: "api_keys",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("name", Text),
            ("public_key", Text),
            ("digest", Text),
            ("secret", Text),
            ("restrictions", Text),
            ("is_disabled", Bool),
            ("expires_at", Int),
            ("created_at", Int),
            ("last_used_at", Int),
        ],
        except: "",
    },
    Table {
        name: "webhooks",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("url", Text),
            ("events", Text),
            ("secret", Text),
            ("is_enabled", Bool),
            ("created_at", Int),
            ("updated_at", Int),
        ],
        except: "",
    },
    Table {
        name: "purges",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("url", Text),
            ("state", Text),
            ("created_at", Int),
            ("completed_at", Int),
            ("caches", Text),
        ],
        except: "",
    },
    Table {
        name: "usage_days",
        key: &["day", "dimension", "name"],
        columns: &[
            ("day", Int),
            ("dimension", Text),
            ("name", Text),
            ("requests", Int),
            ("bytes", Int),
        ],
        except: "",
    },
    Table {
        name: "trash",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("file_id", Text),
            ("folder_path", Text),
            ("name", Text),
            ("is_whole_file", Bool),
            ("version_id", Text),
            ("version_number", Int),
            ("version_count", Int),
            ("file_row", Text),
            ("versions", Text),
            ("bytes", Int),
            ("deleted_at", Int),
            ("purge_at", Int),
        ],
        except: "",
    },
    Table {
        name: "trash_blobs",
        key: &["trash_id", "blob"],
        columns: &[("trash_id", Text), ("blob", Text)],
        except: "",
    },
    Table {
        name: "jobs",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("kind", Text),
            ("state", Text),
            ("input", Text),
            ("cursor", Text),
            ("result", Text),
            ("done", Int),
            ("total", Int),
            ("failures", Text),
            ("failed", Int),
            ("attempts", Int),
            ("run_at", Int),
            ("lease_owner", Text),
            ("leased_until", Int),
            ("last_error", Text),
            ("created_at", Int),
            ("updated_at", Int),
            ("finished_at", Int),
        ],
        except: "",
    },
    Table {
        name: "folder_locks",
        key: &["path"],
        columns: &[("path", Text), ("job_id", Text)],
        except: "",
    },
    Table {
        name: "webhook_deliveries",
        key: &["id"],
        columns: &[
            ("id", Text),
            ("webhook_id", Text),
            ("url", Text),
            ("event_id", Text),
            ("event_type", Text),
            ("body", Text),
            ("attempts", Int),
            ("run_at", Int),
            ("lease_owner", Text),
            ("leased_until", Int),
            ("last_status", Int),
            ("last_error", Text),
            ("created_at", Int),
            ("delivered_at", Int),
            ("given_up_at", Int),
            ("host", Text),
        ],
        except: "",
    },
    Table {
        name: "spent_tokens",
        key: &["digest"],
        columns: &[("digest", Text), ("expires_at", Int)],
        except: "",
    },
];

/// Tables that are not copied row by row: the target's own state, and events, which get new numbers there.
#[cfg(test)]
const OTHERWISE: &[&str] = &["library_state", "outbox"];

/// Rows in one transaction of the target.
const PAGE: i64 = 500;
/// Blobs copied at a time.
const BLOBS_AT_ONCE: usize = 8;
/// In `library_state`: says that the target is that of a copy.
const MARK: &str = "copy";
/// A condition on `blobs b`: a version or the trash names it.
const NEEDED: &str = "(EXISTS (SELECT 1 FROM versions v WHERE v.blob = b.sha256)
    OR EXISTS (SELECT 1 FROM trash_blobs t WHERE t.blob = b.sha256))";

impl Library {
    /// Copies everything into `target`, which must be new, or the target of an earlier attempt. Nothing may change the
    /// source meanwhile: stop its server first. Blobs go before the rows that name them, so a copy that was cut short
    /// is a smaller library and not a broken one.
    pub async fn copy_into(
        &self,
        target: &Library,
        mut progress: impl FnMut(CopyProgress) + Send,
    ) -> Result<(), CopyError> {
        target.begin_copy().await?;
        let mut state = CopyProgress::default();
        for table in TABLES {
            state.rows_total += table.rows(self.database().reader()).await?;
        }
        let blobs: i64 = query(format!("SELECT COUNT(*) FROM blobs b WHERE {NEEDED}"))
            .scalar(self.database().reader())
            .await?;
        state.blobs_total = u64::try_from(blobs).unwrap_or(0);
        progress(state);
        self.copy_blobs(target, &mut state, &mut progress).await?;
        for table in TABLES {
            self.copy_table(target, table, &mut state, &mut progress).await?;
        }
        self.finish_copy(target).await
    }

    /// What may be written once only, because nothing tells it from what an earlier attempt brought, goes with the end.
    async fn finish_copy(&self, target: &Library) -> Result<(), CopyError> {
        let mut tx = target.database().begin().await?;
        let mut last = 0_i64;
        loop {
            let rows = query(
                "SELECT id, kind, file_id, body, created_at FROM outbox WHERE id > $1 AND delivered_at IS NULL
                 ORDER BY id LIMIT $2",
            )
            .bind(last)
            .bind(PAGE)
            .fetch_all(self.database().reader())
            .await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                last = row.try_get("id")?;
                query("INSERT INTO outbox (kind, file_id, body, created_at) VALUES ($1, $2, $3, $4)")
                    .bind(row.try_get::<String, _>("kind")?)
                    .bind(row.try_get::<String, _>("file_id")?)
                    .bind(row.try_get::<String, _>("body")?)
                    .bind(row.try_get::<i64, _>("created_at")?)
                    .execute(&mut tx)
                    .await?;
            }
        }
        // The index was copied as far as it was built.
        let indexed: Option<String> = query("SELECT value FROM library_state WHERE key = $1")
            .bind(index::BUILT)
            .scalar_optional(self.database().reader())
            .await?;
        if let Some(indexed) = indexed {
            query(
                "INSERT INTO library_state (key, value) VALUES ($1, $2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(index::BUILT)
            .bind(indexed)
            .execute(&mut tx)
            .await?;
        }
        query("DELETE FROM library_state WHERE key = $1")
            .bind(MARK)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn begin_copy(&self) -> Result<(), CopyError> {
        let mut tx = self.database().begin().await?;
        let begun: Option<String> = query("SELECT value FROM library_state WHERE key = $1")
            .bind(MARK)
            .scalar_optional(&mut tx)
            .await?;
        if begun.is_none() {
            // A server that was started here once has counted its requests.
            for table in TABLES.iter().filter(|table| table.name != "usage_days") {
                if table.rows(&mut tx).await? > 0 {
                    return Err(CopyError::NotEmpty);
                }
            }
            query("INSERT INTO library_state (key, value) VALUES ($1, 'begun')")
                .bind(MARK)
                .execute(&mut tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn copy_blobs(
        &self,
        target: &Library,
        state: &mut CopyProgress,
        progress: &mut (impl FnMut(CopyProgress) + Send),
    ) -> Result<(), CopyError> {
        let mut last = String::new();
        loop {
            let rows = query(format!(
                "SELECT sha256, size FROM blobs b WHERE sha256 > $1 AND {NEEDED} ORDER BY sha256 LIMIT $2"
            ))
            .bind(&last)
            .bind(PAGE)
            .fetch_all(self.database().reader())
            .await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut blobs = Vec::with_capacity(rows.len());
            for row in &rows {
                last = row.try_get("sha256")?;
                let id: BlobId = last
                    .parse()
                    .map_err(|error: crate::id::IdError| StoreError::unreadable("blobs.sha256", error))?;
                blobs.push((id, u64::try_from(row.try_get::<i64, _>("size")?).unwrap_or(0)));
            }
            let mut copies = futures::stream::iter(blobs)
                .map(|(id, size)| self.copy_blob(target, id, size))
                .buffer_unordered(BLOBS_AT_ONCE);
            while let Some(sent) = copies.next().await {
                state.bytes += sent?;
                state.blobs += 1;
                progress(*state);
            }
        }
    }

    /// How many bytes were sent: none where the target has the blob.
    async fn copy_blob(&self, target: &Library, id: BlobId, size: u64) -> Result<u64, CopyError> {
        if target.blobs().holds(&id, size).await.map_err(CopyError::Target)? {
            return Ok(0);
        }
        let mut writer = target.stage(u64::MAX).await.map_err(CopyError::Target)?;
        let mut pieces = self.blob(&id).read_range(0..size).await.map_err(CopyError::Source)?;
        while let Some(piece) = pieces.next().await {
            writer
                .write(&piece.map_err(CopyError::Source)?)
                .await
                .map_err(CopyError::Target)?;
        }
        let staged = writer.finish().await.map_err(CopyError::Target)?;
        if staged.id() != id {
            return Err(CopyError::Source(BlobError::Damaged(id)));
        }
        staged.promote(target.blobs()).await.map_err(CopyError::Target)?;
        Ok(size)
    }

    async fn copy_table(
        &self,
        target: &Library,
        table: &Table,
        state: &mut CopyProgress,
        progress: &mut (impl FnMut(CopyProgress) + Send),
    ) -> Result<(), CopyError> {
        let mut last: Option<Vec<Value>> = None;
        loop {
            let rows = table.page(last.as_deref()).fetch_all(self.database().reader()).await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = Some(table.values(end, table.key)?);
            let mut tx = target.database().begin().await?;
            for row in &rows {
                table.insert(&mut tx, row).await?;
            }
            tx.commit().await?;
            state.rows += rows.len() as u64;
            progress(*state);
        }
    }
}

impl Table {
    /// How many rows there are to copy.
    async fn rows<'a>(&self, on: impl Into<On<'a>>) -> Result<u64, sqlx::Error> {
        let count: i64 = query(format!("SELECT COUNT(*) FROM {}{}", self.name, self.filter(&[])))
            .scalar(on)
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn filter(&self, more: &[String]) -> String {
        let conditions: Vec<&str> = Some(self.except)
            .filter(|except| !except.is_empty())
            .into_iter()
            .chain(more.iter().map(String::as_str))
            .collect();
        if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        }
    }

    /// The rows behind those whose key was read last.
    fn page(&self, last: Option<&[Value]>) -> crate::database::Query {
        let columns: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let keys = self.key.join(", ");
        let mut sql = Sql::new(format!("SELECT {} FROM {}", columns.join(", "), self.name));
        match last {
            None => {
                sql.push(self.filter(&[]));
            }
            Some(values) => {
                sql.push(self.filter(&[format!("({keys}) > (")]));
                sql.push_list(values.iter().cloned()).push(")");
            }
        }
        sql.push(format!(" ORDER BY {keys} LIMIT ")).push_bind(PAGE);
        sql.build()
    }

    fn values(&self, row: &Row, columns: &[&'static str]) -> Result<Vec<Value>, sqlx::Error> {
        columns
            .iter()
            .filter_map(|wanted| self.columns.iter().find(|(name, _)| name == wanted))
            .map(|&(name, kind)| {
                Ok(match kind {
                    Text => Value::Text(row.try_get(name)?),
                    Int => Value::Int(row.try_get(name)?),
                    Real => Value::Real(row.try_get(name)?),
                    Bool => Value::Bool(row.try_get(name)?),
                })
            })
            .collect()
    }

    /// A row that an earlier attempt brought stays.
    async fn insert(&self, tx: &mut Transaction, row: &Row) -> Result<(), sqlx::Error> {
        let columns: Vec<&'static str> = self.columns.iter().map(|(name, _)| *name).collect();
        let mut sql = Sql::new(format!("INSERT INTO {} ({}) VALUES (", self.name, columns.join(", ")));
        sql.push_list(self.values(row, &columns)?)
            .push(") ON CONFLICT DO NOTHING");
        sql.build().execute(tx).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column that somebody adds must not be forgotten here.
    #[tokio::test]
    async fn every_column_of_every_table_is_copied() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = Library::for_testing(directory.path()).await;
        let reader = library.database().reader();
        let mut tables: Vec<String> = query(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_sqlx%'",
        )
        .scalars(reader)
        .await
        .expect("tables");
        tables.retain(|name| !OTHERWISE.contains(&name.as_str()));
        tables.sort_unstable();
        let mut copied: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        copied.sort_unstable();
        assert_eq!(tables, copied);
        for table in TABLES {
            let rows = query(format!(
                "SELECT name, type FROM pragma_table_info('{}') ORDER BY name",
                table.name
            ))
            .fetch_all(reader)
            .await
            .expect("columns");
            let there: Vec<(String, Kind)> = rows
                .iter()
                .map(|row| {
                    let kind: String = row.try_get("type").expect("a type");
                    let kind = match kind.as_str() {
                        "TEXT" => Text,
                        "BOOLEAN" => Bool,
                        "DOUBLE PRECISION" => Real,
                        _ => Int,
                    };
                    (row.try_get("name").expect("a name"), kind)
                })
                .collect();
            let mut listed: Vec<(String, Kind)> = table
                .columns
                .iter()
                .map(|&(name, kind)| (name.to_owned(), kind))
                .collect();
            listed.sort_by(|(a, _), (b, _)| a.cmp(b));
            assert_eq!(there, listed, "{}", table.name);
        }
    }
}
