//! The tables in `docs/` are those of the code. `UPDATE_DOCS=1 cargo test --release -p tintype --test docs` writes them anew.

use std::path::PathBuf;

use tintype::config::SETTINGS;
use transform::parameters::{Meaning, PARAMETERS};

#[test]
fn the_settings_table_is_the_code_s() {
    let mut table = String::from("| setting | default | meaning |\n|---|---|---|\n");
    for setting in SETTINGS {
        let default = setting.default.map(|d| format!("`{d}`")).unwrap_or_default();
        table.push_str(&format!("| `{}` | {default} | {} |\n", setting.name, setting.help));
    }
    check("configuration.md", "settings", &table);
}

#[test]
fn the_parameter_tables_are_the_code_s() {
    let row = |key: &str, rest: &[&str]| format!("| `{key}` | {} |\n", rest.join(" | ").replace("<", "&lt;"));
    let mut executed = String::from("| key | name | meaning | value |\n|---|---|---|---|\n");
    let mut unavailable = String::from("| key | name | meaning | why not |\n|---|---|---|---|\n");
    for parameter in PARAMETERS {
        match parameter.meaning {
            Meaning::Executed(_) | Meaning::InLayer(_) => {
                executed.push_str(&row(
                    parameter.key,
                    &[parameter.name, parameter.summary, parameter.syntax],
                ));
            }
            Meaning::Unavailable(why) => {
                unavailable.push_str(&row(parameter.key, &[parameter.name, parameter.summary, why]));
            }
            Meaning::Block(_) => {}
        }
    }
    check("transformations.md", "executed", &executed);
    check("transformations.md", "unavailable", &unavailable);
}

/// Compares what stands between `<!-- name -->` and `<!-- /name -->`.
fn check(file: &str, name: &str, expected: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
    let text = std::fs::read_to_string(&path).expect("the docs page is there");
    let (open, close) = (format!("<!-- {name} -->\n\n"), format!("\n<!-- /{name} -->"));
    let start = text.find(&open).expect("the table's beginning is marked") + open.len();
    let end = text.find(&close).expect("the table's end is marked");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{}{expected}{}", &text[..start], &text[end..]))
            .expect("the docs can be written");
    } else {
        assert_eq!(
            &text[start..end],
            expected,
            "docs/{file} is not what the code says; see this test's first line"
        );
    }
}
