//! What reading costs at the least: the same HTTP server and the same database driver, one `SELECT`, no more.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use bench::BenchError;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{Row as _, SqlitePool};

const COLUMNS: &str = "file_id, name, size, mime, width, height, tags, custom_metadata, created_at, updated_at";

/// Serves `/file/{id}` and `/list` over a library's SQLite file until it is killed.
pub fn serve(arguments: &[String]) -> Result<(), BenchError> {
    let [database, port] = arguments else {
        return Err(crate::USAGE.into());
    };
    let port: u16 = port.parse()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let options = SqliteConnectOptions::new().filename(database).read_only(true);
            let pool = SqlitePoolOptions::new()
                .max_connections(8)
                .connect_with(options)
                .await?;
            let routes = Router::new()
                .route("/file/{id}", get(file))
                .route("/list", get(list))
                .with_state(Arc::new(pool));
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
            Ok(axum::serve(listener, routes).await?)
        })
}

async fn file(State(pool): State<Arc<SqlitePool>>, Path(id): Path<String>) -> Result<axum::Json<Value>, StatusCode> {
    const ONE: &str = "SELECT file_id, name, size, mime, width, height, tags, custom_metadata, created_at, updated_at \
                       FROM versions WHERE file_id = ? AND is_current";
    let row = sqlx::query(ONE).bind(id).fetch_one(&*pool).await;
    row.map(|row| axum::Json(object(&row)))
        .map_err(|_| StatusCode::NOT_FOUND)
}

async fn list(State(pool): State<Arc<SqlitePool>>) -> Result<axum::Json<Value>, StatusCode> {
    const MANY: &str = "SELECT file_id, name, size, mime, width, height, tags, custom_metadata, created_at, updated_at \
                        FROM versions WHERE is_current ORDER BY created_at DESC, id DESC LIMIT 100";
    let rows = sqlx::query(MANY).fetch_all(&*pool).await;
    let rows = rows.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(axum::Json(rows.iter().map(object).collect()))
}

fn object(row: &SqliteRow) -> Value {
    let object = COLUMNS.split(", ").enumerate().map(|(at, name)| {
        let value = row
            .try_get::<String, _>(at)
            .map(Value::from)
            .or_else(|_| row.try_get::<i64, _>(at).map(Value::from));
        (name.to_owned(), value.unwrap_or(json!(null)))
    });
    Value::Object(object.collect())
}
