//! What a URL stands for, for those who want to know about the file and not to have it.

use std::sync::Arc;

use bytes::Bytes;
use library::Asset;

use crate::access::Right;
use crate::asked::{self, Asked};
use crate::work::{self, Work};
use crate::{DeliveryError, Request, Shared, answer};

/// What a URL stands for.
#[derive(Debug)]
pub enum Subject {
    /// A file of the library, as it is.
    Stored(Box<Asset>),
    /// A file that only an origin has, as it is. [`Delivery::original`](crate::Delivery::original) reads it.
    Foreign(Box<Asset>),
    /// What a transformation makes of one: the whole file.
    Rendition(Bytes),
}

/// The caller has the account's private key, so that no signature is asked for. Without a transformation the stored file is
/// meant, whatever a browser would get in its place.
pub(crate) async fn subject(shared: &Arc<Shared>, target: &str, now_unix: u64) -> Result<Subject, DeliveryError> {
    let account = shared.sources.account().await?;
    let (path, endpoint) = asked::endpoint(target, &shared.settings.endpoint, &account);
    let asked = Asked::read(target, &shared.settings, &account, &path, endpoint)?;
    let right = Right::Signed { expires: None };
    let found = answer::find(shared, &asked, &account, endpoint, None, right).await?;
    if asked.transformation.is_empty() && !asked.still {
        return Ok(found.into_subject());
    }
    let request = Request {
        target,
        now_unix,
        ..Request::default()
    };
    let context = answer::context(&request, &asked, &shared.settings);
    match work::decide(shared, &asked, &found.asset, &found.path, right, &context, &|_| false).await? {
        Work::Rendition(job) => Ok(Subject::Rendition(work::rendition(shared, *job).await?.0.bytes)),
        Work::Stored { .. } => Ok(found.into_subject()),
        // A client that tries again in a moment gets it.
        Work::Preparing | Work::Known { .. } => Err(DeliveryError::Overloaded { retry_after_s: 5 }),
    }
}
