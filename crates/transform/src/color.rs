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
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0, alpha: 255 };
    /// Opaque white.
    pub const WHITE: Self = Self { red: 255, green: 255, blue: 255, alpha: 255 };
    /// Nothing at all.
    pub const TRANSPARENT: Self = Self { red: 0, green: 0, blue: 0, alpha: 0 };

    /// True when nothing behind this colour shows through.
    pub fn is_opaque(self) -> bool {
        self.alpha == 255
    }
}
