//! Google Cloud Vision, `images:annotate`: <https://cloud.google.com/vision/docs/reference/rest/v1/images/annotate>, read in 2026.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delivery::service::{Http, Refusal, Reply, said};
use library::AiTag;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::labels::tag;
use crate::app::extensions::Tagging;

/// What results are said to come from.
pub const SOURCE: &str = "google-auto-tagging";

const MAX_ANSWER: usize = 1 << 20;

/// The service, with the operator's key.
#[derive(Debug, Clone)]
pub struct GoogleVision {
    /// Such as `https://vision.googleapis.com`.
    pub url: String,
    /// An API key.
    pub key: SecretString,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    responses: Vec<Annotated>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotated {
    #[serde(default)]
    label_annotations: Vec<Label>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Label {
    description: String,
    /// 0 to 1.
    score: f64,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl GoogleVision {
    /// Labels of a picture, the surest first.
    pub async fn tags(&self, http: &Http, picture: &[u8], wanted: Tagging) -> Result<Vec<AiTag>, Refusal> {
        let request = json!({ "requests": [{
            "image": { "content": STANDARD.encode(picture) },
            "features": [{ "type": "LABEL_DETECTION", "maxResults": wanted.max_tags }],
        }] });
        let url = format!("{}/v1/images:annotate", self.url.trim_end_matches('/'));
        // In a header, because addresses stand in logs.
        let headers = [("x-goog-api-key", self.key.clone())];
        let content = ("application/json".to_owned(), request.to_string().into_bytes());
        let reply = http.post(&url, &headers, content, MAX_ANSWER).await?;
        self.labels(&reply, wanted)
    }

    fn labels(&self, reply: &Reply, wanted: Tagging) -> Result<Vec<AiTag>, Refusal> {
        let answer: Option<Answer> = serde_json::from_slice(&reply.body).ok();
        if reply.status != 200 {
            let problem = answer.and_then(|answer| answer.error);
            let reason = problem.map(|problem| format!(": {}", said(&problem.message, Some(&self.key))));
            return Err(Refusal {
                message: format!("Google Vision answered {}{}", reply.status, reason.unwrap_or_default()),
                retry: reply.status == 429 || reply.status >= 500,
                retry_after: reply.retry_after,
            });
        }
        let first = answer.and_then(|answer| answer.responses.into_iter().next());
        let first = first.ok_or_else(|| Refusal::passing("Google Vision sent an answer that can't be read", None))?;
        if let Some(problem) = first.error {
            let message = format!("Google Vision: {}", said(&problem.message, Some(&self.key)));
            // Codes of gRPC: 4 deadline, 8 exhausted, 13 internal, 14 unavailable.
            return Err(Refusal {
                message,
                retry: matches!(problem.code, 4 | 8 | 13 | 14),
                retry_after: None,
            });
        }
        let labels = first.label_annotations.into_iter();
        Ok(labels
            .filter_map(|label| tag(&label.description, label.score * 100.0, SOURCE))
            .filter(|tag| tag.confidence >= f64::from(wanted.min_confidence))
            .take(usize::from(wanted.max_tags))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(status: u16, body: &str) -> Result<Vec<(String, f64)>, Refusal> {
        let service = GoogleVision {
            url: "https://vision.googleapis.com".into(),
            key: "secret-key".to_owned().into(),
        };
        let reply = Reply {
            status,
            body: body.as_bytes().to_vec().into(),
            retry_after: (status == 429).then_some(Duration::from_secs(7)),
        };
        let wanted = Tagging {
            min_confidence: 60,
            max_tags: 2,
        };
        let tags = service.labels(&reply, wanted)?;
        Ok(tags.into_iter().map(|tag| (tag.name, tag.confidence)).collect())
    }

    #[test]
    fn answers_as_published() {
        let label =
            |name: &str, score: f64| json!({"mid": "/m/01", "description": name, "score": score, "topicality": score});
        let body = json!({"responses": [{"labelAnnotations": [
            label("Sea", 0.97126), label("", 0.9), label("Boat", 0.6), label("Dog", 0.8), label("Cat", 0.5)]}]});
        assert_eq!(
            read(200, &body.to_string()),
            Ok(vec![("Sea".into(), 97.13), ("Boat".into(), 60.0)])
        );
        assert_eq!(read(200, r#"{"responses":[{}]}"#), Ok(vec![]));
    }

    #[test]
    fn refusals_are_for_now_or_for_good() {
        let error =
            |code: i64, text: &str| json!({"error": {"code": code, "message": text, "status": "X"}}).to_string();
        let refused = |status: u16, body: &str| {
            let refusal = read(status, body).unwrap_err();
            (refusal.message, refusal.retry)
        };
        assert_eq!(
            refused(400, &error(400, "API key not valid: secret-key")),
            ("Google Vision answered 400: API key not valid: [key]".into(), false)
        );
        assert!(refused(429, &error(429, "Quota exceeded")).1);
        assert_eq!(read(429, "{}").unwrap_err().retry_after, Some(Duration::from_secs(7)));
        assert!(refused(503, "<html>").1);
        let inner = json!({"responses": [{"error": {"code": 3, "message": "Bad image data."}}]}).to_string();
        assert_eq!(refused(200, &inner), ("Google Vision: Bad image data.".into(), false));
        assert!(refused(200, &inner.replace('3', "14")).1);
        assert!(refused(200, "[]").1);
    }
}
