//! What the agent side is made of, for the server and for commands alike: the store of the data directory, its master
//! key, the operator's rules.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use agent::{Layer, MasterKey, Policy, Rule, Store};
use secrecy::SecretString;
use serde::Deserialize;
use time::OffsetDateTime;

const STORE_FILE: &str = "agent.db";
const VAULT_FILE: &str = "vault.key";
const POLICY_FILE: &str = "agent-policy.toml";

/// Variables that are no settings of the server, because a command line reads them as well.
pub const VARIABLES: [&str; 7] = [
    "TINTYPE_TOKEN",
    "TINTYPE_CONNECT_KEY",
    "TINTYPE_VAULT_KEY",
    "TINTYPE_VAULT_KEY_FILE",
    "TINTYPE_VAULT_KEYRING",
    "TINTYPE_VAULT_PASSPHRASE",
    "TINTYPE_VAULT_FORMER_PASSPHRASE",
];

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Opens the store of a data directory, and makes it if it is not there.
pub async fn open_store(data_dir: &Path) -> Fallible<Store> {
    let store = Store::open(&data_dir.join(STORE_FILE), master_key(data_dir)).await?;
    store.tidy(OffsetDateTime::now_utc()).await?;
    Ok(store)
}

/// Where the rules of a data directory are.
pub fn policy_file(data_dir: &Path) -> PathBuf {
    data_dir.join(POLICY_FILE)
}

/// The rules of a data directory, as one layer.
pub fn policy(data_dir: &Path) -> Fallible<Policy> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        rule: Vec<Rule>,
    }
    let path = policy_file(data_dir);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Policy::default()),
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
    };
    let file: File = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(Policy::of(vec![Layer {
        name: POLICY_FILE.to_owned(),
        rules: file.rule,
    }]))
}

/// Tells one state of the rules' file from another; `None` without a file.
pub fn policy_state(data_dir: &Path) -> Option<(SystemTime, u64)> {
    let facts = std::fs::metadata(policy_file(data_dir)).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

/// Where the vault's master key comes from: the environment, the keyring of the operating system, a passphrase, a file,
/// which is made in the data directory if none is named. Never nothing.
fn master_key(data_dir: &Path) -> MasterKey {
    if let Some(keys) = secret_of("TINTYPE_VAULT_KEY") {
        return MasterKey::Given(keys);
    }
    if let Some(name) = keyring_name() {
        return MasterKey::Keyring(name);
    }
    if let Some(current) = secret_of("TINTYPE_VAULT_PASSPHRASE") {
        return MasterKey::Passphrase {
            current,
            former: secret_of("TINTYPE_VAULT_FORMER_PASSPHRASE"),
        };
    }
    let named = std::env::var_os("TINTYPE_VAULT_KEY_FILE")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from);
    MasterKey::File(named.unwrap_or_else(|| data_dir.join(VAULT_FILE)))
}

/// Under which name the keyring of the operating system holds the master key, if it does.
pub fn keyring_name() -> Option<String> {
    std::env::var("TINTYPE_VAULT_KEYRING")
        .ok()
        .filter(|name| !name.is_empty())
}

/// A secret of the environment.
pub fn secret_of(variable: &str) -> Option<SecretString> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.into())
}
