use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Decodes base64 that arrives in pieces: standard or URL-safe alphabet, line breaks anywhere, padding or none.
#[derive(Default)]
pub struct Base64Text {
    /// Fewer than four letters that wait for the rest of their group.
    pending: Vec<u8>,
    /// Padding was seen: nothing but more of it may follow.
    ended: bool,
}

/// A character that is not base64, or a length that can't be.
#[derive(Debug, PartialEq, Eq)]
pub struct NotBase64;

impl Base64Text {
    /// The bytes that `piece` completes.
    pub fn decode(&mut self, piece: &[u8]) -> Result<Vec<u8>, NotBase64> {
        for byte in piece {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => {}
                b'=' => self.ended = true,
                _ if self.ended => return Err(NotBase64),
                b'-' => self.pending.push(b'+'),
                b'_' => self.pending.push(b'/'),
                letter => self.pending.push(*letter),
            }
        }
        let whole = self.pending.len() / 4 * 4;
        let bytes = STANDARD_NO_PAD.decode(&self.pending[..whole]).map_err(|_| NotBase64)?;
        self.pending.drain(..whole);
        Ok(bytes)
    }

    /// The bytes of the last, incomplete group.
    pub fn finish(self) -> Result<Vec<u8>, NotBase64> {
        STANDARD_NO_PAD.decode(&self.pending).map_err(|_| NotBase64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str, piece: usize) -> Result<Vec<u8>, NotBase64> {
        let mut decoder = Base64Text::default();
        let mut bytes = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            bytes.extend(decoder.decode(piece)?);
        }
        bytes.extend(decoder.finish()?);
        Ok(bytes)
    }

    #[test]
    fn pieces_of_any_size_give_the_same_bytes() {
        let cases: &[(&str, &[u8])] = &[
            ("aGVsbG8gd29ybGQ=", b"hello world"),
            ("aGVsbG8gd29ybGQ", b"hello world"),
            ("aGVs\r\nbG8g d29y\nbGQ=\n", b"hello world"),
            ("-_-_", &[0xfb, 0xff, 0xbf]),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
            ("", b""),
        ];
        for (text, bytes) in cases {
            for piece in 1..8 {
                assert_eq!(decode(text, piece).as_deref(), Ok(*bytes), "{text} by {piece}");
            }
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["hello!", "aGVsbG8=aGVsbG8=", "a", "caf\u{e9}"] {
            assert_eq!(decode(text, 3), Err(NotBase64), "{text}");
        }
    }
}
