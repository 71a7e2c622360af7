//! Assets that nobody took: names, tags, sizes, dates, places and metadata in the proportions of a real library. The same
//! number always gives the same asset.

use serde_json::{Map, Value, json};

/// Everything begins here: the first asset's time, in milliseconds since 1970 (the start of 2023).
pub const FIRST_MS: i64 = 1_672_531_200_000;
/// All are made within three years of it.
pub const SPAN_MS: i64 = 3 * 365 * 86_400_000;

/// Words that are planted in names, with their shares in millionths.
pub const NAME_WORDS: [(&str, u64); 4] = [
    ("summer", 100_000),
    ("harbour", 10_000),
    ("lighthouse", 1000),
    ("zanzibar", 50),
];
/// Tags likewise.
pub const TAGS: [(&str, u64); 4] = [
    ("campaign", 200_000),
    ("banner-ad", 10_000),
    ("press kit", 1000),
    ("unicorn", 50),
];
/// Keywords likewise.
pub const KEYWORDS: [(&str, u64); 3] = [("travel", 50_000), ("sunset", 5000), ("eclipse", 50)];

/// Custom metadata fields: name and type.
pub const FIELDS: [(&str, &str); 7] = [
    ("brand", "Text"),
    ("note", "Textarea"),
    ("price", "Number"),
    ("shot", "Date"),
    ("sale", "Boolean"),
    ("shade", "SingleSelect"),
    ("sizes", "MultiSelect"),
];

const SYLLABLES: [&str; 24] = [
    "ba", "co", "da", "el", "fi", "go", "ha", "in", "jo", "ka", "lu", "mi", "no", "or", "pa", "qui", "re", "so", "ta",
    "un", "ve", "wa", "xy", "zo",
];

/// A file as one of its versions.
pub struct Asset {
    pub id: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub folder: usize,
    pub name: String,
    pub size: i64,
    pub mime: &'static str,
    pub format: &'static str,
    pub is_image: bool,
    pub width: i64,
    pub height: i64,
    pub has_alpha: Option<bool>,
    pub tags: Vec<String>,
    pub custom: Map<String, Value>,
    pub embedded: Option<Map<String, Value>>,
    pub taken_ms: Option<i64>,
    pub place: Option<(f64, f64)>,
    pub phash: Option<i64>,
    pub private: bool,
    pub published: bool,
    pub created_by: Option<String>,
    pub has_older_version: bool,
}

/// Numbers by chance that are the same for the same seed.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True so many times in a million.
    pub fn hits(&mut self, millionths: u64) -> bool {
        self.below(1_000_000) < millionths
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Few small numbers often, many large ones seldom.
    pub fn skewed(&mut self, end: u64) -> u64 {
        let share = self.share();
        ((end as f64).powf(share) - 1.0) as u64 % end.max(1)
    }
}

/// The word of a number, from 0 to about ten thousand.
pub fn word(number: u64) -> String {
    let count = SYLLABLES.len() as u64;
    let mut word = String::new();
    let mut rest = number + count * count;
    while rest > 0 {
        word.push_str(SYLLABLES[(rest % count) as usize]);
        rest /= count;
    }
    word
}

/// How many folders so many assets have.
pub fn folders(assets: u64) -> usize {
    (assets / 100).max(10) as usize
}

/// The folder above a folder, if it is not at the top. Folders come after those above them.
pub fn parent(folder: usize) -> Option<usize> {
    (folder >= 20).then_some(folder / 12)
}

/// An id in the form of the library's own, in the order of the times.
pub fn id(kind: u64, number: u64, ms: i64) -> String {
    format!("{:08x}{kind:04x}{number:012x}", ms / 1000)
}

pub fn asset(number: u64, all: u64) -> Asset {
    let mut chance = Chance::new(number);
    let created_ms = FIRST_MS + (number as i64).wrapping_mul(SPAN_MS / all.max(1) as i64) + chance.below(1000) as i64;
    let updated_ms = if chance.hits(200_000) {
        let later = FIRST_MS + SPAN_MS - created_ms;
        created_ms + chance.below(later.max(1) as u64) as i64
    } else {
        created_ms
    };
    let (mime, format, is_image) = kind(&mut chance);
    let has_sides = is_image || mime.starts_with("video/");
    let (width, height) = if has_sides { sides(&mut chance) } else { (0, 0) };
    let tags = tags(&mut chance);
    let custom = custom(&mut chance);
    let taken_ms = (is_image && chance.hits(450_000)).then(|| created_ms - chance.below(86_400_000 * 60) as i64);
    let place = (is_image && chance.hits(250_000)).then(|| place(&mut chance));
    let keywords: Vec<&str> = KEYWORDS
        .iter()
        .filter(|(_, share)| chance.hits(*share))
        .map(|(keyword, _)| *keyword)
        .collect();
    Asset {
        id: id(1, number, created_ms),
        created_ms,
        updated_ms,
        folder: chance.skewed(folders(all) as u64) as usize,
        name: name(&mut chance, number, format),
        size: (2000.0 * (1.0 + 9.0 * chance.share() * chance.share()) * 2000_f64.powf(chance.share() * 0.9)) as i64,
        mime,
        format,
        is_image,
        width,
        height,
        has_alpha: is_image.then(|| chance.hits(120_000)),
        tags,
        custom,
        embedded: embedded(taken_ms, place, &keywords),
        taken_ms,
        place,
        phash: is_image.then(|| phash(&mut chance, number)),
        private: chance.hits(50_000),
        published: !chance.hits(20_000),
        created_by: chance
            .hits(500_000)
            .then(|| format!("{}@example.org", word(chance.skewed(200)))),
        has_older_version: chance.hits(30_000),
    }
}

fn kind(chance: &mut Chance) -> (&'static str, &'static str, bool) {
    match chance.below(1000) {
        0..600 => ("image/jpeg", "jpg", true),
        600..760 => ("image/png", "png", true),
        760..860 => ("image/webp", "webp", true),
        860..890 => ("image/svg+xml", "svg", true),
        890..905 => ("image/gif", "gif", true),
        905..910 => ("image/avif", "avif", true),
        910..955 => ("video/mp4", "mp4", false),
        955..990 => ("application/pdf", "pdf", false),
        990..999 => ("text/css", "css", false),
        _ => ("font/woff2", "woff2", false),
    }
}

fn sides(chance: &mut Chance) -> (i64, i64) {
    const USUAL: [(i64, i64); 6] = [
        (1920, 1080),
        (4032, 3024),
        (1200, 800),
        (800, 800),
        (3000, 2000),
        (640, 480),
    ];
    if chance.hits(600_000) {
        USUAL[chance.below(6) as usize]
    } else {
        (16 + chance.below(5000) as i64, 16 + chance.below(4000) as i64)
    }
}

fn name(chance: &mut Chance, number: u64, format: &str) -> String {
    let mut words: Vec<String> = (0..1 + chance.below(3)).map(|_| word(chance.skewed(8000))).collect();
    words.extend(
        NAME_WORDS
            .iter()
            .filter(|(_, share)| chance.hits(*share))
            .map(|(word, _)| (*word).to_owned()),
    );
    format!("{}_{number}.{format}", words.join("-"))
}

fn tags(chance: &mut Chance) -> Vec<String> {
    let mut tags: Vec<String> = TAGS
        .iter()
        .filter(|(_, share)| chance.hits(*share))
        .map(|(tag, _)| (*tag).to_owned())
        .collect();
    if chance.hits(880_000) {
        tags.extend((0..chance.below(6)).map(|_| word(chance.skewed(5000))));
    }
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn custom(chance: &mut Chance) -> Map<String, Value> {
    let mut custom = Map::new();
    let mut set = |name: &str, value: Value| {
        custom.insert(name.to_owned(), value);
    };
    if chance.hits(600_000) {
        set("brand", json!(word(chance.skewed(500))));
    }
    if chance.hits(150_000) {
        let words: Vec<String> = (0..8).map(|_| word(chance.skewed(8000))).collect();
        set("note", json!(words.join(" ")));
    }
    if chance.hits(500_000) {
        set("price", json!(chance.below(100_000) as f64 / 100.0));
    }
    if chance.hits(300_000) {
        let day = 1 + chance.below(28);
        set(
            "shot",
            json!(format!(
                "20{:02}-{:02}-{day:02}",
                10 + chance.below(16),
                1 + chance.below(12)
            )),
        );
    }
    if chance.hits(400_000) {
        set("sale", json!(chance.hits(100_000)));
    }
    if chance.hits(500_000) {
        set(
            "shade",
            json!(["dark", "light", "warm", "cold"][chance.skewed(4) as usize]),
        );
    }
    if chance.hits(250_000) {
        let sizes = ["XS", "S", "M", "L", "XL", "XXL"];
        let first = chance.below(6) as usize;
        set("sizes", json!(sizes[first..(first + 2).min(6)]));
    }
    custom
}

/// Around two hundred cities, most of them not at sea.
fn place(chance: &mut Chance) -> (f64, f64) {
    let mut city = Chance::new(1_000_000_007 + chance.skewed(200));
    let (latitude, longitude) = (city.share() * 110.0 - 45.0, city.share() * 340.0 - 170.0);
    let round = |degrees: f64| (degrees * 1e5).round() / 1e5;
    (
        round(latitude + (chance.share() - 0.5) * 0.4),
        round(longitude + (chance.share() - 0.5) * 0.4),
    )
}

/// The place of a city's middle.
pub fn city(number: u64) -> (f64, f64) {
    let mut city = Chance::new(1_000_000_007 + number);
    (city.share() * 110.0 - 45.0, city.share() * 340.0 - 170.0)
}

fn embedded(taken_ms: Option<i64>, place: Option<(f64, f64)>, keywords: &[&str]) -> Option<Map<String, Value>> {
    let mut embedded = Map::new();
    if let Some(ms) = taken_ms {
        embedded.insert("DateTimeOriginal".into(), json!(date(ms)));
    }
    if let Some((latitude, longitude)) = place {
        embedded.insert("GPSLatitude".into(), json!(latitude));
        embedded.insert("GPSLongitude".into(), json!(longitude));
    }
    if !keywords.is_empty() {
        embedded.insert("Keywords".into(), json!(keywords));
    }
    (!embedded.is_empty()).then(|| {
        embedded.insert("XResolution".into(), json!(72));
        embedded.insert("Make".into(), json!("Acme"));
        embedded
    })
}

pub fn date(ms: i64) -> String {
    library::Timestamp::from_millis(ms).map_or_else(|error| error.to_string(), |at| at.to_string())
}

/// By chance, but for one in a hundred, which looks like the one before.
fn phash(chance: &mut Chance, number: u64) -> i64 {
    let own = chance.next();
    let hash = if number > 0 && chance.hits(10_000) {
        let mut before = Chance::new(number - 1);
        before.next() ^ (1 << chance.below(64))
    } else {
        own
    };
    i64::from_ne_bytes(hash.to_ne_bytes())
}
