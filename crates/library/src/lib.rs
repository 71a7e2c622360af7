//! The facts of a media library: files, their versions, folders, and the bytes behind them.
//!
//! Facts live in an SQL database, bytes in a blob store. Everything starts at [`Library::open`], which gives a
//! handle that is cheap to clone. The crate knows neither HTTP nor codecs: what a picture is arrives as
//! [`MediaFacts`], what a failure means leaves as a [`Code`].
//!
//! An upload has two halves. [`Library::stage`] takes the bytes into a temporary file while hashing them;
//! [`Library::upload`] makes them a version of a file in one transaction. Until then nothing is listed or served, and
//! dropping the staged blob leaves no trace.

mod account;
mod asset;
mod blob;
mod change;
mod check;
pub mod checks;
mod claims;
mod columns;
mod copy;
mod copy_library;
mod database;
mod delete;
mod delete_folder;
mod edit;
mod enrich;
mod error;
pub mod expression;
mod folder;
mod folder_jobs;
mod follow_up;
mod garbage;
mod id;
mod index;
mod jobs;
mod library;
mod list;
mod locks;
mod lookup;
mod name;
mod outbox;
mod pieces;
mod purges;
mod race;
mod relocate;
mod restore;
pub mod search;
mod settings;
mod similar;
mod stage;
mod tags;
mod timestamp;
mod token;
mod trash;
mod upload;
mod webhooks;

pub use account::{
    Account, AccountError, ApiKey, CustomMetadata, CustomMetadataField, DEFAULT_ENDPOINT, ExtensionChange, FieldChange,
    FieldErrors, FieldId, FieldType, KeyChange, NamedTransformation, NewApiKey, NewOrigin, NewUrlEndpoint, Origin,
    SavedExtension, Schema, TransformationChange, UrlEndpoint, Usage, UsageCount, UsageRow, ValuesMode, date_millis,
};
pub use asset::{AiTag, Asset, FileType, Location, MediaFacts, Version};
pub use blob::{Blob, BlobError, BlobId, DERIVED};
pub use change::ChangeError;
pub use check::{CheckError, CheckProgress, Finding};
pub use claims::{Claim, Claimed};
pub use copy_library::{CopyError, CopyProgress};
pub use database::{Migration, MigrationState};
pub use delete_folder::DELETE_FOLDER_JOB;
pub use edit::{AiTagRemoval, FileEdit, TagChange, TagsChanged};
pub use enrich::{EnrichError, Enrichment, SourceTags};
pub use error::{Code, StoreError};
pub use folder::Folder;
pub use folder_jobs::{FolderJob, FolderJobError, RenamePurge};
pub use follow_up::FollowUp;
pub use garbage::{Garbage, GarbageError};
pub use id::{DeliveryId, FileId, FolderId, IdError, JobId, PurgeId, TrashId, VersionId, WebhookId};
pub use jobs::{Ending, FAILURES_KEPT, ItemFailure, Job, JobError, JobState, Lease, NewJob, Progress, Step};
pub use library::{Counts, HealthError, Library, OpenError, migrate, migrations};
pub use list::{Cursor, CursorError, Entry, EntryKind, ListError, ListQuery, Page, Sort, SortKey, Total};
pub use name::{FileName, FolderPath, NameError};
pub use outbox::{Event, EventKind, Subject};
pub use pieces::file_pieces;
pub use purges::{PURGE_JOB, Purge, PurgeError, PurgeOrder};
pub use settings::{BlobUrl, DatabaseUrl, Limits, PostgresUrl, RemoteUrl, Settings, UrlError};
pub use similar::{MAX_DISTANCE, Similar};
pub use stage::{BlobWriter, StagedBlob};
pub use tags::{Tags, TagsError};
pub use timestamp::{Timestamp, TimestampError};
pub use trash::{TrashFilter, Trashed};
pub use upload::{NewFile, UploadError};
pub use webhooks::{
    ACCOUNT_WEBHOOKS, Attempt, Busy, Callback, Delivery, HandedOver, Message, Sending, WEBHOOKS, WantedEvents, Webhook,
    WebhookError,
};
