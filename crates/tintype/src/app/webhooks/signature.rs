//! The two signatures of a message. Both are keyed with the bytes of the whole secret, `whsec_` included: that is what
//! the official SDKs verify with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

fn mac(secret: &SecretString, parts: &[&[u8]]) -> Vec<u8> {
    let key = secret.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// `x-ik-signature`: over milliseconds and the body.
pub fn legacy(secret: &SecretString, now_ms: i64, body: &[u8]) -> String {
    let time = now_ms.to_string();
    let signature = hex::encode(mac(secret, &[time.as_bytes(), b".", body]));
    format!("t={time},v1={signature}")
}

/// `webhook-signature` of Standard Webhooks: over the id, seconds and the body.
pub fn standard(secret: &SecretString, id: &str, now_s: i64, body: &[u8]) -> String {
    let time = now_s.to_string();
    let signature = mac(secret, &[id.as_bytes(), b".", time.as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the wire contract.
    #[test]
    fn vectors() {
        let secret = SecretString::from("whsec_Zm9yLXRlc3Rz");
        let body = br#"{"id":"b7a1","type":"file.deleted","created_at":"2026-01-02T03:04:05.678Z","data":{"fileId":"65f0c0ffee0123456789abcd"}}"#;
        assert_eq!(
            legacy(&secret, 1_767_323_045_678, body),
            "t=1767323045678,v1=a9db429917417619bdab47955480793ab84072a719cc14fc1a7fc87e1ff9bb0e"
        );
        assert_eq!(
            standard(&secret, "msg_01", 1_767_323_045, body),
            "v1,EMxmEHMTf0o8Q4eESN6GYSfVxx/lPJ0+FJBR0XnTKS0="
        );
    }
}
