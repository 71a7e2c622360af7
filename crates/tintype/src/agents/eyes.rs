//! Seeing: transformation URLs built and explained, assets as pictures of a bounded size, contact sheets. What is looked
//! at is first asked for by an action, so scopes, budgets and records hold for it as for every call.

mod difference;
mod estimate;

use std::collections::BTreeMap;

use agent::{Call, CallError, Effect, Grant, OWN, Options, Principal};
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::ServiceExt;
use transform::{AssetRequest, DeliveryUrl, Mode, Transformation};
use url::Url;

use super::{Agents, now};
use crate::clock::unix_now;

/// Longest side of a picture that is shown to a model.
pub const LONGEST_SIDE: u32 = 1024;
/// Shown unless another is asked for.
pub const USUAL_SIDE: u32 = 512;
/// Most files of a contact sheet: the layers that one transformation may have, with room for the sheet itself.
pub const MOST_TILES: usize = 16;
/// Largest picture that is put into an answer.
const LARGEST_PICTURE: usize = 2 << 20;
/// Largest picture that is only compared with another.
const LARGEST_COMPARED: usize = 8 << 20;
/// Longest side of pictures that are compared pixel by pixel.
const COMPARED_SIDE: u32 = 512;
/// By how much the proportions of two pictures may differ, through rounding, for pixels to be of the same thing.
const SAME_PROPORTIONS: f64 = 0.02;
/// For which a signed URL holds at most.
pub const LONGEST_SIGNATURE_S: u64 = 86_400;
/// How long our own look at a picture may take to begin.
const OWN_SIGNATURE_S: u64 = 300;
/// A tile, in pixels, and what is left between two.
const TILE: (usize, usize) = (240, 180);
const GAP: usize = 8;

/// A picture for a model.
pub struct Picture {
    /// In base64.
    pub data: String,
    /// Such as `image/jpeg`.
    pub media_type: String,
}

/// What a transformation changes.
pub struct Compared {
    /// The file as it is.
    pub before: Picture,
    /// The file under the transformation.
    pub after: Picture,
    /// The second, pale, with what differs in red; `None` where pixels can't be compared.
    pub difference: Option<Picture>,
}

/// Who looks.
pub struct Eyes<'a> {
    /// The agent side.
    pub agents: &'a Agents,
    /// In whose name.
    pub principal: &'a Principal,
    /// The program that speaks for them.
    pub client: Option<String>,
}

impl Eyes<'_> {
    /// A file of this server, as the principal may see it.
    async fn file(&self, id: &str) -> Result<Value, CallError> {
        let mut answer = self.read("get_file_details", json!({ "fileId": id })).await?;
        Ok(answer["asset"].take())
    }

    async fn read(&self, action: &str, input: Value) -> Result<Value, CallError> {
        let call = Call {
            action: action.to_owned(),
            input,
            file: None,
            principal: self.principal.clone(),
            at: now(),
            options: Options {
                // Pictures are made by this server.
                connection: Some(OWN.to_owned()),
                client: self.client.clone(),
                ..Options::default()
            },
        };
        Ok(self.agents.call(call).await?.data)
    }

    /// The URL of a file under a transformation; signed if `seconds` is given.
    pub async fn url(&self, file: &str, text: &str, seconds: Option<u64>) -> Result<Value, CallError> {
        let parsed = self.allowed(text)?;
        let grant = self.principal.grant.as_ref();
        if seconds.is_some() && grant.is_some_and(|grant| !grant.effects.contains(&Effect::Write)) {
            return Err(out_of_scope(
                "a signed URL works as a credential, and the token only reads",
            ));
        }
        let file = self.file(file).await?;
        let path = file["filePath"].as_str().unwrap_or_default();
        let url = DeliveryUrl::new(self.agents.own().endpoint(), path).transformation(text);
        let expires = seconds.map(|seconds| unix_now().saturating_add(seconds.clamp(1, LONGEST_SIGNATURE_S)));
        let url = match expires {
            Some(expires) => url.signed(self.agents.own_key().await?.private.expose_secret(), Some(expires)),
            None => url.build(),
        };
        Ok(json!({
            "url": url,
            "canonical": parsed.canonical(),
            "steps": parsed.to_string(),
            "ignored": ignored(&parsed),
            "expiresAtUnix": expires,
            "needsSignature": file["isPrivateFile"] == true,
        }))
    }

    /// The file as a picture no larger than `side`.
    pub async fn preview(&self, file: &str, text: &str, side: u32) -> Result<(Value, Picture), CallError> {
        self.allowed(text)?;
        let file = self.file(file).await?;
        let path = file["filePath"].as_str().unwrap_or_default();
        let picture = self.look(path, &bounded(text, side)).await?;
        let facts = json!({
            "fileId": file["fileId"], "name": file["name"], "width": file["width"], "height": file["height"],
            "size": file["size"], "mime": file["mime"], "transformation": text,
        });
        Ok((facts, picture))
    }

    /// What a search finds, as one picture with its legend.
    pub async fn contact_sheet(&self, search: Value) -> Result<(Value, Option<Picture>), CallError> {
        let found = self.read("list_assets", search).await?;
        let rows = found["assets"].as_array().cloned().unwrap_or_default();
        let files: Vec<&Value> = rows
            .iter()
            .filter(|row| row["fileType"] == "image" && row["filePath"].is_string())
            .take(MOST_TILES)
            .collect();
        let Some(first) = files.first().and_then(|file| file["filePath"].as_str()) else {
            return Ok((json!({ "tiles": [], "nextSkip": found["nextSkip"] }), None));
        };
        let columns = columns(files.len());
        let legend = files.iter().enumerate().map(|(index, file)| {
            json!({ "row": index / columns + 1, "column": index % columns + 1, "fileId": file["fileId"], "name": file["name"] })
        });
        let paths: Vec<&str> = files.iter().filter_map(|file| file["filePath"].as_str()).collect();
        let picture = self.look(first, &sheet(&paths)).await?;
        let legend = json!({ "tiles": legend.collect::<Vec<_>>(), "columns": columns, "nextSkip": found["nextSkip"] });
        Ok((legend, Some(picture)))
    }

    /// Before and after a transformation, and what differs, if that can be told.
    pub async fn compare(&self, file: &str, text: &str, side: u32) -> Result<(Value, Compared), CallError> {
        let (mut facts, after) = self.preview(file, text, side).await?;
        let (_, before) = self.preview(file, "", side).await?;
        let file = self.file(file).await?;
        let path = file["filePath"].as_str().unwrap_or_default();
        // The two pictures are there: they are shown also where a third one can't be had.
        let (told, difference) = match self.differs(path, text, side.min(COMPARED_SIDE)).await {
            Ok(Ok((told, picture))) => (told, Some(picture)),
            Ok(Err(reason)) => (json!({ "unknown": reason }), None),
            Err(error) => (
                json!({ "unknown": format!("they could not be fetched for it: {error}") }),
                None,
            ),
        };
        facts["difference"] = told;
        Ok((
            facts,
            Compared {
                before,
                after,
                difference,
            },
        ))
    }

    /// What differs, pixel by pixel; or why that says nothing.
    async fn differs(
        &self,
        path: &str,
        text: &str,
        side: u32,
    ) -> Result<Result<(Value, Picture), &'static str>, CallError> {
        let own_size = |text: &str| lossless(text, &format!("w-{side},h-{side},c-at_max"));
        let (after, _) = self.fetch(path, &own_size(text), LARGEST_COMPARED).await?;
        let (before, _) = self.fetch(path, &own_size(""), LARGEST_COMPARED).await?;
        let (Some(of_after), Some(of_before)) = (difference::size_of(&after), difference::size_of(&before)) else {
            return Ok(Err("one of them is no picture of pixels"));
        };
        let proportions = |(width, height): (u32, u32)| f64::from(width) / f64::from(height.max(1));
        let apart = proportions(of_after) / proportions(of_before) - 1.0;
        if apart.abs() > SAME_PROPORTIONS {
            return Ok(Err(
                "the transformation changes the proportions: no pixel is of the same place",
            ));
        }
        let before = if of_before == of_after {
            before
        } else {
            let (width, height) = of_after;
            let text = lossless("", &format!("w-{width},h-{height},c-force"));
            self.fetch(path, &text, LARGEST_COMPARED).await?.0
        };
        let compared = tokio::task::spawn_blocking(move || difference::between(&before, &after)).await;
        let Ok(Some((picture, told))) = compared else {
            return Ok(Err("the two pictures could not be compared"));
        };
        if picture.len() > LARGEST_PICTURE {
            return Ok(Err("the picture of what differs is too large"));
        }
        let picture = Picture {
            data: STANDARD.encode(&picture),
            media_type: "image/png".to_owned(),
        };
        Ok(Ok((told, picture)))
    }

    /// Fetches a rendition for whoever looks.
    async fn look(&self, path: &str, text: &str) -> Result<Picture, CallError> {
        let (body, media_type) = self.fetch(path, text, LARGEST_PICTURE).await?;
        Ok(Picture {
            data: STANDARD.encode(&body),
            media_type,
        })
    }

    /// Fetches a rendition with a signature of our own, which nobody sees, and its media type.
    async fn fetch(&self, path: &str, text: &str, limit: usize) -> Result<(Bytes, String), CallError> {
        let own = self.agents.own();
        let url = DeliveryUrl::new(own.endpoint(), path).transformation(text);
        let key = self.agents.own_key().await?.private;
        let url = url.signed(key.expose_secret(), Some(unix_now().saturating_add(OWN_SIGNATURE_S)));
        let request = Request::get(url)
            .header(header::ACCEPT, "image/*")
            .body(Bytes::new())
            .map_err(|_| CallError::InvalidInput("the file's path makes no URL".to_owned()))?;
        let unanswered = |error| CallError::Unanswered {
            error,
            unsettled: false,
        };
        let answer = own.transport.clone().oneshot(request).await.map_err(unanswered)?;
        let (parts, body) = answer.into_parts();
        let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        if parts.status != StatusCode::OK || !media_type.starts_with("image/") {
            let told = serde_json::from_slice::<Value>(&body).ok();
            let message = told.and_then(|told| told["message"].as_str().map(str::to_owned));
            return Err(CallError::Refused {
                status: match parts.status.is_success() {
                    // A file that is no picture has none.
                    true => StatusCode::UNPROCESSABLE_ENTITY,
                    false => parts.status,
                },
                message: message.unwrap_or_else(|| "there is no picture of it".to_owned()),
                retry_after: None,
                unsettled: false,
                request_id: None,
            });
        }
        if body.len() > limit {
            return Err(CallError::OutputTooLarge {
                size: body.len(),
                limit,
                done: false,
            });
        }
        Ok((body, media_type))
    }

    /// What a text or a whole URL means, and for a file what would come out and what that would take.
    pub async fn explain(&self, text: Option<&str>, url: Option<&str>, file: Option<&str>) -> Result<Value, CallError> {
        let (mut told, parsed) = explain(&self.agents.own().endpoints, text, url)?;
        if let Some(file) = file {
            let file = self.file(file).await?;
            // Reading fonts takes a while, the first time.
            let estimate = tokio::task::spawn_blocking(move || estimate::of(&parsed, &file)).await;
            told["estimate"] = estimate.unwrap_or_else(|_| json!({ "unknown": "planning it failed" }));
        }
        Ok(told)
    }

    /// The text as types, if the principal may have it carried out: it may name other files, and services that cost.
    fn allowed(&self, text: &str) -> Result<Transformation, CallError> {
        let parsed = parse(text)?;
        if let Some(grant) = &self.principal.grant
            && let Some(reason) = refuses(grant, &parsed)
        {
            return Err(out_of_scope(reason));
        }
        Ok(parsed)
    }
}

/// What a text or a whole URL means, without carrying it out.
fn explain(endpoints: &[String], text: Option<&str>, url: Option<&str>) -> Result<(Value, Transformation), CallError> {
    let mut asked = BTreeMap::new();
    let parsed = match (text, url) {
        (Some(text), None) => parse(text)?,
        (None, Some(url)) => {
            let wrong = |error: String| CallError::InvalidInput(format!("url: {error}"));
            let parsed = Url::parse(url).map_err(|e| wrong(e.to_string()))?;
            let prefix = prefix(endpoints, &parsed);
            let target = match parsed.query() {
                Some(query) => format!("{}?{query}", parsed.path()),
                None => parsed.path().to_owned(),
            };
            let request = AssetRequest::parse(&target, &prefix).map_err(|e| wrong(e.to_string()))?;
            asked.insert("path", json!(request.asset_path));
            let read = request.transformation(Mode::Lenient);
            read.map_err(|e| CallError::InvalidInput(e.render()))?
        }
        _ => {
            return Err(CallError::InvalidInput(
                "give transformation or url, one of them".to_owned(),
            ));
        }
    };
    let told = json!({
        "path": asked.remove("path"),
        "canonical": parsed.canonical(),
        "steps": parsed.to_string(),
        "ignored": ignored(&parsed),
        "files": parsed.inputs().iter().map(|input| input.path.as_str().to_owned()).collect::<Vec<_>>(),
        "needsModel": needs_model(&parsed),
    });
    Ok((told, parsed))
}

/// What stands before a file's path on the host of a URL. One that is not ours is read as if it were the first endpoint: a proxy may stand between.
fn prefix(endpoints: &[String], url: &Url) -> String {
    let known = || endpoints.iter().filter_map(|endpoint| Url::parse(endpoint).ok());
    let same = known().find(|endpoint| endpoint.origin() == url.origin());
    let prefix = same
        .or_else(|| known().next())
        .map(|endpoint| endpoint.path().trim_end_matches('/').to_owned());
    prefix.unwrap_or_default()
}

fn parse(text: &str) -> Result<Transformation, CallError> {
    Transformation::parse(text, Mode::Lenient).map_err(|e| CallError::InvalidInput(e.render()))
}

fn ignored(parsed: &Transformation) -> Value {
    let rows = parsed.ignored.iter();
    rows.map(|ignored| json!({ "text": ignored.text, "reason": ignored.reason }))
        .collect()
}

/// Why the grant does not cover the transformation.
fn refuses(grant: &Grant, parsed: &Transformation) -> Option<&'static str> {
    let canonical = parsed.canonical();
    let mut tokens = canonical.split([',', ':']);
    // A named transformation or a default image stands for files that are not in the text.
    let elsewhere = tokens.any(|token| ["n-", "di-", "l-"].iter().any(|start| token.starts_with(start)));
    if grant.is_narrow() && (elsewhere || !parsed.inputs().is_empty()) {
        return Some("the token covers some assets only, and layers, names and default images reach others");
    }
    if !grant.effects.contains(&Effect::Write) && needs_model(parsed) {
        return Some("operations that need a model may cost, and the token only reads");
    }
    None
}

/// True also where a condition may lead to such an operation.
fn needs_model(parsed: &Transformation) -> bool {
    let alone = |text: &str| Transformation::parse(text, Mode::Lenient).is_ok_and(|t| !t.stages().stages.is_empty());
    !parsed.stages().stages.is_empty() || parsed.canonical().split([',', ':']).any(alone)
}

fn out_of_scope(reason: &str) -> CallError {
    CallError::OutOfScope {
        action: "looking".to_owned(),
        reason: reason.to_owned(),
    }
}

/// The transformation, then as a picture that every model reads.
fn bounded(text: &str, side: u32) -> String {
    let side = side.clamp(16, LONGEST_SIDE);
    let last = format!("w-{side},h-{side},c-at_max,f-jpg,q-80");
    if text.is_empty() {
        last
    } else {
        format!("{text}:{last}")
    }
}

/// The transformation, then in a size, without what an encoder loses.
fn lossless(text: &str, size: &str) -> String {
    if text.is_empty() {
        format!("{size},f-png")
    } else {
        format!("{text}:{size},f-png")
    }
}

fn columns(tiles: usize) -> usize {
    match tiles {
        0..=3 => tiles.max(1),
        4..=9 => 3,
        _ => 4,
    }
}

/// A layered transformation of the first file that hides it under a sheet with all of them.
fn sheet(paths: &[&str]) -> String {
    let columns = columns(paths.len());
    let rows = paths.len().div_ceil(columns);
    let (width, height) = (columns * (TILE.0 + GAP) + GAP, rows * (TILE.1 + GAP) + GAP);
    let mut text = format!("w-{width},h-{height},c-force,f-jpg,q-80,l-image,i-ik_canvas,bg-FFFFFF,w-bw,h-bh,l-end");
    for (index, path) in paths.iter().enumerate() {
        let (x, y) = (
            index % columns * (TILE.0 + GAP) + GAP,
            index / columns * (TILE.1 + GAP) + GAP,
        );
        // In base64, because a name may hold what the language uses itself.
        let name = URL_SAFE_NO_PAD.encode(path.trim_start_matches('/'));
        text.push_str(&format!(
            ",l-image,ie-{name},w-{},h-{},cm-pad_resize,bg-EEEEEE,lx-{x},ly-{y},l-end",
            TILE.0, TILE.1
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_of_most_tiles_is_within_the_language_s_limits() {
        let names: Vec<String> = (0..MOST_TILES).map(|n| format!("/a folder/{n},tr:w-1.jpg")).collect();
        let paths: Vec<&str> = names.iter().map(String::as_str).collect();
        let parsed = Transformation::parse(&sheet(&paths), Mode::Strict).unwrap();
        assert_eq!(parsed.ignored, []);
        let mut named: Vec<String> = parsed.inputs().iter().map(|i| i.path.as_str().to_owned()).collect();
        named.retain(|name| name.contains("tr:w-1"));
        assert_eq!(named.len(), MOST_TILES);
    }

    #[test]
    fn what_a_grant_does_not_cover() {
        let narrow = Grant {
            folders: vec!["/travel".into()],
            effects: vec![Effect::Read, Effect::Write],
            ..Grant::default()
        };
        let cases = [
            ("w-300:rt-90", true, true),
            ("l-image,i-legal@@secret.jpg,w-9,l-end", false, true),
            ("w-9:l-text,i-x,l-end", false, true),
            ("n-card", false, true),
            ("di-other.jpg", false, true),
            ("e-bgremove", true, false),
            ("w-9:e-bgremove", true, false),
            ("if-w_gt_9,e-bgremove,if-end", true, false),
        ];
        for (text, covered_narrow, covered_read) in cases {
            let parsed = parse(text).unwrap();
            assert_eq!(refuses(&narrow, &parsed).is_none(), covered_narrow, "{text}");
            assert_eq!(refuses(&Grant::default(), &parsed).is_none(), covered_read, "{text}");
        }
    }

    #[test]
    fn explanations_of_texts_and_urls() {
        let own = ["http://h/demo".to_owned(), "http://images.h".to_owned()];
        let at_host = explain(&own, None, Some("http://images.h/demo/tr:w-300/a/b.jpg"))
            .unwrap()
            .0;
        assert_eq!(at_host["path"], "demo/a/b.jpg", "a host that stands for the account");
        let (told, _) = explain(&own, None, Some("http://h/demo/tr:w-300/a/b.jpg")).unwrap();
        assert_eq!(
            (&told["path"], &told["canonical"]),
            (&json!("a/b.jpg"), &json!("w-300")),
            "{told}"
        );
        assert_eq!(explain(&own, Some("w-300"), None).unwrap().0["canonical"], "w-300");
        assert!(explain(&own, None, None).is_err());
    }
}
