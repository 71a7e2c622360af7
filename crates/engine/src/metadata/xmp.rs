//! XMP: RDF in XML (ISO 16684-1), as plain JSON values.

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

use super::{MAX_ITEMS, text};

/// Bytes of a packet.
const MAX_BYTES: usize = 1 << 20;
/// Elements and texts of one.
const MAX_NODES: u32 = 20_000;
/// Attributes of one tag. The parser compares each with those before it.
const MAX_ATTRIBUTES: usize = 1000;
/// Declarations of namespaces in a packet. The parser goes over all that hold at a place for each that is made there.
const MAX_NAMESPACES: usize = 500;
/// Structures in structures.
const MAX_DEPTH: u32 = 6;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The vocabularies that are read. Those that only serve editing programs are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    DublinCore,
    Basic,
    Rights,
    Photoshop,
    /// IPTC Core and Extension, PLUS, Lightroom's keywords.
    Described,
    /// What cameras write: EXIF, TIFF, lenses.
    Technical,
}

/// A property: where its name is from, its name, its value.
pub(super) type Property = (Vocabulary, String, Value);

/// The properties of a packet, in their order; none of one that is no XML.
pub(super) fn read(packet: &[u8]) -> Vec<Property> {
    properties(packet).unwrap_or_default()
}

fn properties(packet: &[u8]) -> Option<Vec<Property>> {
    if packet.len() > MAX_BYTES {
        return None;
    }
    let packet = std::str::from_utf8(packet).ok()?;
    let packet = packet.trim_matches(|c: char| c.is_whitespace() || c == '\0' || c == '\u{feff}');
    if packet.matches("xmlns").nth(MAX_NAMESPACES).is_some() || most_attributes(packet) > MAX_ATTRIBUTES {
        return None;
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(packet, options).ok()?;
    let rdf = document.descendants().find(|node| node.has_tag_name((RDF, "RDF")))?;
    let mut properties = Vec::new();
    for description in rdf.children().filter(|node| node.has_tag_name((RDF, "Description"))) {
        for attribute in description.attributes() {
            if let Some(vocabulary) = vocabulary(attribute.namespace())
                && let Some(value) = text(attribute.value())
            {
                properties.push((vocabulary, attribute.name().to_owned(), Value::from(value)));
            }
        }
        for element in description.children().filter(Node::is_element) {
            if let Some(vocabulary) = vocabulary(element.tag_name().namespace())
                && let Some(value) = value(element, 0)
            {
                properties.push((vocabulary, element.tag_name().name().to_owned(), value));
            }
        }
    }
    Some(properties)
}

/// How many attributes the tag has that has most of them.
fn most_attributes(xml: &str) -> usize {
    let mut most = 0;
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        // What is between these is no tag, whatever it looks like.
        let apart = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
        let length = match apart.iter().find(|(begin, _)| rest.starts_with(begin)) {
            Some((begin, end)) => rest[begin.len()..].find(end).map(|at| begin.len() + at + end.len()),
            None => {
                let (attributes, length) = tag(rest);
                most = most.max(attributes);
                length
            }
        };
        match length {
            Some(length) => rest = &rest[length..],
            None => break,
        }
    }
    most
}

/// How many quoted values the tag at the start has, and its length if it has an end.
fn tag(xml: &str) -> (usize, Option<usize>) {
    let mut values = 0;
    let mut quote = None;
    for (at, byte) in xml.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return (values, Some(at + 1)),
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                values += 1;
            }
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
    }
    (values, None)
}

fn vocabulary(namespace: Option<&str>) -> Option<Vocabulary> {
    Some(match namespace? {
        "http://purl.org/dc/elements/1.1/" => Vocabulary::DublinCore,
        "http://ns.adobe.com/xap/1.0/" => Vocabulary::Basic,
        "http://ns.adobe.com/xap/1.0/rights/" => Vocabulary::Rights,
        "http://ns.adobe.com/photoshop/1.0/" => Vocabulary::Photoshop,
        "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
        | "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
        | "http://ns.useplus.org/ldf/xmp/1.0/"
        | "http://ns.adobe.com/lightroom/1.0/" => Vocabulary::Described,
        "http://ns.adobe.com/exif/1.0/"
        | "http://ns.adobe.com/exif/1.0/aux/"
        | "http://cipa.jp/exif/1.0/"
        | "http://ns.adobe.com/tiff/1.0/" => Vocabulary::Technical,
        _ => return None,
    })
}

/// What a property's element holds: a text, a list, or a structure.
fn value(element: Node, depth: u32) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    if element.attribute((RDF, "parseType")) == Some("Resource") {
        return structure(element, depth);
    }
    if let Some(inner) = element.children().find(|node| node.tag_name().namespace() == Some(RDF)) {
        return match inner.tag_name().name() {
            "Bag" | "Seq" => list(inner, depth),
            "Alt" => alternative(inner, depth),
            "Description" => structure(inner, depth),
            "value" => value(inner, depth + 1),
            _ => None,
        };
    }
    if let Some(address) = element.attribute((RDF, "resource")) {
        return text(address).map(Value::from);
    }
    let content: String = element
        .children()
        .filter(|node| node.is_text())
        .filter_map(|node| node.text())
        .collect();
    match text(&content) {
        Some(text) => Some(Value::from(text)),
        // A structure whose fields are all texts may be written as attributes.
        None => structure(element, depth),
    }
}

fn list(container: Node, depth: u32) -> Option<Value> {
    let items = container.children().filter(|node| node.has_tag_name((RDF, "li")));
    let values: Vec<Value> = items
        .take(MAX_ITEMS)
        .filter_map(|item| value(item, depth + 1))
        .collect();
    (!values.is_empty()).then(|| Value::from(values))
}

/// Of a text in several languages the one that is for everybody, or else the first.
fn alternative(container: Node, depth: u32) -> Option<Value> {
    let items: Vec<Node> = container
        .children()
        .filter(|node| node.has_tag_name((RDF, "li")))
        .take(MAX_ITEMS)
        .collect();
    let for_all = items
        .iter()
        .find(|item| item.attribute((XML, "lang")) == Some("x-default"));
    value(*for_all.or(items.first())?, depth + 1)
}

fn structure(element: Node, depth: u32) -> Option<Value> {
    let mut fields = Map::new();
    let is_field = |namespace: Option<&str>| namespace.is_some_and(|namespace| namespace != RDF && namespace != XML);
    for attribute in element.attributes().filter(|attribute| is_field(attribute.namespace())) {
        if let Some(value) = text(attribute.value()) {
            fields.insert(pascal(attribute.name()), Value::from(value));
        }
    }
    for field in element.children().filter(|node| is_field(node.tag_name().namespace())) {
        if let Some(value) = value(field, depth + 1) {
            fields.insert(pascal(field.tag_name().name()), value);
        }
    }
    (!fields.is_empty()).then(|| Value::from(fields))
}

/// `personInImage` as `PersonInImage`.
pub(super) fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(attributes: &str, content: &str) -> String {
        format!(
            "<?xpacket begin='' id='<a b=\"c\"'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='{RDF}'>\
             <rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' {attributes}>{content}</rdf:Description>\
             </rdf:RDF></x:xmpmeta>"
        )
    }

    #[test]
    fn attributes_and_namespaces_have_limits() {
        let attributes = |count: usize| (0..count).map(|n| format!(" dc:a{n}=\"'>\"")).collect::<String>();
        let read = |packet: &str| read(packet.as_bytes()).len();
        // The declaration of the vocabulary is one, too.
        assert_eq!(read(&packet(&attributes(MAX_ATTRIBUTES - 1), "")), MAX_ATTRIBUTES - 1);
        assert_eq!(read(&packet(&attributes(MAX_ATTRIBUTES), "")), 0);
        // In what is no tag they do not count.
        for apart in [
            format!("<!-- <a{}> -->", attributes(MAX_ATTRIBUTES)),
            format!("<![CDATA[<a{}>]]>", attributes(MAX_ATTRIBUTES)),
            format!("<?pi <a{}> ?>", attributes(MAX_ATTRIBUTES)),
        ] {
            assert_eq!(read(&packet("dc:a='1'", &apart)), 1, "{}", &apart[..8]);
        }
        // Nested ones hold together.
        let nested = |depth: usize| {
            let open: String = (0..depth).map(|n| format!("<a xmlns:n{n}='u{n}'>")).collect();
            open + &"</a>".repeat(depth)
        };
        let others = packet("", "").matches("xmlns").count();
        assert_eq!(read(&packet("dc:a='1'", &nested(MAX_NAMESPACES - others))), 1);
        assert_eq!(read(&packet("dc:a='1'", &nested(MAX_NAMESPACES - others + 1))), 0);
    }
}
