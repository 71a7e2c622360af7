//! Elements as text.

/// Writes well-formed XML whatever it is given, in UTF-8, with one element as its root.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: String,
    open: Vec<String>,
    /// The last tag has no `>` yet.
    in_tag: bool,
}

impl Writer {
    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Begins an element.
    pub(super) fn open(&mut self, name: &str) {
        self.end_tag();
        self.text.push('<');
        self.text.push_str(name);
        if self.open.is_empty() {
            self.text
                .push_str(" xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"");
        }
        self.open.push(name.to_owned());
        self.in_tag = true;
    }

    /// An attribute of the element that was just begun.
    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        for c in value.chars() {
            match c {
                '"' => self.text.push_str("&quot;"),
                // Readers make blanks of these.
                '\n' => self.text.push_str("&#10;"),
                '\r' => self.text.push_str("&#13;"),
                '\t' => self.text.push_str("&#9;"),
                c => self.push(c),
            }
        }
        self.text.push('"');
    }

    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.end_tag();
        for c in text.chars() {
            match c {
                '\r' => self.text.push_str("&#13;"),
                c => self.push(c),
            }
        }
    }

    /// Ends the innermost element.
    pub(super) fn close(&mut self) {
        let Some(name) = self.open.pop() else { return };
        if self.in_tag {
            self.text.push_str("/>");
            self.in_tag = false;
        } else {
            self.text.push_str("</");
            self.text.push_str(&name);
            self.text.push('>');
        }
    }

    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn end_tag(&mut self) {
        if std::mem::take(&mut self.in_tag) {
            self.text.push('>');
        }
    }

    fn push(&mut self, c: char) {
        match c {
            '&' => self.text.push_str("&amp;"),
            '<' => self.text.push_str("&lt;"),
            '>' => self.text.push_str("&gt;"),
            c => self.text.push(c),
        }
    }
}
