use std::fmt;

use crate::Mode;
use crate::color_names::COLOR_NAMES;

/// A colour in sRGB with straight (not premultiplied) alpha, eight bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
    /// 0 is transparent, 255 opaque.
    pub alpha: u8,
}

impl Color {
    /// Opaque black: what shows where nothing was painted, unless the language says otherwise.
    pub const BLACK: Self = Self {
        red: 0,
        green: 0,
        blue: 0,
        alpha: 255,
    };
    /// Opaque white.
    pub const WHITE: Self = Self {
        red: 255,
        green: 255,
        blue: 255,
        alpha: 255,
    };
    /// Nothing at all.
    pub const TRANSPARENT: Self = Self {
        red: 0,
        green: 0,
        blue: 0,
        alpha: 0,
    };

    /// True when nothing behind this colour shows through.
    pub fn is_opaque(self) -> bool {
        self.alpha == 255
    }

    /// `RRGGBB`, `RRGGBBAA` with AA in percent, `RGB`, a name of CSS, or `transparent`.
    ///
    /// An AA that is not two decimal digits is read as hexadecimal in lenient mode. It becomes percent first, so that
    /// two spellings of a colour with one canonical form are one colour.
    pub fn parse(text: &str, mode: Mode) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        if lower == "transparent" {
            return Some(Self::TRANSPARENT);
        }
        if let Some((_, rgb)) = COLOR_NAMES.iter().find(|(name, _)| *name == lower) {
            return Some(Self::opaque(*rgb));
        }
        if !lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        match lower.len() {
            3 => {
                let doubled: String = lower.chars().flat_map(|digit| [digit, digit]).collect();
                u32::from_str_radix(&doubled, 16).ok().map(Self::opaque)
            }
            6 => u32::from_str_radix(&lower, 16).ok().map(Self::opaque),
            8 => {
                let (rgb, alpha) = lower.split_at(6);
                let percent = match alpha.parse::<u16>() {
                    Ok(percent) => percent,
                    Err(_) if mode == Mode::Lenient => (u16::from_str_radix(alpha, 16).ok()? * 100 + 127) / 255,
                    Err(_) => return None,
                };
                let alpha = u8::try_from((percent * 255 + 50) / 100).ok()?;
                u32::from_str_radix(rgb, 16).ok().map(|rgb| Self {
                    alpha,
                    ..Self::opaque(rgb)
                })
            }
            _ => None,
        }
    }

    fn opaque(rgb: u32) -> Self {
        let [_, red, green, blue] = rgb.to_be_bytes();
        Self {
            red,
            green,
            blue,
            alpha: 255,
        }
    }
}

impl fmt::Display for Color {
    /// As the language writes it: `FF0000`, or `FF000040` for 40 percent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}{:02X}{:02X}", self.red, self.green, self.blue)?;
        if self.is_opaque() {
            Ok(())
        } else {
            write!(f, "{:02}", (u16::from(self.alpha) * 100 + 127) / 255)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, canonical) in [
            ("ff0000", "FF0000"),
            ("FF000040", "FF000040"),
            ("FF0000A9", "FF000066"),
            ("FF000099", "FF000099"),
            ("FF0000FF", "FF0000"),
            ("0f8", "00FF88"),
            ("RebeccaPurple", "663399"),
            ("white", "FFFFFF"),
            ("transparent", "00000000"),
        ] {
            assert_eq!(
                Color::parse(text, Mode::Lenient).unwrap().to_string(),
                canonical,
                "{text}"
            );
        }
        assert_eq!(Color::parse("FF000040", Mode::Strict).unwrap().alpha, 102);
        assert_eq!(Color::parse("FF0000CC", Mode::Strict), None);
        for text in ["", "F", "FF00", "GG0000", "FF0000000", "blurple", "1e1e2é"] {
            assert_eq!(Color::parse(text, Mode::Lenient), None, "{text}");
        }
    }

    #[test]
    fn every_percentage_survives_a_round_trip() {
        for percent in 0..100 {
            let text = format!("123456{percent:02}");
            assert_eq!(Color::parse(&text, Mode::Strict).unwrap().to_string(), text);
        }
    }
}
