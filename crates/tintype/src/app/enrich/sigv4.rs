//! AWS Signature Version 4, as far as one POST of JSON needs it:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. Sixty lines instead of an SDK.

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

/// Who signs, and for which service.
#[derive(Debug, Clone)]
pub struct Signer {
    /// Names the key; not a secret by itself.
    pub access_key: String,
    /// The key.
    pub secret_key: SecretString,
    /// Such as `eu-central-1`.
    pub region: String,
    /// Such as `rekognition`.
    pub service: &'static str,
}

/// What is signed. Header names in lower case, sorted; `host` and `x-amz-date` are among them.
pub struct Unsigned<'a> {
    /// `POST`
    pub method: &'a str,
    /// The path of the URL.
    pub path: &'a str,
    /// Those that are signed.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub payload: &'a [u8],
}

impl Signer {
    /// The value of the `authorization` header.
    pub fn authorization(&self, request: &Unsigned<'_>, at: OffsetDateTime) -> String {
        let (moment, day) = (moment(at), day(at));
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let fields: String = request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}:{}\n", value.trim()))
            .collect();
        let payload = hex::encode(Sha256::digest(request.payload));
        let canonical = format!("{}\n{}\n\n{fields}\n{names}\n{payload}", request.method, request.path);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let canonical = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{canonical}");
        let first = format!("AWS4{}", self.secret_key.expose_secret());
        let key = [day.as_str(), self.region.as_str(), self.service, "aws4_request"]
            .iter()
            .fold(first.into_bytes(), |key, part| mac(&key, part));
        let signature = hex::encode(mac(&key, &text));
        let who = &self.access_key;
        format!("AWS4-HMAC-SHA256 Credential={who}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// `20150830T123600Z`
pub fn moment(at: OffsetDateTime) -> String {
    let (hour, minute, second) = at.to_hms();
    format!("{}T{hour:02}{minute:02}{second:02}Z", day(at))
}

fn day(at: OffsetDateTime) -> String {
    format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_published_vectors_are_signed_the_same() {
        let signer = Signer {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            region: "us-east-1".into(),
            service: "service",
        };
        let at = datetime!(2015-08-30 12:36:00 UTC);
        for (method, signature) in [
            (
                "GET",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
        ] {
            let request = Unsigned {
                method,
                path: "/",
                headers: &[("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")],
                payload: b"",
            };
            assert_eq!(
                signer.authorization(&request, at),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature={signature}"
                )
            );
        }
        assert_eq!(moment(at), "20150830T123600Z");
    }
}
