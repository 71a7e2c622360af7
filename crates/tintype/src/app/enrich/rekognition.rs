//! Amazon Rekognition, `DetectLabels`: <https://docs.aws.amazon.com/rekognition/latest/APIReference/API_DetectLabels.html>, read in 2026.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delivery::service::{Http, Refusal, Reply, said};
use library::AiTag;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use url::Url;

use super::labels::tag;
use super::sigv4::{Signer, Unsigned, moment};
use crate::app::extensions::Tagging;

/// What results are said to come from.
pub const SOURCE: &str = "aws-auto-tagging";

const MAX_ANSWER: usize = 1 << 20;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET: &str = "RekognitionService.DetectLabels";

/// The service, with the operator's keys.
#[derive(Debug, Clone)]
pub struct Rekognition {
    /// Such as `https://rekognition.eu-central-1.amazonaws.com`.
    pub url: Url,
    /// The keys, and the region.
    pub signer: Signer,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    labels: Vec<Label>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Label {
    name: String,
    /// 0 to 100.
    confidence: f64,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

impl Rekognition {
    /// Labels of a picture, the surest first.
    pub async fn tags(&self, http: &Http, picture: &[u8], wanted: Tagging) -> Result<Vec<AiTag>, Refusal> {
        let request = json!({
            "Image": { "Bytes": STANDARD.encode(picture) },
            "MaxLabels": wanted.max_tags,
            "MinConfidence": wanted.min_confidence,
        });
        let payload = request.to_string().into_bytes();
        let now = OffsetDateTime::now_utc();
        let moment = moment(now);
        let host = match (self.url.host_str().unwrap_or_default(), self.url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let unsigned = Unsigned {
            method: "POST",
            path: self.url.path(),
            headers: &[
                ("content-type", CONTENT_TYPE),
                ("host", &host),
                ("x-amz-date", &moment),
                ("x-amz-target", TARGET),
            ],
            payload: &payload,
        };
        let authorization = self.signer.authorization(&unsigned, now);
        let headers = [
            ("authorization", authorization.into()),
            ("x-amz-date", moment.into()),
            ("x-amz-target", TARGET.to_owned().into()),
        ];
        let content = (CONTENT_TYPE.to_owned(), payload);
        let reply = http.post(self.url.as_str(), &headers, content, MAX_ANSWER).await?;
        self.labels(&reply, wanted)
    }

    fn labels(&self, reply: &Reply, wanted: Tagging) -> Result<Vec<AiTag>, Refusal> {
        if reply.status != 200 {
            return Err(self.refusal(reply));
        }
        let answer: Answer = serde_json::from_slice(&reply.body)
            .map_err(|_| Refusal::passing("Rekognition sent an answer that can't be read", None))?;
        let labels = answer.labels.into_iter();
        Ok(labels
            .filter_map(|label| tag(&label.name, label.confidence, SOURCE))
            .filter(|tag| tag.confidence >= f64::from(wanted.min_confidence))
            .take(usize::from(wanted.max_tags))
            .collect())
    }

    /// Too many requests are told by a 400, with a type that says so.
    fn refusal(&self, reply: &Reply) -> Refusal {
        let problem: Option<Problem> = serde_json::from_slice(&reply.body).ok();
        let (kind, message) = problem
            .map(|problem| (problem.kind, problem.message))
            .unwrap_or_default();
        // `com.amazonaws.rekognition#ThrottlingException` or the last part alone.
        let kind = said(kind.rsplit('#').next().unwrap_or_default(), None);
        let message = said(&message, Some(&self.signer.secret_key));
        let busy = [
            "ThrottlingException",
            "ProvisionedThroughputExceededException",
            "LimitExceededException",
            "InternalServerError",
        ];
        Refusal {
            retry: reply.status == 429 || reply.status >= 500 || busy.contains(&kind.as_str()),
            retry_after: reply.retry_after,
            message: format!("Rekognition answered {} {kind}: {message}", reply.status)
                .trim_end_matches([':', ' '])
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<Vec<(String, f64)>, Refusal> {
        let service = Rekognition {
            url: Url::parse("https://rekognition.eu-central-1.amazonaws.com").unwrap(),
            signer: Signer {
                access_key: "AKID".into(),
                secret_key: "secret-key".to_owned().into(),
                region: "eu-central-1".into(),
                service: "rekognition",
            },
        };
        let reply = Reply {
            status,
            body: body.as_bytes().to_vec().into(),
            retry_after: None,
        };
        let wanted = Tagging {
            min_confidence: 50,
            max_tags: 3,
        };
        let tags = service.labels(&reply, wanted)?;
        Ok(tags.into_iter().map(|tag| (tag.name, tag.confidence)).collect())
    }

    #[test]
    fn answers_as_published() {
        let body = r#"{"LabelModelVersion":"3.0","Labels":[
            {"Name":"Mobile Phone","Confidence":99.9364013671875,"Instances":[],"Parents":[{"Name":"Phone"}],"Aliases":[],"Categories":[]},
            {"Name":"Urban","Confidence":42.1,"Instances":[],"Parents":[]}]}"#;
        assert_eq!(read(200, body), Ok(vec![("Mobile Phone".into(), 99.94)]));
        assert_eq!(read(200, r#"{"Labels":[]}"#), Ok(vec![]));
    }

    #[test]
    fn refusals_are_for_now_or_for_good() {
        for (status, body, message, retry) in [
            (
                400,
                r#"{"__type":"InvalidSignatureException","message":"The request signature we calculated does not match"}"#,
                "Rekognition answered 400 InvalidSignatureException: The request signature we calculated does not match",
                false,
            ),
            (
                400,
                r#"{"__type":"com.amazonaws.rekognition#ThrottlingException","Message":"Rate exceeded"}"#,
                "Rekognition answered 400 ThrottlingException: Rate exceeded",
                true,
            ),
            (
                400,
                r#"{"__type":"AccessDeniedException","Message":"no secret-key here"}"#,
                "Rekognition answered 400 AccessDeniedException: no [key] here",
                false,
            ),
            (500, "", "Rekognition answered 500", true),
            (200, "{}", "Rekognition sent an answer that can't be read", true),
        ] {
            let refusal = read(status, body).unwrap_err();
            assert_eq!((refusal.message.as_str(), refusal.retry), (message, retry));
        }
    }
}
