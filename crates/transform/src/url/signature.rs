use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::{UrlError, under_endpoint};

/// What the signature of a request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureState {
    /// There is none.
    Absent,
    /// It is ours.
    Valid {
        /// Until when, in Unix seconds; for ever if absent.
        expires: Option<u64>,
    },
    /// It was not made for this address with this key.
    Invalid,
    /// It is ours, but its time is over.
    Expired,
}

/// Digits of an expiry.
///
/// What is signed is the address and the expiry without anything between them. So digits at the end of the one could be passed off as the
/// beginning of the other: `?tr=w-300&ik-t=1893456000` as `?tr=w-&ik-t=3001893456000`, a larger picture, and for ever. Where every expiry has
/// as many digits there is one way to take a message apart. Ten reach from 2001 to 2286.
const EXPIRY_DIGITS: usize = 10;

/// Hashed in place of an expiry, and not written, when an address is valid for ever.
const NEVER: &str = "9999999999";

/// Adds a signature to a raw request target (path and query as on the wire). `expiry` is in Unix seconds, which have ten digits from 2001 to
/// 2286; one that is later is none.
pub fn sign(
    private_key: &str,
    endpoint_prefix: &str,
    raw_target: &str,
    expiry: Option<u64>,
) -> Result<String, UrlError> {
    let rest = under_endpoint(raw_target, endpoint_prefix)?;
    let endpoint = raw_target.strip_suffix(rest).unwrap_or_default();
    Ok(format!("{endpoint}{}", signed_rest(private_key, rest, expiry)))
}

/// Checks the signature of a raw request target. Nothing is normalised: what was signed is what must arrive.
pub fn verify(private_key: &str, raw_target: &str, endpoint_prefix: &str, now_unix: u64) -> SignatureState {
    let Ok(rest) = under_endpoint(raw_target, endpoint_prefix) else {
        return SignatureState::Invalid;
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut signatures, mut expiries, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("ik-s", signature)) => signatures.push(signature),
            Some(("ik-t", expiry)) => expiries.push(expiry),
            _ => kept.push(pair),
        }
    }
    let signature = match signatures.as_slice() {
        [] => return SignatureState::Absent,
        [signature] => *signature,
        _ => return SignatureState::Invalid,
    };
    let expiry = match expiries.as_slice() {
        [] => NEVER,
        [expiry] if expiry.len() == EXPIRY_DIGITS && expiry.bytes().all(|byte| byte.is_ascii_digit()) => *expiry,
        _ => return SignatureState::Invalid,
    };
    let query = kept.join("&");
    let rest = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };

    // Only what we write ourselves: 40 digits, letters in lower case.
    let lower = !signature.bytes().any(|byte| byte.is_ascii_uppercase());
    let Some(bytes) = hex::decode(signature).ok().filter(|_| lower) else {
        return SignatureState::Invalid;
    };
    if mac(private_key, &rest, expiry).verify_slice(&bytes).is_err() {
        return SignatureState::Invalid;
    }
    match expiry.parse::<u64>().ok().filter(|_| expiry != NEVER) {
        Some(expires) if expires < now_unix => SignatureState::Expired,
        expires => SignatureState::Valid { expires },
    }
}

pub fn signed_rest(private_key: &str, rest: &str, expiry: Option<u64>) -> String {
    let expiry = expiry.filter(|seconds| seconds.to_string().len() <= EXPIRY_DIGITS);
    let text = expiry.map_or_else(|| NEVER.to_owned(), |seconds| format!("{seconds:0>EXPIRY_DIGITS$}"));
    let signature = hex::encode(mac(private_key, rest, &text).finalize().into_bytes());
    let joint = if rest.contains('?') { '&' } else { '?' };
    let expiry = expiry.map(|_| format!("ik-t={text}&")).unwrap_or_default();
    format!("{rest}{joint}{expiry}ik-s={signature}")
}

fn mac(private_key: &str, rest: &str, expiry: &str) -> Hmac<Sha1> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha1>::new_from_slice(private_key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(rest.as_bytes());
    mac.update(expiry.as_bytes());
    mac
}
