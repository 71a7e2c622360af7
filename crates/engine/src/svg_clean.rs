//! SVG without what a browser would run or fetch.
//!
//! A drawing is read as XML and written anew from what is known to be harmless: elements and attributes by a list, references
//! only to parts of the same drawing or to pictures and fonts that are written out in it. Nothing of the text is copied
//! as it stands, so that a reader that understands broken markup otherwise than ours finds no markup that is not ours.

mod css;
mod elements;
mod references;
mod write;

use roxmltree::{Document, Node};
use transform::Format;

use crate::codecs::{malformed, svg};
use crate::{Budget, RenderError};

use elements::{Kind, kind};
use references::{Kept, Use, kept};
use write::Writer;

/// To be raised when the same drawing gives another result than before: results are kept by it.
pub const SVG_CLEANING: u32 = 1;

const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Drawings in pictures of drawings: cleaned, too, and no deeper.
const NESTED: u8 = 1;

/// Writes a drawing anew without scripts, event handlers, foreign markup and references to anything outside of it.
///
/// What stays looks the same. Fails on what is not well-formed XML, whose root is not `svg`, or that is too large or deep.
pub fn clean_svg(source: &[u8], budget: &Budget<'_>) -> Result<Vec<u8>, RenderError> {
    budget.check_source(source.len())?;
    let cleaned = cleaned(source, NESTED, budget)?;
    budget.check_output(cleaned.len())?;
    Ok(cleaned.into_bytes())
}

fn cleaned(source: &[u8], nested: u8, budget: &Budget<'_>) -> Result<String, RenderError> {
    if source.len() as u64 > crate::probe::MAX_VECTOR {
        return Err(RenderError::OverBudget {
            what: "bytes of the drawing",
            found: source.len() as u64,
            limit: crate::probe::MAX_VECTOR,
        });
    }
    let text = svg::text(source);
    let document = svg::parsed(&text)?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" || !is_drawn(&root) {
        return Err(malformed(Format::Svg, "the root element is not `svg`"));
    }
    Cleaning {
        nested,
        budget,
        writer: Writer::default(),
    }
    .document(&document)
}

/// Elements without a namespace are what old programs wrote; they are drawn as if they had the right one.
fn is_drawn(node: &Node) -> bool {
    matches!(node.tag_name().namespace(), Some(SVG) | None)
}

struct Cleaning<'a> {
    /// How much deeper drawings inside of this one may go.
    nested: u8,
    budget: &'a Budget<'a>,
    writer: Writer,
}

/// How often it is looked whether somebody has given up.
const LOOK_EVERY: usize = 4096;

impl Cleaning<'_> {
    /// Walks without recursion: from a node to its first child, its next sibling, or up.
    fn document(mut self, document: &Document) -> Result<String, RenderError> {
        let root = document.root_element();
        let mut node = root;
        let mut seen = 0_usize;
        loop {
            seen += 1;
            if seen.is_multiple_of(LOOK_EVERY) {
                self.budget.check_cancelled()?;
                self.budget.check_output(self.writer.len())?;
            }
            let enter = self.enter(&node)?;
            if let Some(child) = node.first_child().filter(|_| enter) {
                node = child;
                continue;
            }
            if enter {
                self.writer.close();
            }
            node = loop {
                if node == root {
                    return Ok(self.writer.finish());
                }
                if let Some(sibling) = node.next_sibling() {
                    break sibling;
                }
                match node.parent() {
                    Some(parent) => node = parent,
                    None => return Ok(self.writer.finish()),
                }
                self.writer.close();
            };
        }
    }

    /// Writes what begins here. True if it is an element whose children are wanted and that is to be closed.
    fn enter(&mut self, node: &Node) -> Result<bool, RenderError> {
        if node.is_text() {
            self.writer.text(node.text().unwrap_or_default());
            return Ok(false);
        }
        // Comments and instructions such as `xml-stylesheet` go.
        if !node.is_element() || !is_drawn(node) {
            return Ok(false);
        }
        let name = node.tag_name().name();
        let Some(kind) = kind(name) else {
            return Ok(false);
        };
        match kind {
            Kind::Style => {
                self.style(node)?;
                return Ok(false);
            }
            Kind::Words => {
                self.writer.open(name);
                let words: String = node
                    .children()
                    .filter_map(|child| child.text().filter(|_| child.is_text()))
                    .collect();
                self.writer.text(&words);
                self.writer.close();
                return Ok(false);
            }
            Kind::Animation if animates_what_may_not_change(node) => return Ok(false),
            Kind::Shape | Kind::Picture | Kind::Link | Kind::Animation => {}
        }
        self.writer.open(name);
        self.attributes(node, kind)?;
        Ok(true)
    }

    fn attributes(&mut self, node: &Node, kind: Kind) -> Result<(), RenderError> {
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            match (attribute.namespace(), name) {
                (None | Some(XLINK), "href") => {
                    let purpose = match kind {
                        Kind::Picture => Use::Picture,
                        Kind::Link => Use::Hyperlink,
                        _ => Use::Part,
                    };
                    let written = if attribute.namespace().is_some() {
                        "xlink:href"
                    } else {
                        "href"
                    };
                    match self.reference(value, purpose)? {
                        Kept::AsItIs => self.writer.attribute(written, value),
                        Kept::As(other) => self.writer.attribute(written, &other),
                        Kept::Not => {}
                    }
                }
                (Some(XLINK), "title" | "type" | "show" | "actuate" | "role") => {
                    self.writer.attribute(&format!("xlink:{name}"), value);
                }
                (Some(XML), "space" | "lang") => self.writer.attribute(&format!("xml:{name}"), value),
                (None, name) if elements::may_stay(name) => match self.css(value)? {
                    Some(changed) => self.writer.attribute(name, &changed),
                    None => self.writer.attribute(name, value),
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// A style sheet. Its text may stand in several pieces, between which a comment or an element was.
    fn style(&mut self, node: &Node) -> Result<(), RenderError> {
        let kind = node.attribute("type").unwrap_or_default().trim();
        if !(kind.is_empty() || kind.eq_ignore_ascii_case("text/css")) {
            return Ok(());
        }
        let sheet: String = node
            .children()
            .filter_map(|child| child.text().filter(|_| child.is_text()))
            .collect();
        self.writer.open("style");
        for name in ["type", "media", "id"] {
            if let Some(value) = node.attribute(name) {
                self.writer.attribute(name, value);
            }
        }
        let changed = self.css(&sheet)?;
        self.writer.text(changed.as_deref().unwrap_or(&sheet));
        self.writer.close();
        Ok(())
    }

    /// A style sheet or a part of one without what would be fetched; `None` if nothing of it would be.
    fn css(&self, text: &str) -> Result<Option<String>, RenderError> {
        css::cleaned(text, &mut |url| self.reference(url, Use::Style))
    }

    fn reference(&self, url: &str, purpose: Use) -> Result<Kept, RenderError> {
        kept(url, purpose, &mut |drawing| match self.nested.checked_sub(1) {
            Some(nested) => match cleaned(drawing, nested, self.budget) {
                Err(RenderError::Cancelled) => Err(RenderError::Cancelled),
                // A broken picture is no picture.
                cleaned => Ok(cleaned.ok()),
            },
            None => Ok(None),
        })
    }
}

/// Animations may not set what references and handlers are made of.
fn animates_what_may_not_change(node: &Node) -> bool {
    node.attribute("attributeName").is_some_and(|name| {
        let name = name.trim();
        name.contains(':') || name == "href" || name == "style" || !elements::may_stay(name)
    })
}

#[cfg(test)]
mod tests;
