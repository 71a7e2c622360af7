//! Rebuilds when a migration is added: the macro that embeds them only watches the files it has seen.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
