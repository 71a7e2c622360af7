//! Statements with their values, the same for both databases.

use std::borrow::Cow;
use std::fmt::Write as _;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe};
use tracing::{Instrument as _, Span};

use super::connection::On;
use super::row::{Column, Row};

/// A value to bind. An absent one keeps its type, because PostgreSQL asks for it.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bool(Option<bool>),
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
}

macro_rules! values {
    ($($variant:ident of $($type:ty => $convert:expr),+);+ $(;)?) => {$($(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )+)+};
}

values! {
    Bool of bool => |value| value;
    Int of i64 => |value| value, u32 => i64::from, u8 => i64::from;
    Real of f64 => |value| value;
    Text of String => |value| value, &str => str::to_owned, &String => String::clone;
}

/// Numbers values while it writes: `$1`, `$2`. Only words of this crate become SQL; what a caller gave is bound.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            values: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.text.push_str(text.as_ref());
        self
    }

    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        // Writing into a string cannot fail.
        let _ = write!(self.text, "${}", self.values.len());
        self
    }

    /// `$1, $2, $3`
    pub(crate) fn push_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.push_bind(value);
        }
        self
    }

    /// The text so far.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn build(self) -> Query {
        Query {
            text: Cow::Owned(self.text),
            values: self.values,
        }
    }
}

/// The span of a statement in traces: what kind of statement it is, and neither its text nor its values.
pub(super) fn span(statement: &str) -> Span {
    // Looked at only where somebody listens.
    let operation = || statement.split_ascii_whitespace().next().unwrap_or_default();
    tracing::debug_span!(target: "tintype::trace", "database", db.operation.name = operation())
}

/// A statement that is ready to be carried out.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// A statement; its values are bound in the order of `$1`, `$2`.
pub(crate) fn query(text: impl Into<Cow<'static, str>>) -> Query {
    Query {
        text: text.into(),
        values: Vec::new(),
    }
}

impl Query {
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Carries it out; how many rows it touched.
    pub(crate) async fn execute<'a>(self, on: impl Into<On<'a>>) -> Result<u64, sqlx::Error> {
        let span = span(&self.text);
        self.executed(on.into()).instrument(span).await
    }

    async fn executed(self, on: On<'_>) -> Result<u64, sqlx::Error> {
        match on {
            On::Sqlite(connection) => sqlite_query(self)?
                .execute(connection)
                .await
                .map(|done| done.rows_affected()),
            On::SqlitePool(pool) => sqlite_query(self)?.execute(pool).await.map(|done| done.rows_affected()),
            On::Postgres(connection) => postgres_query(self)?
                .execute(connection)
                .await
                .map(|done| done.rows_affected()),
            On::PostgresPool(pool) => postgres_query(self)?
                .execute(pool)
                .await
                .map(|done| done.rows_affected()),
        }
    }

    pub(crate) async fn fetch_optional<'a>(self, on: impl Into<On<'a>>) -> Result<Option<Row>, sqlx::Error> {
        let span = span(&self.text);
        self.fetched_optional(on.into()).instrument(span).await
    }

    async fn fetched_optional(self, on: On<'_>) -> Result<Option<Row>, sqlx::Error> {
        Ok(match on {
            On::Sqlite(connection) => sqlite_query(self)?.fetch_optional(connection).await?.map(Row::Sqlite),
            On::SqlitePool(pool) => sqlite_query(self)?.fetch_optional(pool).await?.map(Row::Sqlite),
            On::Postgres(connection) => postgres_query(self)?
                .fetch_optional(connection)
                .await?
                .map(Row::Postgres),
            On::PostgresPool(pool) => postgres_query(self)?.fetch_optional(pool).await?.map(Row::Postgres),
        })
    }

    pub(crate) async fn fetch_one<'a>(self, on: impl Into<On<'a>>) -> Result<Row, sqlx::Error> {
        self.fetch_optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }

    pub(crate) async fn fetch_all<'a>(self, on: impl Into<On<'a>>) -> Result<Vec<Row>, sqlx::Error> {
        let span = span(&self.text);
        self.fetched_all(on.into()).instrument(span).await
    }

    async fn fetched_all(self, on: On<'_>) -> Result<Vec<Row>, sqlx::Error> {
        fn rows<R>(rows: Vec<R>, wrap: fn(R) -> Row) -> Vec<Row> {
            rows.into_iter().map(wrap).collect()
        }
        Ok(match on {
            On::Sqlite(connection) => rows(sqlite_query(self)?.fetch_all(connection).await?, Row::Sqlite),
            On::SqlitePool(pool) => rows(sqlite_query(self)?.fetch_all(pool).await?, Row::Sqlite),
            On::Postgres(connection) => rows(postgres_query(self)?.fetch_all(connection).await?, Row::Postgres),
            On::PostgresPool(pool) => rows(postgres_query(self)?.fetch_all(pool).await?, Row::Postgres),
        })
    }

    /// The first column of every row.
    pub(crate) async fn scalars<'a, T>(self, on: impl Into<On<'a>>) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> Column<'r>,
    {
        self.fetch_all(on).await?.iter().map(|row| row.try_get(0)).collect()
    }

    /// The first column of the row, if there is one.
    pub(crate) async fn scalar_optional<'a, T>(self, on: impl Into<On<'a>>) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> Column<'r>,
    {
        self.fetch_optional(on).await?.map(|row| row.try_get(0)).transpose()
    }

    /// The first column of the row that there must be.
    pub(crate) async fn scalar<'a, T>(self, on: impl Into<On<'a>>) -> Result<T, sqlx::Error>
    where
        T: for<'r> Column<'r>,
    {
        self.fetch_one(on).await?.try_get(0)
    }
}

type SqliteQuery = sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments>;
type PostgresQuery = sqlx::query::Query<'static, sqlx::Postgres, PgArguments>;

fn sqlite_query(query: Query) -> Result<SqliteQuery, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    for value in query.values {
        match value {
            Value::Bool(value) => arguments.add(value),
            Value::Int(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(sqlx::query_with(AssertSqlSafe(query.text.into_owned()), arguments))
}

fn postgres_query(query: Query) -> Result<PostgresQuery, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for value in query.values {
        match value {
            Value::Bool(value) => arguments.add(value),
            Value::Int(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(sqlx::query_with(AssertSqlSafe(query.text.into_owned()), arguments))
}
