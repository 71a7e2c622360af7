//! What a failure means to the one who asked, and the error that every reader of the database shares.

/// What a client can do about a failure. Few on purpose: one place outside maps them to status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The thing asked for is not there.
    NotFound,
    /// The request is well formed, but the present state forbids it.
    Conflict,
    /// The request itself is wrong.
    Invalid,
    /// A job works on it; it passes.
    Locked,
    /// More bytes than allowed.
    TooLarge,
    /// The disk or the database is full; nothing was changed.
    StorageFull,
    /// Our fault: the text is for the log.
    Internal,
}

/// The database failed or holds something that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database has no room left.
    #[error("the database has no room left")]
    Full(#[source] sqlx::Error),
    /// Any other failure of the database.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// A stored value that breaks its own rule.
    #[error("the database holds a `{column}` that cannot be read")]
    Unreadable {
        /// Where it stands.
        column: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::Full(_) => Code::StorageFull,
            Self::Database(_) | Self::Unreadable { .. } => Code::Internal,
        }
    }

    pub(crate) fn unreadable(
        column: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unreadable {
            column,
            source: source.into(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if crate::database::is_full(&error) {
            Self::Full(error)
        } else {
            Self::Database(error)
        }
    }
}
