//! Renditions that no URL asked for: what is done to a file before it is stored, and what is made ready before somebody
//! asks for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use library::Asset;
use transform::{Accept, Context, Format, Hints, Transformation};

use crate::access::{self, Right};
use crate::asked::{self, Asked};
use crate::cache::Rendition;
use crate::service::Refusal;
use crate::work::{self, Work};
use crate::{Code, Delivery, DeliveryError, Shared};

/// A picture that a transformation made.
#[derive(Debug, Clone)]
pub struct Made {
    /// What it is in.
    pub format: Format,
    /// The file.
    pub bytes: Bytes,
}

const NO_REMOVE_BG: &str = "remove.bg is not set up: the setting `removebg_key` is missing";

/// How much a transformation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// What everybody may see.
    Anybody,
    /// Private files too: somebody with the private key vouches for the transformation.
    Owner,
}

impl Delivery {
    /// What a transformation makes of a file whose bytes are in the library, whether a version names them or not.
    /// `None` where it leaves them as they are. A model may take up to `patience`.
    pub async fn transform(
        &self,
        asset: &Asset,
        text: &str,
        trust: Trust,
        patience: Duration,
    ) -> Result<Option<Made>, DeliveryError> {
        let order = Order {
            asset,
            text,
            still: false,
            trust,
            accept: Accept::default(),
            patience,
        };
        let made = order.carry_out(&self.shared).await?;
        Ok(made.map(|rendition| Made {
            format: rendition.format,
            bytes: rendition.bytes,
        }))
    }

    /// The picture without its background, as a PNG: by remove.bg, which takes `options`, or, without a key of it, by the
    /// model, which has none.
    pub async fn remove_background(
        &self,
        asset: &Asset,
        options: &[(&'static str, String)],
        patience: Duration,
    ) -> Result<Bytes, Refusal> {
        let made = |error: DeliveryError| match error.code() {
            Code::Overloaded | Code::Upstream | Code::Internal => Refusal::passing(error.to_string(), None),
            _ => Refusal::lasting(error.to_string()),
        };
        let owner = Trust::Owner;
        if self.shared.ai.has_remove_bg() {
            // A JPEG of what it is given is small enough, and anything that is read here can be sent.
            let sent = self
                .transform(asset, "f-jpg,q-95,c-at_max,w-5000,h-5000", owner, patience)
                .await
                .map_err(made)?;
            let sent = sent.ok_or_else(|| Refusal::lasting("the file is no picture of pixels"))?;
            let cut = self
                .shared
                .ai
                .remove_background((sent.format, sent.bytes), options)
                .await;
            return cut.unwrap_or_else(|| Err(Refusal::lasting(NO_REMOVE_BG)));
        }
        if !options.is_empty() {
            return Err(Refusal::lasting(NO_REMOVE_BG));
        }
        let cut = self
            .transform(asset, "e-bgremove:f-png", owner, patience)
            .await
            .map_err(made)?;
        cut.map(|made| made.bytes)
            .ok_or_else(|| Refusal::lasting("the file is no picture of pixels"))
    }

    /// True if somebody here can remove backgrounds.
    pub fn removes_backgrounds(&self) -> bool {
        self.shared.ai.removes_backgrounds()
    }

    /// Makes the renditions of a URL with this transformation and keeps them: one for each format that clients will get by
    /// what they accept. `still` stands for a picture of what is not one. How many there are.
    pub async fn warm(
        &self,
        asset: &Asset,
        text: &str,
        still: bool,
        trust: Trust,
        patience: Duration,
    ) -> Result<usize, DeliveryError> {
        let settings = self.shared.settings.output;
        let transformation = Transformation::parse(text, self.shared.settings.mode)?;
        let mut accepted = vec![Accept::default()];
        if transformation.depends_on_accept(&settings) {
            accepted.push(Accept {
                webp: true,
                avif: false,
            });
            accepted.extend(settings.avif.then_some(Accept { webp: true, avif: true }));
        }
        let mut made = 0;
        for accept in accepted {
            let order = Order {
                asset,
                text,
                still,
                trust,
                accept,
                patience,
            };
            made += usize::from(order.carry_out(&self.shared).await?.is_some());
        }
        Ok(made)
    }
}

struct Order<'a> {
    asset: &'a Asset,
    text: &'a str,
    still: bool,
    trust: Trust,
    accept: Accept,
    patience: Duration,
}

impl Order<'_> {
    async fn carry_out(&self, shared: &Arc<Shared>) -> Result<Option<Rendition>, DeliveryError> {
        let written = Transformation::parse(self.text, shared.settings.mode)?;
        let only_named = access::only_named(&written);
        let account = shared.sources.account().await?;
        let asked = Asked {
            path: self.asset.path(),
            url: None,
            query: String::new(),
            version: None,
            attachment: None,
            transformation: asked::expand(&written, &account)?,
            only_named,
            still: self.still,
            clean_svg: None,
            notices: Vec::new(),
        };
        let right = match self.trust {
            Trust::Anybody => Right::Anybody,
            Trust::Owner => Right::Signed { expires: None },
        };
        let context = Context {
            accept: self.accept,
            hints: Hints::default(),
            settings: shared.settings.output,
            limits: &shared.settings.limits,
            still: self.still,
        };
        let begun = Instant::now();
        loop {
            match work::decide(shared, &asked, self.asset, &asked.path, right, &context, &|_| false).await? {
                Work::Rendition(job) => return Ok(Some(work::rendition(shared, *job).await?.0)),
                Work::Stored { .. } | Work::Known { .. } => return Ok(None),
                Work::Preparing if begun.elapsed() >= self.patience => {
                    return Err(DeliveryError::limit(format!(
                        "making this takes longer than the allowed {:?}",
                        self.patience
                    )));
                }
                // Each round waits for the model as long as a request would.
                Work::Preparing => {}
            }
        }
    }
}
