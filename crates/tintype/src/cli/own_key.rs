//! The key of this server, for the commands that speak to it.

use secrecy::SecretString;
use url::{Host, Url};

use crate::config::Config;
use crate::keys::{KEY_FILE, KeyPair};

/// The given key, else the one that the server keeps, which goes to that server only.
pub fn private_key(config: &Config, base: &str) -> Result<SecretString, Box<dyn std::error::Error>> {
    if let Some(key) = &config.keys.private_key {
        return Ok(key.clone());
    }
    let kept = config.data_dir.join(KEY_FILE);
    if !kept.exists() {
        return Err(format!(
            "no private key: set TINTYPE_PRIVATE_KEY, or name the server's --data-dir (there is no {KEY_FILE} in {})",
            config.data_dir.display()
        )
        .into());
    }
    if !is_ours(config, base) {
        return Err(format!(
            "the key in {} belongs to this server and is not sent to {base}: set TINTYPE_PRIVATE_KEY to that \
             server's, or public_url if it is this one",
            kept.display()
        )
        .into());
    }
    let keys = KeyPair::resolve(config.keys.clone(), &config.data_dir)?;
    Ok(keys.private_key().clone())
}

/// True for this machine and for what the configuration calls the server's address.
pub fn is_ours(config: &Config, base: &str) -> bool {
    let Ok(url) = Url::parse(base) else {
        return false;
    };
    let own = Url::parse(&config.public_base(config.listen));
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    is_loopback || own.is_ok_and(|own| own.origin() == url.origin())
}
