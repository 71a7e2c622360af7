//! Atoms as SQL that reads the same on both databases: as a question about a row, and as the list of those for which it
//! is true.

use super::atom::{Atom, Column, IntTest, Node, TermTest, ValueTest};
use crate::database::Sql;
use crate::name::FolderPath;
use crate::search::{Area, Comparison, NumberTest, Point, TextTest, chord_squared, on_sphere};

/// The rows that a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// `versions v`; the second is where the version's id is found.
    Versions(&'static str),
    /// `folders f`
    Folders,
}

impl Table {
    pub(super) fn column(self, column: Column) -> &'static str {
        match (self, column) {
            (Self::Versions(_), Column::Id) => "v.file_id",
            (Self::Versions(id), Column::Version) => id,
            (Self::Versions(_), Column::Name) => "v.name",
            (Self::Versions(_), Column::CreatedAt) => "v.created_at",
            (Self::Versions(_), Column::UpdatedAt) => "v.updated_at",
            (Self::Folders, Column::Id) => "f.id",
            (Self::Folders, Column::Name) => "f.name",
            (Self::Folders, Column::CreatedAt) => "f.created_at",
            (Self::Folders, Column::UpdatedAt) => "f.updated_at",
            // Nothing asks this of folders.
            (Self::Folders, Column::Version) => "f.id",
            (_, Column::Format) => "v.format",
            (_, Column::CreatedBy) => "v.created_by",
            (_, Column::TakenAt) => "v.taken_at",
            (_, Column::Size) => "v.size",
            (_, Column::Width) => "v.width",
            (_, Column::Height) => "v.height",
            (_, Column::Private) => "v.is_private",
            (_, Column::Published) => "v.is_published",
            (_, Column::Alpha) => "v.has_alpha",
            (_, Column::Image) => "v.is_image",
        }
    }

    fn folder_column(self) -> &'static str {
        match self {
            Self::Versions(_) => "v.folder_id",
            Self::Folders => "f.parent_id",
        }
    }
}

impl Column {
    fn is_nullable(self) -> bool {
        matches!(self, Self::CreatedBy | Self::TakenAt | Self::Alpha)
    }
}

/// Asks a row. The answer is true or false, never NULL.
pub(super) fn push_question(sql: &mut Sql, node: &Node, table: Table) {
    match node {
        Node::All(inner) => push_joined(sql, inner, table, " AND ", "TRUE"),
        Node::Any(inner) => push_joined(sql, inner, table, " OR ", "FALSE"),
        Node::Not(inner) => {
            sql.push("NOT ");
            push_question(sql, inner, table);
        }
        Node::Atom(atom) => {
            sql.push("(");
            push_atom(sql, atom, table);
            sql.push(")");
        }
    }
}

/// Asks a row so that no index but the one it was found by comes into play. The databases do not look inside a CASE, and
/// take about half of all rows to pass it: what [`plan`](super::plan) decided is what is done.
pub(super) fn push_opaque(sql: &mut Sql, node: &Node, table: Table) {
    sql.push("CASE WHEN ");
    push_question(sql, node, table);
    sql.push(" THEN TRUE ELSE FALSE END");
}

fn push_joined(sql: &mut Sql, inner: &[Node], table: Table, by: &str, none: &str) {
    if inner.is_empty() {
        sql.push(none);
        return;
    }
    sql.push("(");
    for (at, node) in inner.iter().enumerate() {
        if at > 0 {
            sql.push(by);
        }
        push_question(sql, node, table);
    }
    sql.push(")");
}

fn push_atom(sql: &mut Sql, atom: &Atom, table: Table) {
    match atom {
        Atom::Text(column, test) => {
            push_not_null(sql, *column, table);
            push_text(sql, table.column(*column), test);
        }
        Atom::Int(column, test) => {
            push_not_null(sql, *column, table);
            push_int(sql, table.column(*column), test);
        }
        Atom::Flag(column, flag) => {
            push_not_null(sql, *column, table);
            sql.push(table.column(*column)).push(" = ").push_bind(*flag);
        }
        // The OFFSET keeps PostgreSQL from making a join of the question. SQLite wants a LIMIT before it.
        Atom::Term { kind, test } => {
            let (rows, id) = match table {
                Table::Versions(id) => ("version_terms t WHERE t.version_id = ", id),
                Table::Folders => ("folder_terms t WHERE t.folder_id = ", "f.id"),
            };
            sql.push("EXISTS (SELECT 1 FROM ").push(rows).push(id);
            if table != Table::Folders {
                sql.push(" AND t.kind = ").push_bind(kind);
            }
            push_term(sql, test);
            sql.push(" LIMIT 1 OFFSET 0)");
        }
        Atom::Value { field, test } => {
            let Table::Versions(id) = table else {
                sql.push("FALSE");
                return;
            };
            sql.push("EXISTS (SELECT 1 FROM version_values t WHERE t.version_id = ")
                .push(id)
                .push(" AND t.field_id = ")
                .push_bind(field)
                .push(" AND ");
            push_value(sql, test);
            sql.push(" LIMIT 1 OFFSET 0)");
        }
        Atom::Folder(ids) => {
            sql.push(table.folder_column());
            push_one_of(sql, ids);
        }
        Atom::Below(path) => {
            sql.push(table.folder_column());
            push_below(sql, path);
        }
        Atom::Tagged => {
            sql.push("v.tags <> '[]' OR v.ai_tags <> '[]'");
        }
        Atom::Located => {
            sql.push("v.latitude IS NOT NULL");
        }
        Atom::Taken => {
            sql.push("v.taken_at IS NOT NULL");
        }
        Atom::Area(area) => {
            sql.push("v.latitude IS NOT NULL AND ");
            push_area(sql, area);
        }
    }
}

fn push_not_null(sql: &mut Sql, column: Column, table: Table) {
    if column.is_nullable() {
        sql.push(table.column(column)).push(" IS NOT NULL AND ");
    }
}

fn push_one_of(sql: &mut Sql, texts: &[String]) {
    match texts {
        [one] => {
            sql.push(" = ").push_bind(one);
        }
        several => {
            sql.push(" IN (").push_list(several).push(")");
        }
    }
}

pub(super) fn push_text(sql: &mut Sql, column: &str, test: &TextTest) {
    match test {
        TextTest::OneOf(texts) => {
            sql.push(column);
            push_one_of(sql, texts);
        }
        TextTest::StartsWith(start) => push_start(sql, column, start),
    }
}

/// As a range, which an index serves and `LIKE`, with its own ideas of case and escapes, does not.
fn push_start(sql: &mut Sql, column: &str, start: &str) {
    sql.push(column).push(" >= ").push_bind(start);
    if let Some(end) = after_all_that_start_with(start) {
        sql.push(" AND ").push(column).push(" < ").push_bind(end);
    }
}

/// The first text, byte by byte, that no longer starts so.
fn after_all_that_start_with(start: &str) -> Option<String> {
    let mut characters: Vec<char> = start.chars().collect();
    while let Some(last) = characters.pop() {
        // The one after U+D7FF is U+E000: in between there are no characters.
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

pub(super) fn push_int(sql: &mut Sql, column: &str, test: &IntTest) {
    match test {
        IntTest::OneOf(numbers) => match numbers[..] {
            [one] => {
                sql.push(column).push(" = ").push_bind(one);
            }
            _ => {
                sql.push(column)
                    .push(" IN (")
                    .push_list(numbers.iter().copied())
                    .push(")");
            }
        },
        IntTest::Between(from, to) => {
            let mut and = "";
            if *from > i64::MIN {
                sql.push(column).push(" >= ").push_bind(*from);
                and = " AND ";
            }
            if *to < i64::MAX {
                sql.push(and).push(column).push(" <= ").push_bind(*to);
            } else if and.is_empty() {
                sql.push("TRUE");
            }
        }
    }
}

fn push_term(sql: &mut Sql, test: &TermTest) {
    match test {
        TermTest::Any => {}
        TermTest::OneOf(terms) => {
            sql.push(" AND t.term");
            push_one_of(sql, terms);
        }
        TermTest::StartsWith(start) => {
            sql.push(" AND ");
            push_start(sql, "t.term", start);
        }
    }
}

/// What `l`, a row of the table that [`term_table`](super::plan::term_table) names, must be.
pub(super) fn push_lead(sql: &mut Sql, node: &Node) {
    match node {
        Node::Atom(Atom::Term {
            kind,
            test: TermTest::OneOf(terms),
        }) => {
            sql.push("l.kind = ").push_bind(kind).push(" AND l.term");
            push_one_of(sql, terms);
        }
        Node::Atom(Atom::Value {
            field,
            test: ValueTest::Text(test),
        }) => {
            sql.push("l.field_id = ").push_bind(field).push(" AND ");
            push_text(sql, "l.text_value", test);
        }
        Node::Atom(Atom::Value {
            field,
            test: ValueTest::Number(NumberTest::OneOf(numbers)),
        }) => {
            sql.push("l.field_id = ").push_bind(field);
            for number in numbers {
                sql.push(" AND l.number_value = ").push_bind(*number);
            }
        }
        _ => {
            sql.push("FALSE");
        }
    }
}

/// What follows `WHERE` in a list of folders by their words.
pub(super) fn push_folder_terms(sql: &mut Sql, test: &TermTest) {
    sql.push("TRUE");
    push_term(sql, test);
}

fn push_value(sql: &mut Sql, test: &ValueTest) {
    match test {
        ValueTest::AnyText => {
            sql.push("t.text_value IS NOT NULL");
        }
        ValueTest::AnyNumber => {
            sql.push("t.number_value IS NOT NULL");
        }
        ValueTest::Text(test) => push_text(sql, "t.text_value", test),
        ValueTest::Number(NumberTest::OneOf(numbers)) => {
            sql.push("t.number_value IN (")
                .push_list(numbers.iter().copied())
                .push(")");
        }
        ValueTest::Number(NumberTest::Ordered(comparison, number)) => {
            let operator = match comparison {
                Comparison::Less => " < ",
                Comparison::LessEqual => " <= ",
                Comparison::Greater => " > ",
                Comparison::GreaterEqual => " >= ",
            };
            sql.push("t.number_value").push(operator).push_bind(*number);
        }
    }
}

fn push_below(sql: &mut Sql, path: &FolderPath) {
    let (start, end) = path.range_below();
    sql.push(" IN (SELECT b.id FROM folders b WHERE b.path = ")
        .push_bind(path.as_str())
        .push(" UNION ALL SELECT b.id FROM folders b WHERE b.path >= ")
        .push_bind(start)
        .push(" AND b.path < ")
        .push_bind(end)
        .push(")");
}

/// First the boxes, which an index serves, then exactly.
fn push_area(sql: &mut Sql, area: &Area) {
    sql.push("(");
    for (at, (south_west, north_east)) in area.bounds().into_iter().enumerate() {
        if at > 0 {
            sql.push(" OR ");
        }
        sql.push("(");
        push_box(sql, south_west, north_east);
        sql.push(")");
    }
    sql.push(")");
    push_exact_area(sql, area);
}

fn push_box(sql: &mut Sql, south_west: Point, north_east: Point) {
    sql.push("v.latitude >= ")
        .push_bind(south_west.latitude)
        .push(" AND v.latitude <= ")
        .push_bind(north_east.latitude)
        .push(" AND v.longitude >= ")
        .push_bind(south_west.longitude)
        .push(" AND v.longitude <= ")
        .push_bind(north_east.longitude);
}

fn push_exact_area(sql: &mut Sql, area: &Area) {
    match area {
        Area::Box { .. } => {}
        Area::Circle { centre, radius_km } => {
            sql.push(" AND ");
            for (at, (axis, number)) in ["x", "y", "z"].into_iter().zip(on_sphere(*centre)).enumerate() {
                let plus = if at == 0 { "" } else { " + " };
                sql.push(format!("{plus}(v.place_{axis} - "))
                    .push_bind(number)
                    .push(format!(") * (v.place_{axis} - "))
                    .push_bind(number)
                    .push(")");
            }
            // The square of a distance that is nothing at all is not exactly 0 for all who compute it.
            sql.push(" <= ").push_bind(chord_squared(*radius_km) + 1e-18);
        }
        Area::Quadrangle(corners) => {
            for (at, from) in corners.iter().enumerate() {
                let to = corners[(at + 1) % corners.len()];
                sql.push(" AND ")
                    .push_bind(to.longitude - from.longitude)
                    .push(" * (v.latitude - ")
                    .push_bind(from.latitude)
                    .push(") >= ")
                    .push_bind(to.latitude - from.latitude)
                    .push(" * (v.longitude - ")
                    .push_bind(from.longitude)
                    .push(")");
            }
        }
    }
}

/// How far a list of versions can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    /// Only current ones are wanted.
    Current,
    /// Only older ones are wanted.
    Past,
}

/// True if there is an index that lists the versions for which this is true, without a look at others.
pub(super) fn is_listable(node: &Node, versions: Versions) -> bool {
    let current = versions == Versions::Current;
    match node {
        Node::Any(inner) => !inner.is_empty() && inner.iter().all(|inner| is_listable(inner, versions)),
        Node::Not(inner) => current && **inner == Node::Atom(Atom::Tagged),
        Node::All(_) => false,
        Node::Atom(atom) => match atom {
            Atom::Term { .. } | Atom::Value { .. } | Atom::Text(Column::Id | Column::Version, TextTest::OneOf(_)) => {
                true
            }
            Atom::Text(..) | Atom::Int(..) | Atom::Folder(_) | Atom::Below(_) => current,
            Atom::Flag(column, _) => current && *column != Column::Image,
            Atom::Tagged | Atom::Located | Atom::Taken | Atom::Area(_) => current,
        },
    }
}

/// Selects something for each version that an index lists, once or several times; older versions may be among them.
/// `select` may use `{id}` and `{created}`. Only for what [`is_listable`].
pub(super) fn push_list(sql: &mut Sql, node: &Node, versions: Versions, select: &str) {
    let of_versions = select.replace("{id}", "v.id").replace("{created}", "v.created_at");
    let of_terms = select
        .replace("{id}", "t.version_id")
        .replace("{created}", "t.created_at");
    let current = match versions {
        Versions::Current => "v.is_current",
        Versions::Past => "NOT v.is_current",
    };
    match node {
        Node::Any(inner) => {
            for (at, inner) in inner.iter().enumerate() {
                if at > 0 {
                    sql.push(" UNION ALL ");
                }
                push_list(sql, inner, versions, select);
            }
        }
        Node::Atom(Atom::Term { kind, test }) => {
            sql.push(format!("SELECT {of_terms} FROM version_terms t WHERE t.kind = "))
                .push_bind(kind);
            push_term(sql, test);
        }
        Node::Atom(Atom::Value { field, test }) => {
            sql.push(format!("SELECT {of_terms} FROM version_values t WHERE t.field_id = "))
                .push_bind(field)
                .push(" AND ");
            push_value(sql, test);
        }
        Node::Atom(Atom::Tagged) => {
            sql.push(format!("SELECT {of_terms} FROM version_terms t WHERE t.kind = "))
                .push_bind(crate::index::LABEL);
        }
        Node::Not(_) => {
            sql.push(format!(
                "SELECT {of_versions} FROM versions v WHERE {current} AND v.tags = '[]' AND v.ai_tags = '[]'"
            ));
        }
        Node::Atom(Atom::Below(path)) => {
            // SQLite takes the tables of a CROSS JOIN in the order in which they stand: first the few folders.
            let from = format!(
                "SELECT {of_versions} FROM folders b CROSS JOIN versions v WHERE v.folder_id = b.id AND {current} AND b.path"
            );
            let (start, end) = path.range_below();
            sql.push(&from).push(" = ").push_bind(path.as_str());
            sql.push(" UNION ALL ").push(&from).push(" >= ").push_bind(start);
            sql.push(" AND b.path < ").push_bind(end);
        }
        Node::Atom(Atom::Area(area)) => {
            // A box each, because an index is walked once for a range and not at all for two of them.
            for (at, (south_west, north_east)) in area.bounds().into_iter().enumerate() {
                let union = if at == 0 { "" } else { " UNION ALL " };
                sql.push(format!(
                    "{union}SELECT {of_versions} FROM versions v WHERE {current} AND "
                ));
                push_box(sql, south_west, north_east);
            }
        }
        other => {
            sql.push(format!("SELECT {of_versions} FROM versions v WHERE {current} AND "));
            push_question(sql, other, Table::Versions("v.id"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_start_so_end_before_the_next() {
        for (start, end) in [
            ("a", Some("b")),
            ("ab", Some("ac")),
            ("az", Some("a{")),
            ("", None),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("é", Some("ê")),
        ] {
            assert_eq!(after_all_that_start_with(start).as_deref(), end, "{start:?}");
        }
    }
}
