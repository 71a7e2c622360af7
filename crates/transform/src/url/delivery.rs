use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::signature;

/// What a path segment leaves as it is (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What cannot stand in a query value. `%` can: values of a transformation come encoded.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'&')
    .add(b'?')
    .add(b'\'');
/// The same for a path segment.
const PATH: &AsciiSet = &QUERY.add(b'/').add(b'`').add(b'{').add(b'}').add(b'\\');

/// Builds the address of an asset.
///
/// ```
/// use transform::{DeliveryUrl, Position};
///
/// let url = DeliveryUrl::new("https://media.example.com/acct", "/photos/a cat.jpg")
///     .transformation("w-300,h-200")
///     .position(Position::Path);
/// assert_eq!(url.build(), "https://media.example.com/acct/tr:w-300,h-200/photos/a%20cat.jpg");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryUrl {
    endpoint: String,
    path: String,
    transformation: String,
    position: Position,
    query: Vec<(String, String)>,
}

/// Where the transformation stands in the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Position {
    /// `/acct/tr:w-300/photos/cat.jpg`
    Path,
    /// `/acct/photos/cat.jpg?tr=w-300`
    #[default]
    Query,
}

impl DeliveryUrl {
    /// `endpoint` is a URL endpoint, `path` the path of an asset under it, not encoded.
    pub fn new(endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            path: path.into(),
            transformation: String::new(),
            position: Position::default(),
            query: Vec::new(),
        }
    }

    /// Steps, as they are written in a URL: special characters of values encoded.
    #[must_use]
    pub fn transformation(mut self, text: impl Into<String>) -> Self {
        self.transformation = text.into();
        self
    }

    /// Where they stand. In the query, unless asked for.
    #[must_use]
    pub fn position(mut self, position: Position) -> Self {
        self.position = position;
        self
    }

    /// A further query parameter, not encoded. They stand before `tr`, in this order.
    #[must_use]
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    /// The address, without a signature.
    pub fn build(&self) -> String {
        format!("{}/{}", self.endpoint.trim_end_matches('/'), self.rest())
    }

    /// The address, signed with the account's private key. `expiry` is in Unix seconds; without it the address is
    /// valid for ever.
    pub fn signed(&self, private_key: &str, expiry: Option<u64>) -> String {
        let signed = signature::signed_rest(private_key, &self.rest(), expiry);
        format!("{}/{signed}", self.endpoint.trim_end_matches('/'))
    }

    /// What follows the endpoint, as on the wire.
    fn rest(&self) -> String {
        let mut segments = Vec::new();
        let mut query: Vec<String> = self
            .query
            .iter()
            .map(|(key, value)| format!("{}={}", encoded(key), encoded(value)))
            .collect();
        if !self.transformation.is_empty() {
            match self.position {
                Position::Path => segments.push(format!("tr:{}", utf8_percent_encode(&self.transformation, PATH))),
                Position::Query => query.push(format!("tr={}", utf8_percent_encode(&self.transformation, QUERY))),
            }
        }
        segments.extend(self.path.split('/').filter(|segment| !segment.is_empty()).map(encoded));
        let path = segments.join("/");
        if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
