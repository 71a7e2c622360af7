//! Huffman codes of JPEG (ITU-T T.81, annexes C and F.2.2) as tables for looking up many bits at once.

/// A code as a file states it.
#[derive(Clone)]
pub(super) struct Lengths {
    /// How many codes have this many bits; the first entry is not used.
    counts: [u8; 17],
    /// In the order of their codes.
    symbols: Vec<u8>,
}

/// Bits that are looked up for one symbol.
const SYMBOL_BITS: u32 = 10;
/// Bits that are looked up for several symbols that only have to be passed over.
const RUN_BITS: u32 = 12;
/// The longest code.
const MAX_BITS: u32 = 16;

/// A symbol and what follows it, packed: bits of the code and of its value together, bits of the code, bits of the
/// value, coefficients that it advances. Zero is none.
#[derive(Clone, Copy)]
pub(super) struct Symbol(u32);

/// An advance that ends any block. From its size it is seen how far the block had come.
pub(super) const END: usize = 128;

impl Symbol {
    const NONE: Self = Self(0);

    fn new(code: u32, size: u32, advance: usize) -> Self {
        Self((code + size) | code << 8 | size << 16 | (advance as u32) << 24)
    }

    /// Of a difference of DC: its symbol is the size.
    fn of_dc(symbol: u8, code: u32) -> Self {
        Self::new(code, symbol.into(), 1)
    }

    /// Of a coefficient: run of zeros before it in the high half of the symbol, size in the low one.
    fn of_ac(symbol: u8, code: u32) -> Self {
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        let ends = size == 0 && run != 15;
        Self::new(code, size, if ends { END } else { run + 1 })
    }

    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Bits of code and value; a shift by the whole number shifts by them.
    pub fn bits(self) -> u32 {
        self.0 & 0x3f
    }

    fn code(self) -> u32 {
        self.0 >> 8 & 0x3f
    }

    fn size(self) -> u32 {
        self.0 >> 16 & 0x3f
    }

    /// True when its code takes more bits than are looked up at once.
    pub fn is_long(self) -> bool {
        self.code() > SYMBOL_BITS
    }

    /// Zeros before its coefficient.
    pub fn run(self) -> usize {
        (self.0 >> 24).wrapping_sub(1) as usize & 15
    }

    /// Coefficients from the one before this to the one after; [`END`] at the end of the block.
    pub fn advance(self) -> usize {
        (self.0 >> 24) as usize
    }

    /// The value in bits that begin with the symbol's code (T.81, figure F.12).
    #[inline(always)]
    pub fn value(self, buffer: u64) -> i32 {
        let size = self.size();
        let rest = buffer << self.code();
        let magnitude = (rest >> 1 >> (63 - size)) as i32;
        // Without its first bit it is negative.
        let negative = !((rest as i64) >> 63) as i32;
        magnitude + (negative & (1 - (1 << size)))
    }
}

/// A code to read symbols by, one at a time.
pub(super) struct Symbols {
    table: Box<[Symbol; 1 << SYMBOL_BITS]>,
    /// By code length: the first number, counted with all sixteen bits, that is beyond these codes.
    beyond: [u32; 17],
    /// By code length: what makes an index into the symbols of a code.
    offsets: [i32; 17],
    symbols: Vec<u8>,
    make: fn(u8, u32) -> Symbol,
}

/// A code to pass over coefficients by, several at a time. An entry holds the bits in its low six bits, then the advance;
/// with [`END`] added when the block ends there.
pub(super) struct Runs(Box<[u16; 1 << RUN_BITS]>);

impl Lengths {
    /// From the front of a segment's payload, and the rest of it.
    pub fn read(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (lengths, rest) = payload.split_at_checked(16)?;
        let mut counts = [0; 17];
        counts[1..].copy_from_slice(lengths);
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        if total > 256 {
            return None;
        }
        let lengths = Self {
            counts,
            symbols: symbols.to_vec(),
        };
        lengths.is_possible().then_some((lengths, rest))
    }

    pub fn symbols(&self) -> &[u8] {
        &self.symbols
    }

    /// True when no length has more codes than there is room for.
    fn is_possible(&self) -> bool {
        let mut code = 0;
        (1..=MAX_BITS as usize).all(|bits| {
            code = 2 * code + u32::from(self.counts[bits]);
            code <= 1 << bits
        })
    }

    pub fn dc(&self) -> Symbols {
        self.by(Symbol::of_dc)
    }

    pub fn ac(&self) -> Symbols {
        self.by(Symbol::of_ac)
    }

    fn by(&self, make: fn(u8, u32) -> Symbol) -> Symbols {
        let mut table = Box::new([Symbol::NONE; 1 << SYMBOL_BITS]);
        let (mut beyond, mut offsets) = ([0; 17], [0; 17]);
        let (mut code, mut index) = (0u32, 0usize);
        for bits in 1..=MAX_BITS {
            offsets[bits as usize] = index as i32 - code as i32;
            for _ in 0..self.counts[bits as usize] {
                if bits <= SYMBOL_BITS {
                    let spread = SYMBOL_BITS - bits;
                    let first = (code << spread) as usize;
                    table[first..first + (1 << spread)].fill(make(self.symbols[index], bits));
                }
                code += 1;
                index += 1;
            }
            beyond[bits as usize] = code << (MAX_BITS - bits);
            code <<= 1;
        }
        Symbols {
            table,
            beyond,
            offsets,
            symbols: self.symbols.clone(),
            make,
        }
    }
}

impl Symbols {
    /// The symbol that bits begin with; none when no code fits.
    #[inline(always)]
    pub fn look_up(&self, buffer: u64) -> Symbol {
        let symbol = self.table[(buffer >> (64 - SYMBOL_BITS)) as usize];
        if symbol.is_none() { self.long(buffer) } else { symbol }
    }

    #[cold]
    #[inline(never)]
    fn long(&self, buffer: u64) -> Symbol {
        let bits = (buffer >> (64 - MAX_BITS)) as u32;
        (SYMBOL_BITS + 1..=MAX_BITS)
            .find(|length| bits < self.beyond[*length as usize])
            .and_then(|length| {
                let code = (bits >> (MAX_BITS - length)) as i32;
                let index = usize::try_from(code + self.offsets[length as usize]).ok()?;
                Some((self.make)(*self.symbols.get(index)?, length))
            })
            .unwrap_or(Symbol::NONE)
    }
}

impl Runs {
    /// No advance of a valid entry reaches this.
    const NONE: u16 = 512 << 6;

    pub fn of(symbols: &Symbols) -> Self {
        // Symbols of codes up to eleven bits, with the bits of an index moved to the front of a buffer.
        let single: Vec<_> = (0..1u64 << RUN_BITS)
            .map(|index| symbols.look_up(index << (64 - RUN_BITS)))
            .collect();
        let mut table = Box::new([Self::NONE; 1 << RUN_BITS]);
        for (index, entry) in table.iter_mut().enumerate() {
            let (mut bits, mut advance) = (0, 0);
            while bits < RUN_BITS {
                let symbol = single[index << bits & ((1 << RUN_BITS) - 1)];
                // Later bits are not known, so a code that needs them may be another one.
                if symbol.is_none() || bits + symbol.code() > RUN_BITS {
                    break;
                }
                if symbol.advance() == END {
                    bits += symbol.bits();
                    advance += END;
                    break;
                }
                if advance + symbol.advance() > 63 {
                    break;
                }
                bits += symbol.bits();
                advance += symbol.advance();
            }
            if bits > 0 {
                *entry = (advance << 6) as u16 | bits as u16;
            }
        }
        Self(table)
    }

    /// Bits and advance of as many symbols as are known from these bits.
    #[inline(always)]
    pub fn look_up(&self, buffer: u64) -> (u32, usize) {
        let entry = self.0[(buffer >> (64 - RUN_BITS)) as usize];
        (u32::from(entry) & 0x3f, usize::from(entry >> 6))
    }
}
