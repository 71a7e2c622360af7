//! The way of a request, as a list.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use library::{Account, Asset, UrlEndpoint};
use transform::{Attachment, Context, Format, Transformation};

use crate::access::{self, Right};
use crate::active::{content_security_policy, is_to_save};
use crate::asked::{self, Asked};
use crate::cache::{Key, Rendition};
use crate::conditional::{Validators, hasty};
use crate::decisions::{Decision, Decisions, Description, Moment, Original, What};
use crate::policy::Lifetime;
use crate::range::{self, Wanted};
use crate::work::{self, Work};
use crate::{
    Answer, Body, CachePolicy, DeliveryError, Kind, Recalled, Request, ServedFrom, Settings, Shared, Subject,
    disposition, negotiate, origin, tags,
};

pub(crate) async fn answer(shared: &Arc<Shared>, request: &Request<'_>) -> Result<Answer, DeliveryError> {
    // Before a decision is looked for: none knows who asks.
    if let Some(visitor) = &request.visitor {
        shared.settings.restrictions.admit(visitor)?;
    }
    let account = shared.sources.account().await?;
    let moment = shared.decisions.now(&shared.sources, &account);
    let name = Decisions::name(request);
    if let Some(decision) = shared.decisions.find(name.as_deref(), &moment)
        && let Some(answer) = again(shared, request, &decision).await?
    {
        return Ok(answer);
    }
    // In a place of its own: what an answer from memory has to carry about is then small.
    Box::pin(anew(shared, request, account, moment, name)).await
}

/// What [`answer`] would give, if it takes no waiting: it was decided a moment ago, and the client has it or its bytes are in memory.
pub(crate) fn recall(shared: &Shared, request: &Request<'_>) -> Option<Recalled> {
    if request.head || request.range.is_some() {
        return None;
    }
    if let Some(visitor) = &request.visitor {
        shared.settings.restrictions.admit(visitor).ok()?;
    }
    let account = shared.sources.account_at_hand()?;
    let moment = shared.decisions.now(&shared.sources, &account);
    let decision = shared.decisions.find(Decisions::name(request).as_deref(), &moment)?;
    let validators = decision.description.validators();
    let bytes = if validators.match_cached(request.if_none_match, request.if_modified_since) {
        None
    } else {
        let What::Rendition { key, of } = &decision.what else {
            return None;
        };
        let bytes = work::in_memory(shared, key, of)?;
        let length = bytes.len() as u64;
        shared.counters.saved.add(decision.original.size.saturating_sub(length));
        shared.counters.bytes.add(length);
        Some(bytes)
    };
    Some(Recalled { decision, bytes })
}

/// By all that has to be decided.
async fn anew(
    shared: &Arc<Shared>,
    request: &Request<'_>,
    account: Arc<Account>,
    moment: Moment,
    name: Option<String>,
) -> Result<Answer, DeliveryError> {
    let restrictions = &shared.settings.restrictions;
    let (path, endpoint) = asked::endpoint(request.target, &shared.settings.endpoint, &account);
    let mut asked = Asked::read(request.target, &shared.settings, &account, &path, endpoint)?;
    let right = access::right(request, &shared.settings, &account, &path)?;
    asked.keep_svg_clean(right);
    restrictions.check(&asked, right)?;
    let found = find(shared, &asked, &account, endpoint, request.host, right).await?;
    restrictions.check_kind(&asked, right, &found.asset.version.media.mime)?;
    access::check(&found.asset, right, asked.only_named)?;
    let context = context(request, &asked, &shared.settings);
    let known = |key: &Key| request.if_none_match.is_some_and(|known| known.contains(&etag(&key.0)));
    let mut work = work::decide(shared, &asked, &found.asset, &found.path, right, &context, &known).await?;
    if let Work::Rendition(job) = work {
        // Who has the better format already need not wait for it.
        work = if known(&job.key) {
            Work::Rendition(job)
        } else {
            work::in_time(shared, &asked, &found.asset, &found.path, right, &context, job).await?
        };
    }
    access::check_untouched(&found.asset, right, &work)?;
    if matches!(work, Work::Preparing) {
        return Ok(Answer::preparing(request.head));
    }
    let mut answer = describe(shared, asked, &found, right, &work, &context, request.now_unix);
    if shared.settings.tags && !matches!(answer.cache, CachePolicy::Private { .. }) {
        answer.tags = tags::of_asset(&shared.settings.endpoint, &found.asset);
    }
    let what = What::of(&work).filter(|_| right == Right::Anybody && !found.is_foreign && !found.stands_in);
    let decided = what.map(|what| (Description::of(&answer), what));
    let original = Original::of(&found.asset.version);
    let answer = if is_known(request, &answer) {
        Answer {
            kind: Kind::NotModified,
            ..answer
        }
    } else {
        let content = match work {
            Work::Stored { .. } => Content::Stored,
            Work::Rendition(job) => {
                let (rendition, from) = work::rendition(shared, *job).await?;
                Content::Made(rendition, from)
            }
            // Both have been answered.
            Work::Known { .. } | Work::Preparing => Content::None,
        };
        with_bytes(shared, request, answer, content, original).await?
    };
    if let Some(decided) = decided {
        shared.decisions.keep(name, moment, decided, original);
    }
    Ok(answer)
}

/// By what was decided a moment ago; none if the rendition is not there any more.
async fn again(
    shared: &Arc<Shared>,
    request: &Request<'_>,
    decision: &Decision,
) -> Result<Option<Answer>, DeliveryError> {
    let answer = decision.description.answer();
    if is_known(request, &answer) {
        return Ok(Some(Answer {
            kind: Kind::NotModified,
            ..answer
        }));
    }
    let content = match &decision.what {
        What::Stored => Content::Stored,
        What::Rendition { key, of } => match work::at_hand(shared, key, of).await {
            Some((rendition, from)) => Content::Made(rendition, from),
            None => return Ok(None),
        },
    };
    let answer = with_bytes(shared, request, answer, content, decision.original).await?;
    Ok(Some(answer))
}

/// True if the client has what the answer would bring.
fn is_known(request: &Request<'_>, answer: &Answer) -> bool {
    let known = Validators {
        etag: &answer.etag,
        last_modified: answer.last_modified,
    };
    known.match_cached(request.if_none_match, request.if_modified_since)
}

/// The file that is delivered.
pub(crate) struct Found {
    pub(crate) asset: Asset,
    /// By which purges know it.
    pub(crate) path: String,
    /// Only an origin has it.
    is_foreign: bool,
    /// It stands in for one that is missing.
    stands_in: bool,
    /// Where the original is, if that shall be said.
    canonical: Option<String>,
}

pub(crate) async fn find(
    shared: &Shared,
    asked: &Asked,
    account: &Account,
    endpoint: Option<&UrlEndpoint>,
    host: Option<&str>,
    right: Right,
) -> Result<Found, DeliveryError> {
    if let Some(url) = &asked.url {
        return proxied(shared, account, endpoint, url, right).await;
    }
    let elsewhere = endpoint.filter(|endpoint| !endpoint.origins.is_empty());
    let mut missing = DeliveryError::NotFound;
    let default = asked.transformation.default_image();
    for (path, stands_in) in [Some((asked.path.as_str(), false)), default.map(|path| (path, true))]
        .into_iter()
        .flatten()
    {
        let version = asked.version.as_deref().filter(|_| !stands_in);
        if let Some(asset) = shared.sources.find(path, version).await? {
            return Ok(Found {
                path: asset.path(),
                asset,
                is_foreign: false,
                stands_in,
                canonical: None,
            });
        }
        let Some(endpoint) = elsewhere.filter(|_| version.is_none()) else {
            continue;
        };
        let wanted = origin::Wanted::Path {
            path: path.trim_start_matches('/').to_owned(),
            query: if stands_in { String::new() } else { asked.query.clone() },
            host: host.map(str::to_owned),
        };
        match shared
            .sources
            .find_foreign(account, endpoint, &wanted, &shared.purges)
            .await
        {
            Ok(Some(foreign)) => return Ok(Found::foreign(foreign, stands_in)),
            Ok(None) => {}
            // What the file's own origins say counts, not what those say of what would stand in for it.
            Err(error @ DeliveryError::Overloaded { .. }) => return Err(error),
            Err(error) if !stands_in => missing = error,
            Err(_) => {}
        }
    }
    Err(missing)
}

/// A file by its URL. Only who has a key may make us fetch what is nobody's here.
async fn proxied(
    shared: &Shared,
    account: &Account,
    endpoint: Option<&UrlEndpoint>,
    url: &str,
    right: Right,
) -> Result<Found, DeliveryError> {
    let proxies = |endpoint: &&UrlEndpoint| account.origins_of(endpoint).any(|origin| origin.kind == "WEB_PROXY");
    let endpoint = endpoint.filter(proxies).ok_or(DeliveryError::Unavailable(
        "delivery of remote URLs without a web proxy as an origin",
    ))?;
    if right == Right::Anybody {
        return Err(DeliveryError::Unauthorised("a remote URL needs a signature"));
    }
    let wanted = origin::Wanted::Url(url.to_owned());
    let sources = &shared.sources;
    let foreign = sources.find_foreign(account, endpoint, &wanted, &shared.purges).await?;
    Ok(Found::foreign(foreign.ok_or(DeliveryError::NotFound)?, false))
}

impl Found {
    fn foreign(foreign: origin::Foreign, stands_in: bool) -> Self {
        Self {
            asset: foreign.asset,
            path: foreign.path,
            is_foreign: true,
            stands_in,
            canonical: foreign.canonical,
        }
    }

    /// The file, for somebody who does not want anything made of it.
    pub(crate) fn into_subject(self) -> Subject {
        let asset = Box::new(self.asset);
        if self.is_foreign {
            Subject::Foreign(asset)
        } else {
            Subject::Stored(asset)
        }
    }
}

pub(crate) fn context<'a>(request: &Request<'_>, asked: &Asked, settings: &'a Settings) -> Context<'a> {
    Context {
        accept: negotiate::accepted(request.accept),
        hints: negotiate::hints(request.width_hint, request.dpr_hint, request.save_data),
        settings: settings.output,
        limits: &settings.limits,
        still: asked.still,
    }
}

/// Everything about the answer but its bytes.
fn describe(
    shared: &Shared,
    asked: Asked,
    found: &Found,
    right: Right,
    work: &Work,
    context: &Context<'_>,
    now_unix: u64,
) -> Answer {
    let Found {
        asset,
        stands_in,
        canonical,
        ..
    } = found;
    let mut notices = asked.notices;
    let mut vary = Vec::new();
    let (content_type, etag, extension, ratio) = match work {
        Work::Stored { notice, negotiated } => {
            notices.extend(notice.clone());
            vary.extend(negotiated.then_some("Accept"));
            (
                sendable(&asset.version.media.mime),
                etag(asset.version.blob.as_bytes()),
                None,
                None,
            )
        }
        Work::Rendition(job) => {
            // Cleaned drawings are the same for everybody.
            if job.format != Format::Svg {
                vary_by_request(&asked.transformation, context, &mut vary);
            }
            notices.extend(job.notices.iter().cloned());
            (
                Cow::Borrowed(job.format.mime()),
                etag(&job.key.0),
                Some(job.format.extension()),
                job.content_dpr,
            )
        }
        // Neither says anything of the bytes.
        Work::Known { key, .. } => {
            vary_by_request(&asked.transformation, context, &mut vary);
            (Cow::Borrowed(""), etag(&key.0), None, None)
        }
        Work::Preparing => (Cow::Borrowed(""), String::new(), None, None),
    };
    let is_stored = matches!(work, Work::Stored { .. });
    let cleans = asked.clean_svg.unwrap_or(shared.settings.clean_svg);
    let attachment = asked
        .attachment
        .or_else(|| (is_stored && is_to_save(&content_type, cleans)).then(Attachment::default));
    let disposition = attachment.map(|attachment| {
        let name = disposition::file_name(attachment.filename.as_deref(), asset.name.as_str(), extension);
        disposition::attachment(&name)
    });
    let uploaded = u64::try_from(asset.version.uploaded_at.as_secs()).unwrap_or_default();
    Answer {
        kind: Kind::Full,
        content_security_policy: content_security_policy(&content_type),
        content_type,
        content_length: 0,
        etag,
        // The file that is missing may come with an older date than that of what stands in for it.
        last_modified: if *stands_in { now_unix } else { uploaded },
        cache: Lifetime {
            is_for_all: !shared.settings.restrictions.are_personal()
                && !((asset.is_private || work.is_of_private()) && right != Right::Anybody),
            is_brief: *stands_in || matches!(work, Work::Rendition(job) if job.stands_in),
            ends_in_s: match right {
                Right::Signed { expires } => expires.map(|expires| expires.saturating_sub(now_unix)),
                Right::Anybody => None,
            },
        }
        .policy(),
        tags: Vec::new(),
        vary,
        disposition,
        content_dpr: ratio.map(|ratio| format!("{ratio:.2}")),
        canonical: canonical.clone(),
        notices,
        origin: ServedFrom::Original,
        body: Body::Empty,
    }
}

fn vary_by_request(transformation: &Transformation, context: &Context<'_>, vary: &mut Vec<&'static str>) {
    vary.extend(transformation.depends_on_accept(&context.settings).then_some("Accept"));
    if transformation.depends_on_hints() {
        vary.extend(["Sec-CH-Width", "Sec-CH-DPR", "Width", "DPR"]);
    }
    vary.extend(context.settings.save_data.then_some("Save-Data"));
}

/// Half of a SHA-256 is more than enough to tell the states of one URL apart.
fn etag(digest: &[u8; 32]) -> String {
    format!("\"{}\"", hex::encode(digest.split_at(16).0))
}

/// A stored type that no header can carry is none.
fn sendable(mime: &str) -> Cow<'static, str> {
    if !mime.is_empty() && mime.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Cow::Owned(mime.to_owned())
    } else {
        Cow::Borrowed("application/octet-stream")
    }
}

/// The bytes that an answer is made of.
enum Content {
    /// Those of the stored file.
    Stored,
    Made(Rendition, ServedFrom),
    None,
}

async fn with_bytes(
    shared: &Arc<Shared>,
    request: &Request<'_>,
    mut answer: Answer,
    content: Content,
    original: Original,
) -> Result<Answer, DeliveryError> {
    let (total, at_hand) = match content {
        Content::Stored => (original.size, None),
        Content::Made(rendition, from) => {
            answer.origin = from;
            if !request.head {
                let saved = original.size.saturating_sub(rendition.bytes.len() as u64);
                shared.counters.saved.add(saved);
            }
            if rendition.hasty {
                answer.etag = hasty(&answer.etag);
            }
            (rendition.bytes.len() as u64, Some(rendition.bytes))
        }
        Content::None => (0, Some(Bytes::new())),
    };
    let known = Validators {
        etag: &answer.etag,
        last_modified: answer.last_modified,
    };
    let part = request
        .range
        .filter(|_| !request.head && known.match_partial(request.if_range));
    let bytes = match range::wanted(part, total) {
        Wanted::Whole => 0..total,
        Wanted::Part(range) => {
            answer.kind = Kind::Partial {
                range: range.clone(),
                total,
            };
            range
        }
        Wanted::Unsatisfiable => return Err(DeliveryError::RangeNotSatisfiable { total }),
    };
    answer.content_length = bytes.end - bytes.start;
    answer.body = match at_hand {
        _ if request.head || bytes.is_empty() => Body::Empty,
        Some(all) => Body::Bytes(all.slice(bytes.start as usize..bytes.end as usize)),
        None => Body::Stream(Box::pin(shared.sources.stream(original.blob, total, bytes)).await?),
    };
    Ok(answer)
}
