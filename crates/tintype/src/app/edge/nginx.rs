//! nginx with the module `cache_purge` (Debian's `libnginx-mod-http-cache-purge`) or one that speaks like it: `PURGE` of a URL, where a `*` at the end stands for all keys
//! that begin so. The site's configuration is in `deploy/nginx/tintype.conf`.

use delivery::service::{Http, Refusal};

use super::{Forget, MAX_ANSWER, authority, refused, unreached};
use crate::config::PublicUrl;

/// One server.
#[derive(Debug)]
pub struct Nginx {
    /// Where it is reached.
    pub url: PublicUrl,
}

impl Nginx {
    /// Every key that begins with the path is purged: variants of one URL have keys of their own, with more behind it.
    pub async fn forget(&self, http: &Http, what: &Forget) -> Result<(), Refusal> {
        for place in what.places()? {
            let url = format!("{}{}*", self.url, place.url.path());
            // The cache's keys hold the host that clients name.
            let headers = [("host", authority(&place.url).into())];
            let reply = http
                .send("PURGE", &url, &headers, None, MAX_ANSWER)
                .await
                .map_err(unreached)?;
            // Versions of the module say 404 or 412 of what is not there.
            if !(200..300).contains(&reply.status) && reply.status != 404 && reply.status != 412 {
                return Err(refused(&reply, "", None));
            }
        }
        Ok(())
    }
}
