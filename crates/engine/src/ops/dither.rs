/// What is added to a value before it is rounded, so that slow changes do not become bands: an ordered pattern of 8 by 8
/// (Bayer, "An Optimum Method for Two-Level Rendition of Continuous-Tone Pictures", 1973), above -0.5 and below 0.5. A
/// whole number stays itself.
pub(crate) fn threshold(x: usize, y: usize) -> f32 {
    PATTERN[y & 7][x & 7]
}

static PATTERN: [[f32; 8]; 8] = {
    let mut pattern = [[0.0; 8]; 8];
    let mut y = 0;
    while y < 8 {
        let mut x = 0;
        while x < 8 {
            // The bits of x ^ y and y by turns, the lowest first.
            let (a, b) = (x ^ y, y);
            let mut rank = 0;
            let mut bit = 0;
            while bit < 3 {
                rank |= ((a >> bit) & 1) << (5 - 2 * bit);
                rank |= ((b >> bit) & 1) << (4 - 2 * bit);
                bit += 1;
            }
            pattern[y][x] = (rank as f32 + 0.5) / 64.0 - 0.5;
            x += 1;
        }
        y += 1;
    }
    pattern
};
