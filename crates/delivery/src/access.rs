//! Who may have a file: signatures, private files, drafts.

use std::sync::Arc;

use library::{Account, Asset};
use secrecy::ExposeSecret;
use transform::{Param, SignatureState, Step, Transformation, verify};

use crate::work::Work;
use crate::{DeliveryError, Request, Settings};

/// What the URL of a request proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Nothing.
    Anybody,
    /// Somebody with the private key made it.
    Signed {
        /// Unix seconds, if it ends.
        expires: Option<u64>,
    },
}

/// Checks the signature, if there is one. A wrong one is refused also where none is needed: whoever signs wants to know.
///
/// Any key of the account may have made it, and for the endpoint that the URL belongs to as well as for the default one: it is one text either
/// way.
pub(crate) fn right(
    request: &Request<'_>,
    settings: &Settings,
    account: &Arc<Account>,
    endpoint: &str,
) -> Result<Right, DeliveryError> {
    let now = request.now_unix;
    let first = settings.private_key.expose_secret();
    let check = |key: &str, endpoint: &str| verify(key, request.target, endpoint, now);
    let mut state = check(first, endpoint);
    if state == SignatureState::Absent {
        return Ok(Right::Anybody);
    }
    if !matches!(state, SignatureState::Valid { .. }) || settings.origins.secrets.is_some() {
        let keys = match &settings.origins.secrets {
            Some(secrets) => secrets.signing_keys(account, now),
            None => vec![settings.private_key.clone()],
        };
        let states = keys.iter().flat_map(|key| {
            [endpoint, settings.endpoint.as_str()].map(|endpoint| check(key.expose_secret(), endpoint))
        });
        // A signature that has expired says more than one that does not fit.
        state = states.fold(SignatureState::Invalid, |best, state| match (best, state) {
            (SignatureState::Valid { .. }, _) | (_, SignatureState::Invalid | SignatureState::Absent) => best,
            (_, state) => state,
        });
    }
    match state {
        SignatureState::Absent => Ok(Right::Anybody),
        SignatureState::Valid { expires } => Ok(Right::Signed { expires }),
        SignatureState::Invalid => Err(DeliveryError::Unauthorised("the signature of this URL is wrong")),
        SignatureState::Expired => Err(DeliveryError::Unauthorised("the signature of this URL has expired")),
    }
}

/// A private file needs a signature, or the operator's own named transformations: who published a name for the public
/// meant its result to be seen.
pub(crate) fn check(asset: &Asset, right: Right, only_named: bool) -> Result<(), DeliveryError> {
    if asset.is_private && right == Right::Anybody && !only_named {
        return Err(DeliveryError::Unauthorised(
            "this file is private: its URL needs a signature",
        ));
    }
    Ok(())
}

/// What a name makes of a private file is for everybody, and not the file itself, where the name can make nothing of it.
pub(crate) fn check_untouched(asset: &Asset, right: Right, work: &Work) -> Result<(), DeliveryError> {
    if asset.is_private && right == Right::Anybody && work.is_untouched() {
        return Err(DeliveryError::Unauthorised(
            "this file is private, and a named transformation has no effect on it: its URL needs a signature",
        ));
    }
    Ok(())
}

/// True when all that is asked for stands under names. To be asked before they are replaced.
pub(crate) fn only_named(transformation: &Transformation) -> bool {
    !transformation.is_empty()
        && transformation.steps.iter().all(|step| match step {
            Step::Apply(params) => params.iter().all(|param| matches!(param, Param::Named(_))),
            Step::If(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use transform::Mode;

    #[test]
    fn names_and_nothing_else() {
        let cases = [
            ("n-card", true),
            ("n-card:n-thumb", true),
            ("n-card,w-100", false),
            ("w-100", false),
            ("n-card:w-100", false),
            ("orig-true", false),
            ("", false),
        ];
        for (text, expected) in cases {
            let transformation = Transformation::parse(text, Mode::Lenient).unwrap();
            assert_eq!(only_named(&transformation), expected, "{text}");
        }
    }
}
