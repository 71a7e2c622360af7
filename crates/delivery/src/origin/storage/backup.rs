//! Cloudinary's backup in a bucket. There a file is a folder of its versions: `photos/cat.jpg` is `photos/cat/<version>.jpg`, and what has no format, `docs/a.zip`,
//! is `docs/a.zip/<version>`, perhaps with an extension
//! (<https://support.cloudinary.com/hc/en-us/articles/213994945>).

use std::time::Duration;

use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::{PATIENCE, refused, unreachable};
use crate::DeliveryError;

/// Objects that are looked at. Versions of one file are few; beside them lies what is stored below a folder of the same name, mostly behind them in the
/// alphabet.
const LISTED: usize = 1000;

/// The newest version of the file at a path.
pub(super) async fn newest(bucket: &dyn ObjectStore, at: &Path) -> Result<Option<Path>, DeliveryError> {
    let name = at.filename().unwrap_or_default();
    if let Some((stem, extension)) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
        let mut folder: Vec<_> = at.parts().collect();
        folder.pop();
        let folder = folder.into_iter().chain([stem.into()]).collect();
        let is_version = |name: &str| name.rsplit_once('.').is_some_and(|(_, found)| found == extension);
        if let Some(found) = newest_in(bucket, &folder, is_version).await? {
            return Ok(Some(found));
        }
    }
    newest_in(bucket, at, |_| true).await
}

async fn newest_in(
    bucket: &dyn ObjectStore,
    folder: &Path,
    is_version: impl Fn(&str) -> bool,
) -> Result<Option<Path>, DeliveryError> {
    let listing = async {
        let mut newest: Option<ObjectMeta> = None;
        let mut listed = bucket.list(Some(folder)).take(LISTED);
        while let Some(found) = listed.next().await {
            let found = found?;
            let is_here = found.location.parts_count() == folder.parts_count() + 1;
            let fits = is_here && found.location.filename().is_some_and(&is_version);
            if fits && newest.as_ref().is_none_or(|newest| age(newest) < age(&found)) {
                newest = Some(found);
            }
        }
        object_store::Result::Ok(newest)
    };
    // A question or two more than a plain bucket takes.
    match tokio::time::timeout(PATIENCE + Duration::from_secs(5), listing).await {
        Ok(Ok(newest)) => Ok(newest.map(|found| found.location)),
        Ok(Err(object_store::Error::NotFound { .. })) => Ok(None),
        Ok(Err(error)) => Err(refused(error)),
        Err(_elapsed) => Err(unreachable("the bucket did not answer in time")),
    }
}

/// By the number of the version, where it is one, and else by when it was written.
fn age(object: &ObjectMeta) -> (u64, i64) {
    let name = object.location.filename().unwrap_or_default();
    let version = name.split('.').next().unwrap_or_default();
    let number = version.trim_start_matches('v').parse().unwrap_or_default();
    (number, object.last_modified.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn files_are_folders_of_their_versions() {
        let bucket = InMemory::new();
        for key in [
            "res/demo/image/upload/photos/cat/999.jpg",
            "res/demo/image/upload/photos/cat/1000.jpg",
            "res/demo/image/upload/photos/cat/2000.png",
            "res/demo/image/upload/photos/cat/kittens/3000.jpg",
            "res/demo/image/upload/photos/named/b.jpg",
            "res/demo/image/upload/photos/named/a.jpg",
            "res/demo/raw/upload/docs/a.zip/v12.zip",
            "res/demo/raw/upload/docs/a.zip/v9.zip",
            "res/demo/raw/upload/docs/plain/7",
        ] {
            bucket.put(&key.into(), "x".into()).await.unwrap();
        }
        for (asked, expected) in [
            ("image/upload/photos/cat.jpg", Some("image/upload/photos/cat/1000.jpg")),
            ("image/upload/photos/cat.png", Some("image/upload/photos/cat/2000.png")),
            ("image/upload/photos/cat.webp", None),
            ("image/upload/photos/named.jpg", Some("image/upload/photos/named/a.jpg")),
            ("raw/upload/docs/a.zip", Some("raw/upload/docs/a.zip/v12.zip")),
            ("raw/upload/docs/plain", Some("raw/upload/docs/plain/7")),
            ("image/upload/photos", None),
            ("image/upload/.jpg", None),
            ("none.jpg", None),
        ] {
            let found = newest(&bucket, &Path::from(format!("res/demo/{asked}"))).await.unwrap();
            let expected = expected.map(|expected| format!("res/demo/{expected}"));
            assert_eq!(found.map(|found| found.to_string()), expected, "{asked}");
        }
    }
}
