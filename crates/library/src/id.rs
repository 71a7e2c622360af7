//! Ids: 24 lower-case hex characters, four bytes of time and eight of chance. An id knows what it is an id of.

use std::fmt;
use std::str::FromStr;

use crate::timestamp::Timestamp;

const BYTES: usize = 12;

/// Text that is not 24 lower-case hex characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 24 characters of 0-9 and a-f")]
pub struct IdError;

fn generate(now: Timestamp) -> [u8; BYTES] {
    // The first four bytes order ids roughly by time, which keeps inserts near each other in the index. They wrap in
    // 2106; nothing reads a time out of them.
    let [.., a, b, c, d] = now.as_secs().to_be_bytes();
    let [e, f, g, h, i, j, k, l] = rand::random::<[u8; 8]>();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

fn parse(text: &str) -> Result<[u8; BYTES], IdError> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(IdError);
    }
    let mut bytes = [0; BYTES];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError)?;
    Ok(bytes)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; BYTES]);

        impl $name {
            /// A new id.
            pub fn generate(now: Timestamp) -> Self {
                Self(generate(now))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

id! {
    /// A file, through all its versions.
    FileId
}

id! {
    /// A folder.
    FolderId
}

id! {
    /// One version of a file. That of the first version has the same text as the file's id.
    VersionId
}

id! {
    /// Names something in the trash.
    TrashId
}

id! {
    /// Work that goes on after the answer.
    JobId
}

id! {
    /// A receiver of events.
    WebhookId
}

id! {
    /// A message on its way to a receiver.
    DeliveryId
}

id! {
    /// A request to purge caches.
    PurgeId
}

impl WebhookId {
    /// The receiver that the server's settings name.
    pub const OF_SETTINGS: Self = Self([0; BYTES]);
}

id! {
    /// A custom metadata field.
    FieldId
}

impl FolderId {
    /// The folder that holds everything. It is never listed.
    pub(crate) const ROOT: Self = Self([0; BYTES]);
}

impl From<FileId> for VersionId {
    /// The first version of a file.
    fn from(id: FileId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms() {
        let text = "65f0c0ffee0123456789abcd";
        let id: FileId = text.parse().expect("an id");
        assert_eq!(id.to_string(), text);
        assert_eq!(format!("{id:?}"), "FileId(65f0c0ffee0123456789abcd)");
        assert_eq!(VersionId::from(id).to_string(), text);
        for wrong in [
            "",
            "65f0",
            "65F0C0FFEE0123456789ABCD",
            "65f0c0ffee0123456789abcg",
            "65f0c0ffee0123456789abcdef",
            "é",
        ] {
            assert_eq!(wrong.parse::<FileId>(), Err(IdError), "{wrong}");
        }
    }

    #[test]
    fn ids_begin_with_the_time_and_differ() {
        let now = Timestamp::from_millis(1_767_323_045_678).expect("in range");
        let (one, other) = (FileId::generate(now), FileId::generate(now));
        assert!(one.to_string().starts_with("695735a5"), "{one}");
        assert_ne!(one, other);
    }
}
