//! Lists the migrations of each dialect as Rust, from their files' names: `0001_library.sql` is version 1, "library".
//!
//! `sqlx::migrate!` would do the same, but the macros of sqlx bring a second build of all its drivers, SQLite's C among them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=migrations");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    for dialect in ["sqlite", "postgres"] {
        let folder = Path::new(&root).join("migrations").join(dialect);
        let mut names: Vec<String> = fs::read_dir(&folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()?;
        names.sort();
        let mut list = String::from("&[\n");
        for name in names {
            let (version, description) = name
                .strip_suffix(".sql")
                .and_then(|stem| stem.split_once('_'))
                .unwrap_or_else(|| panic!("{name} is not named as a migration is: 0001_what_it_brings.sql"));
            let version: i64 = version
                .parse()
                .unwrap_or_else(|_| panic!("{name} does not begin with a number"));
            let description = description.replace('_', " ");
            let file = folder.join(&name);
            writeln!(list, "    ({version}, {description:?}, include_str!({file:?})),")
                .expect("a String takes everything");
        }
        list.push_str("]\n");
        fs::write(Path::new(&out).join(format!("{dialect}.rs")), list)?;
    }
    Ok(())
}
