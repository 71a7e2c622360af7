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
    /// A stored file, as it is.
    Stored(Box<Asset>),
    /// What a transformation makes of one: the whole file.
    Rendition(Bytes),
}

/// The caller has the account's private key, so that no signature is asked for. Without a transformation the stored file is
/// meant, whatever a browser would get in its place.
pub(crate) async fn subject(shared: &Arc<Shared>, target: &str, now_unix: u64) -> Result<Subject, DeliveryError> {
    let account = shared.sources.account().await?;
    let (path, endpoint) = asked::endpoint(target, &shared.settings.endpoint, &account);
    let asked = Asked::read(target, &shared.settings, &account, &path)?;
    let found = answer::find(shared, &asked, &account, endpoint, None).await?;
    if asked.transformation.is_empty() && !asked.still {
        return Ok(Subject::Stored(Box::new(found.asset)));
    }
    let request = Request {
        target,
        now_unix,
        ..Request::default()
    };
    let context = answer::context(&request, &asked, &shared.settings);
    let right = Right::Signed { expires: None };
    match work::decide(shared, &asked, &found.asset, right, &context, &|_| false).await? {
        Work::Rendition(job) => Ok(Subject::Rendition(work::rendition(shared, *job).await?.0.bytes)),
        Work::Stored { .. } => Ok(Subject::Stored(Box::new(found.asset))),
        // A client that tries again in a moment gets it.
        Work::Preparing | Work::Known(_) => Err(DeliveryError::Overloaded { retry_after_s: 5 }),
    }
}
