//! A search as one kind of entry sees it: what the kind decides is decided, and words, folders and numbers are what the
//! tables hold.

use std::collections::HashMap;

use super::{EntryKind, ListQuery};
use crate::asset::FileType;
use crate::index;
use crate::name::FolderPath;
use crate::search::{Area, Comparison, Condition, Field, FieldType, Filter, NumberTest, Test, TextTest, Words};

/// Atoms and how they are combined. Everything is true or false, nothing is unknown.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// All of none is true.
    All(Vec<Node>),
    /// Any of none is false.
    Any(Vec<Node>),
    Not(Box<Node>),
    Atom(Atom),
}

/// What one look at the tables decides.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Atom {
    /// A column of text.
    Text(Column, TextTest),
    /// A column of whole numbers.
    Int(Column, IntTest),
    /// A column that is true or false.
    Flag(Column, bool),
    /// A term of the inverted index.
    Term { kind: String, test: TermTest },
    /// A custom metadata value.
    Value { field: String, test: ValueTest },
    /// In one of these folders, by id.
    Folder(Vec<String>),
    /// In this folder or below it.
    Below(FolderPath),
    /// Has tags of any sort.
    Tagged,
    /// Has a place.
    Located,
    /// Was taken at a known time.
    Taken,
    /// A place in this area.
    Area(Area),
}

/// A column of versions, or of folders where those have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Version,
    Name,
    Format,
    CreatedBy,
    CreatedAt,
    UpdatedAt,
    TakenAt,
    Size,
    Width,
    Height,
    Private,
    Published,
    Alpha,
    Image,
}

/// What a whole number must be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum IntTest {
    OneOf(Vec<i64>),
    /// Both ends included.
    Between(i64, i64),
}

/// What a term must be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TermTest {
    Any,
    OneOf(Vec<String>),
    StartsWith(String),
}

/// What a custom metadata value must be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ValueTest {
    AnyText,
    AnyNumber,
    Text(TextTest),
    Number(NumberTest),
}

/// The ids of the folders that a search names, by their paths.
pub(super) type FolderIds = HashMap<FolderPath, String>;

impl Node {
    const TRUE: Self = Self::All(Vec::new());
    const FALSE: Self = Self::Any(Vec::new());

    pub(super) fn is_false(&self) -> bool {
        *self == Self::FALSE
    }

    /// What must all be true.
    pub(super) fn conjuncts(self) -> Vec<Node> {
        match self {
            Self::All(inner) => inner.into_iter().flat_map(Node::conjuncts).collect(),
            other => vec![other],
        }
    }

    fn of(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }

    fn all(inner: impl IntoIterator<Item = Node>) -> Self {
        let mut kept = Vec::new();
        for node in inner {
            match node {
                node if node.is_false() => return Self::FALSE,
                Self::All(inner) => inner.into_iter().for_each(|node| push_narrowing(&mut kept, node)),
                node => push_narrowing(&mut kept, node),
            }
        }
        // Two ranges that do not meet.
        if kept.iter().any(Self::is_false) {
            return Self::FALSE;
        }
        one_or(kept, Self::All)
    }

    fn any(inner: impl IntoIterator<Item = Node>) -> Self {
        let mut kept = Vec::new();
        for node in inner {
            match node {
                node if node == Self::TRUE => return Self::TRUE,
                Self::Any(inner) => kept.extend(inner),
                node => kept.push(node),
            }
        }
        one_or(kept, Self::Any)
    }

    fn not(inner: Node) -> Self {
        match inner {
            Self::All(inner) if inner.is_empty() => Self::FALSE,
            Self::Any(inner) if inner.is_empty() => Self::TRUE,
            // Each of them can then be looked at alone.
            Self::Any(inner) => Self::all(inner.into_iter().map(Self::not)),
            Self::Not(inner) => *inner,
            // Only files come here with these, and each is either; so an index can list them.
            Self::Atom(Atom::Flag(column @ (Column::Private | Column::Published | Column::Image), flag)) => {
                Self::Atom(Atom::Flag(column, !flag))
            }
            inner => Self::Not(Box::new(inner)),
        }
    }
}

/// Adds what must be true too. Two ranges of one column become one, which an index then serves with both its ends.
fn push_narrowing(kept: &mut Vec<Node>, node: Node) {
    if let Node::Atom(Atom::Int(column, IntTest::Between(from, to))) = node {
        for there in kept.iter_mut() {
            if let Node::Atom(Atom::Int(of, IntTest::Between(low, high))) = there
                && *of == column
            {
                let (low, high) = (from.max(*low), to.min(*high));
                *there = if low > high {
                    Node::FALSE
                } else {
                    Node::Atom(Atom::Int(column, IntTest::Between(low, high)))
                };
                return;
            }
        }
    }
    kept.push(node);
}

fn one_or(mut kept: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match kept.pop() {
        Some(only) if kept.is_empty() => only,
        last => {
            kept.extend(last);
            join(kept)
        }
    }
}

/// What a listing asks of entries of a kind.
pub(super) fn node(query: &ListQuery, kind: EntryKind, folders: &FolderIds) -> Node {
    let is_file = kind != EntryKind::Folder;
    let mut all = Vec::new();
    if let Some(path) = &query.folder {
        all.push(in_folders([path], folders));
    }
    if let Some(file_type) = query.file_type.filter(|_| is_file) {
        all.push(Node::Atom(Atom::Flag(Column::Image, file_type == FileType::Image)));
    }
    if let Some(versions) = &query.among {
        let ids: Vec<String> = versions.iter().map(ToString::to_string).collect();
        all.push(if is_file && !ids.is_empty() {
            text(Column::Version, TextTest::OneOf(ids))
        } else {
            Node::FALSE
        });
    }
    match &query.search {
        Some(search) => all.push(filter(search.filter(), kind, folders)),
        None => {
            if let Some(name) = &query.name {
                all.push(text(Column::Name, TextTest::OneOf(vec![name.clone()])));
            }
            if !query.tags.is_empty() {
                all.push(if is_file { labels(&query.tags) } else { Node::FALSE });
            }
        }
    }
    Node::all(all)
}

fn filter(given: &Filter, kind: EntryKind, folders: &FolderIds) -> Node {
    let each = |inner: &[Filter]| {
        inner
            .iter()
            .map(|inner| filter(inner, kind, folders))
            .collect::<Vec<_>>()
    };
    match given {
        Filter::All(inner) => Node::all(each(inner)),
        Filter::Any(inner) => Node::any(each(inner)),
        Filter::Not(inner) => Node::not(filter(inner, kind, folders)),
        Filter::Is(condition) => is(condition, kind, folders),
    }
}

/// A folder has a name, times, a place in the tree and an id. It lacks everything else, so no condition on that holds.
fn is(condition: &Condition, kind: EntryKind, folders: &FolderIds) -> Node {
    let file_only = |node: Node| {
        if kind == EntryKind::Folder { Node::FALSE } else { node }
    };
    match (&condition.field, &condition.test) {
        (Field::Type, Test::Kind(kinds)) => Node::of(kinds.contains(&kind)),
        (Field::Name, Test::Text(test)) => text(Column::Name, test.clone()),
        (Field::Name, Test::Words(words)) => has(index::NAME_WORD, words),
        (Field::Id, Test::Text(test)) => text(Column::Id, test.clone()),
        (Field::CreatedAt, Test::Number(test)) => int(Column::CreatedAt, test, i64::MIN),
        (Field::UpdatedAt, Test::Number(test)) => int(Column::UpdatedAt, test, i64::MIN),
        (Field::Path, Test::Folder(paths)) => in_folders(paths, folders),
        (Field::Path, Test::Below(None)) => Node::FALSE,
        (Field::Path, Test::Below(Some(path))) if path.is_root() => Node::TRUE,
        (Field::Path, Test::Below(Some(path))) => Node::Atom(Atom::Below(path.clone())),
        (field, test) => file_only(of_file(field, test)),
    }
}

fn of_file(field: &Field, test: &Test) -> Node {
    let term = |kind: &str, test| {
        Node::Atom(Atom::Term {
            kind: kind.to_owned(),
            test,
        })
    };
    match (field, test) {
        (Field::Tags, Test::Text(TextTest::OneOf(tags))) => labels(tags),
        (Field::Tags, Test::Words(words)) => has(index::TAG_WORD, words),
        (Field::Tags, Test::Exists) => Node::Atom(Atom::Tagged),
        // 0 stands for none.
        (Field::Height, Test::Number(test)) => int(Column::Height, test, 1),
        (Field::Width, Test::Number(test)) => int(Column::Width, test, 1),
        (Field::Size, Test::Number(test)) => int(Column::Size, test, i64::MIN),
        (Field::Format, Test::Text(test)) => text(Column::Format, test.clone()),
        (Field::CreatedBy, Test::Text(test)) => text(Column::CreatedBy, test.clone()),
        (Field::Private, Test::Flag(flag)) => Node::Atom(Atom::Flag(Column::Private, *flag)),
        (Field::Published, Test::Flag(flag)) => Node::Atom(Atom::Flag(Column::Published, *flag)),
        (Field::Transparency, Test::Flag(flag)) => Node::Atom(Atom::Flag(Column::Alpha, *flag)),
        (Field::Location, Test::Exists) => Node::Atom(Atom::Located),
        (Field::Location, Test::Area(area)) => Node::Atom(Atom::Area(area.clone())),
        (Field::Keywords, Test::Exists) => term(index::KEYWORD, TermTest::Any),
        (Field::Keywords, Test::Text(TextTest::OneOf(keywords))) => term(index::KEYWORD, whole_terms(keywords)),
        (Field::TakenAt, Test::Exists) => Node::Atom(Atom::Taken),
        (Field::TakenAt, Test::Number(test)) => int(Column::TakenAt, test, i64::MIN),
        (Field::Custom(custom), Test::Words(words)) => has(&index::field_words(&custom.id), words),
        (Field::Custom(custom), test) => value(&custom.id, custom.kind, test),
        // What reading a search never makes of it.
        _ => Node::FALSE,
    }
}

fn value(field: &str, kind: FieldType, test: &Test) -> Node {
    let test = match test {
        Test::Exists => match kind {
            FieldType::Number | FieldType::Date | FieldType::Boolean => ValueTest::AnyNumber,
            FieldType::Text | FieldType::Textarea | FieldType::SingleSelect | FieldType::MultiSelect => {
                ValueTest::AnyText
            }
        },
        Test::Text(TextTest::OneOf(texts)) => ValueTest::Text(TextTest::OneOf(
            texts.iter().map(|text| index::stored_text(text)).collect(),
        )),
        Test::Text(TextTest::StartsWith(start)) => {
            ValueTest::Text(TextTest::StartsWith(index::text_start(start).to_owned()))
        }
        Test::Number(test) => ValueTest::Number(test.clone()),
        Test::Flag(flag) => ValueTest::Number(NumberTest::OneOf(vec![if *flag { 1.0 } else { 0.0 }])),
        _ => return Node::FALSE,
    };
    Node::Atom(Atom::Value {
        field: field.to_owned(),
        test,
    })
}

fn labels(tags: &[String]) -> Node {
    Node::Atom(Atom::Term {
        kind: index::LABEL.to_owned(),
        test: whole_terms(tags),
    })
}

fn whole_terms(texts: &[String]) -> TermTest {
    let mut terms: Vec<String> = texts.iter().map(|text| index::stored_text(text)).collect();
    terms.sort_unstable();
    terms.dedup();
    TermTest::OneOf(terms)
}

fn has(kind: &str, words: &Words) -> Node {
    let term = |test| {
        Node::Atom(Atom::Term {
            kind: kind.to_owned(),
            test,
        })
    };
    let whole = words.whole.iter().map(|word| term(TermTest::OneOf(vec![word.clone()])));
    Node::all(whole.chain([term(TermTest::StartsWith(words.prefix.clone()))]))
}

fn text(column: Column, test: TextTest) -> Node {
    Node::Atom(Atom::Text(column, test))
}

fn in_folders<'a>(paths: impl IntoIterator<Item = &'a FolderPath>, folders: &FolderIds) -> Node {
    let ids: Vec<String> = paths
        .into_iter()
        .filter_map(|path| folders.get(path).cloned())
        .collect();
    if ids.is_empty() {
        Node::FALSE
    } else {
        Node::Atom(Atom::Folder(ids))
    }
}

/// A test of whole numbers that are `least` or more.
fn int(column: Column, test: &NumberTest, least: i64) -> Node {
    let test = match test {
        NumberTest::OneOf(numbers) => {
            let mut whole: Vec<i64> = numbers
                .iter()
                .filter(|number| number.fract() == 0.0 && number.abs() < 9.2e18)
                .map(|&number| number as i64)
                .filter(|&number| number >= least)
                .collect();
            whole.sort_unstable();
            whole.dedup();
            if whole.is_empty() {
                return Node::FALSE;
            }
            IntTest::OneOf(whole)
        }
        // Converting to a whole number stops at the ends of its range.
        NumberTest::Ordered(comparison, number) => {
            let (from, to) = match comparison {
                Comparison::Less => (least, number.ceil() as i64 - i64::from(number.ceil() > -9.2e18)),
                Comparison::LessEqual => (least, number.floor() as i64),
                Comparison::Greater => (number.floor() as i64 + i64::from(number.floor() < 9.2e18), i64::MAX),
                Comparison::GreaterEqual => (number.ceil() as i64, i64::MAX),
            };
            if from.max(least) > to {
                return Node::FALSE;
            }
            IntTest::Between(from.max(least), to)
        }
    };
    Node::Atom(Atom::Int(column, test))
}
