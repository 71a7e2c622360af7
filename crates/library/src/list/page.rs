//! A listing from its plan to its entries: one statement that brings keys in order, and one for each kind that says what
//! they are.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::atom::{self, Atom, Column, FolderIds, Node, TermTest};
use super::cursor::Position;
use super::plan::{self, Rows, Way};
use super::sql::{Table, Versions, push_lead, push_list, push_opaque, push_question};
use super::{Cursor, Entry, EntryKind, ListError, ListQuery, SortKey, Total};
use crate::asset::{ASSET_COLUMNS, Asset};
use crate::database::{Dialect, Sql, Transaction, Value};
use crate::folder::{FOLDER_COLUMNS, Folder};
use crate::search::Field;

/// Points for each text of words that a name holds; no name is as long.
const WHOLE_WORD: i64 = 2000;
const BEGINNING: i64 = 1000;

/// A listing that is decided.
pub(super) struct Listing<'q> {
    query: &'q ListQuery,
    branches: Vec<Branch>,
    /// By relevance, and there are words to be relevant to.
    ranked: bool,
    versions: u64,
    dialect: Dialect,
}

/// The part of a listing that is of one kind.
struct Branch {
    kind: EntryKind,
    conjuncts: Vec<Node>,
    counts: Vec<(usize, Rows)>,
    way: Way,
}

/// What a statement selects of each row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Select {
    /// Kind, id and key of the order.
    Keys,
    /// All there is to show.
    Whole,
    /// Nothing: rows are counted.
    One,
}

impl<'q> Listing<'q> {
    /// Decides how. Counts what it must know for that; `versions` is about how many there are.
    pub(super) async fn plan(
        tx: &mut Transaction,
        dialect: Dialect,
        query: &'q ListQuery,
        folders: &FolderIds,
        versions: u64,
    ) -> Result<Self, ListError> {
        let nodes: Vec<(EntryKind, Vec<Node>)> = kinds(query)
            .iter()
            .map(|&kind| (kind, atom::node(query, kind, folders)))
            .filter(|(_, node)| !node.is_false())
            .map(|(kind, node)| (kind, node.conjuncts()))
            .collect();
        let has_words = nodes.iter().any(|(_, conjuncts)| !words(conjuncts).is_empty());
        let mut listing = Self {
            query,
            branches: Vec::new(),
            ranked: query.sort.key == SortKey::Relevance && has_words,
            versions,
            dialect,
        };
        if let Some(cursor) = &query.cursor {
            cursor.check(query.sort, listing.ranked)?;
        }
        for (kind, conjuncts) in nodes {
            let branch = listing.branch(tx, kind, conjuncts).await?;
            listing.branches.push(branch);
        }
        Ok(listing)
    }

    async fn branch(&self, tx: &mut Transaction, kind: EntryKind, conjuncts: Vec<Node>) -> Result<Branch, ListError> {
        let Some(versions) = versions(kind) else {
            // Folders are few, and both databases know their indexes.
            return Ok(Branch {
                kind,
                conjuncts,
                counts: Vec::new(),
                way: Way::Walk { taken: Vec::new() },
            });
        };
        let sort = self.query.sort;
        let asked = plan::to_count(&conjuncts, sort, versions, self.ranked);
        let (_, page) = self.limits();
        let mut counts = Vec::with_capacity(asked.len());
        if !asked.is_empty() {
            let most = plan::first_count(self.versions, page, sort);
            counts = count(tx, &conjuncts, &asked, versions, most).await?;
            let all_many = counts.iter().all(|(_, rows)| matches!(rows, Rows::MoreThan(_)));
            if counts.len() > 1 && all_many {
                let most = plan::second_count(self.versions).max(most);
                counts = count(tx, &conjuncts, &asked, versions, most).await?;
            }
        }
        let way = plan::decide(&conjuncts, sort, versions, self.ranked, &counts, self.versions, page);
        Ok(Branch {
            kind,
            conjuncts,
            counts,
            way,
        })
    }

    /// What is left out, and the end of the page counted from there.
    fn limits(&self) -> (u64, u64) {
        let counted = match &self.query.cursor {
            Some(Cursor {
                position: Position::Count(count),
                ..
            }) => *count,
            _ => 0,
        };
        let skip = counted.saturating_add(self.query.skip).min(i64::MAX as u64 / 2);
        (skip, skip + u64::from(self.query.limit))
    }

    pub(super) async fn entries(&self, tx: &mut Transaction) -> Result<Vec<Entry>, ListError> {
        let select = self.select();
        let Some(sql) = self.statement("", select) else {
            return Ok(Vec::new());
        };
        let rows = sql.build().fetch_all(&mut *tx).await?;
        if select == Select::Whole {
            let folders = self.branches.iter().any(|branch| branch.kind == EntryKind::Folder);
            return rows
                .iter()
                .map(|row| {
                    Ok(if folders {
                        Entry::Folder(Folder::of_row(row)?)
                    } else {
                        Entry::File(Box::new(Asset::of_row(row)?))
                    })
                })
                .collect();
        }
        let keys: Vec<(i64, String)> = rows
            .iter()
            .map(|row| Ok((row.try_get("kind")?, row.try_get("entry_id")?)))
            .collect::<Result<_, sqlx::Error>>()?;
        let mut found: HashMap<(i64, String), Entry> = HashMap::with_capacity(keys.len());
        for branch in &self.branches {
            let kind = branch.kind.number();
            let ids: Vec<&str> = keys
                .iter()
                .filter(|key| key.0 == kind)
                .map(|key| key.1.as_str())
                .collect();
            if ids.is_empty() {
                continue;
            }
            let mut sql = Sql::new(match branch.kind {
                EntryKind::Folder => format!("SELECT {FOLDER_COLUMNS} FROM folders f WHERE f.id IN ("),
                EntryKind::File | EntryKind::FileVersion | EntryKind::All => {
                    format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.id IN (")
                }
            });
            sql.push_list(ids).push(")");
            for row in sql.build().fetch_all(&mut *tx).await? {
                let (id, entry) = match branch.kind {
                    EntryKind::Folder => {
                        let folder = Folder::of_row(&row)?;
                        (folder.id.to_string(), Entry::Folder(folder))
                    }
                    EntryKind::File | EntryKind::FileVersion | EntryKind::All => {
                        let asset = Asset::of_row(&row)?;
                        (asset.version.id.to_string(), Entry::File(Box::new(asset)))
                    }
                };
                found.insert((kind, id), entry);
            }
        }
        Ok(keys.into_iter().filter_map(|key| found.remove(&key)).collect())
    }

    /// How much there is, page or not.
    pub(super) async fn total(&self, tx: &mut Transaction) -> Result<Total, ListError> {
        let mut total = 0;
        for branch in &self.branches {
            let mut sql = Sql::new("SELECT COUNT(*) FROM (");
            self.push_branch(&mut sql, branch, Select::One, Total::MOST + 1, 0);
            sql.push(") c");
            let counted: i64 = sql.build().scalar(&mut *tx).await?;
            total += u64::try_from(counted).unwrap_or(0);
        }
        Ok(if total > Total::MOST {
            Total::MoreThan(Total::MOST)
        } else {
            Total::Exactly(total)
        })
    }

    /// Where the page after this entry begins.
    pub(super) fn after(&self, last: &Entry) -> Cursor {
        if self.ranked {
            Cursor::after_count(self.limits().1, self.query.sort)
        } else {
            Cursor::after(last, self.query.sort, self.folder_key())
        }
    }

    pub(super) async fn explain(&self, tx: &mut Transaction) -> Result<String, ListError> {
        let mut text = String::new();
        for branch in &self.branches {
            let _ = writeln!(text, "{:?}: {:?}", branch.kind, branch.way);
            for (at, rows) in &branch.counts {
                let _ = writeln!(
                    text,
                    "  {rows:?} of about {}: {:?}",
                    self.versions, branch.conjuncts[*at]
                );
            }
        }
        let Some(sql) = self.statement("", self.select()) else {
            return Ok("nothing can be found".to_owned());
        };
        let _ = writeln!(text, "{}", sql.as_str());
        let (prefix, column) = match self.dialect {
            Dialect::Sqlite => ("EXPLAIN QUERY PLAN ", 3),
            Dialect::Postgres => ("EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) ", 0),
        };
        let Some(sql) = self.statement(prefix, self.select()) else {
            return Ok(text);
        };
        for row in sql.build().fetch_all(tx).await? {
            let _ = writeln!(text, "{}", row.try_get::<&str, _>(column)?);
        }
        Ok(text)
    }

    /// One kind that is walked along an index is read whole at once; what must be sorted is sorted by its keys alone.
    fn select(&self) -> Select {
        match &self.branches[..] {
            [branch] if !self.ranked && self.comes_in_order(&branch.way) => Select::Whole,
            _ => Select::Keys,
        }
    }

    /// Rows are found in the order in which they are wanted, and no more of them than are wanted.
    fn comes_in_order(&self, way: &Way) -> bool {
        match way {
            Way::Walk { .. } => true,
            Way::List { .. } => !self.ranked && self.query.sort.is_by_creation(),
            Way::RankList { .. } | Way::RankWalk { .. } => false,
        }
    }

    /// None if nothing can be found.
    fn statement(&self, prefix: &str, select: Select) -> Option<Sql> {
        let (skip, end) = self.limits();
        let mut sql = Sql::new(prefix);
        match &self.branches[..] {
            [] => return None,
            [branch] => self.push_branch(&mut sql, branch, select, u64::from(self.query.limit), skip),
            several => {
                let direction = self.direction();
                sql.push("SELECT u.kind, u.entry_id FROM (");
                for (at, branch) in several.iter().enumerate() {
                    sql.push(if at == 0 {
                        "SELECT * FROM ("
                    } else {
                        " UNION ALL SELECT * FROM ("
                    });
                    self.push_branch(&mut sql, branch, Select::Keys, end, 0);
                    sql.push(format!(") b{at}"));
                }
                sql.push(format!(
                    ") u ORDER BY u.k {direction}, u.entry_id {direction} LIMIT {} OFFSET {skip}",
                    self.query.limit
                ));
            }
        }
        Some(sql)
    }

    fn push_branch(&self, sql: &mut Sql, branch: &Branch, select: Select, limit: u64, skip: u64) {
        match versions(branch.kind) {
            None => self.push_folders(sql, branch, select),
            Some(versions) => self.push_versions(sql, branch, versions, select),
        }
        // Written out, because PostgreSQL plans by it.
        sql.push(format!(" LIMIT {limit}"));
        if skip > 0 {
            sql.push(format!(" OFFSET {skip}"));
        }
    }

    fn push_versions(&self, sql: &mut Sql, branch: &Branch, versions: Versions, select: Select) {
        let unranked = Way::Walk { taken: Vec::new() };
        // Counting wants all, however many of them can be ranked.
        let way = match &branch.way {
            Way::RankList { .. } | Way::RankWalk { .. } if select == Select::One => &unranked,
            way => way,
        };
        let source = self.source(branch, way);
        source.push_before(sql, branch, versions);
        let column = source
            .table
            .column(self.query.sort.key.column().unwrap_or(Column::CreatedAt));
        sql.push("SELECT ");
        match select {
            Select::One => {
                sql.push("1 AS one");
            }
            Select::Whole => {
                sql.push(ASSET_COLUMNS);
            }
            Select::Keys => {
                sql.push(format!(
                    "CAST({} AS BIGINT) AS kind, v.id AS entry_id, ",
                    branch.kind.number()
                ));
                if self.ranked {
                    push_score(sql, branch, source.table);
                } else {
                    sql.push(column);
                }
                sql.push(" AS k");
            }
        }
        source.push_from(sql, branch, versions, self.direction());
        for (at, node) in branch.conjuncts.iter().enumerate() {
            match way {
                _ if source.by == Some(at) && !has_area(node) => {}
                Way::RankList { .. } | Way::RankWalk { .. } => {}
                Way::Walk { taken } if taken.contains(&at) => {
                    sql.push(" AND ");
                    push_taken(sql, node, source.created.unwrap_or("v.created_at"), source.table);
                }
                _ => {
                    sql.push(" AND ");
                    push_opaque(sql, node, source.table);
                }
            }
        }
        if select == Select::One {
            return;
        }
        let direction = self.direction();
        if self.ranked {
            sql.push(format!(" ORDER BY k {direction}, entry_id {direction}"));
            return;
        }
        let id = source.id;
        let key = match source.created {
            Some(created) => created,
            None => column,
        };
        self.push_cursor(sql, key, id);
        match way {
            // SQLite goes through a table that stands first in a CROSS JOIN in the order in which it was filled, and an
            // ORDER BY here would make it ask all rows and not only those of the page.
            Way::List { .. } if source.created.is_some() && self.dialect == Dialect::Sqlite => {}
            Way::Walk { .. } => {
                sql.push(format!(" ORDER BY {key} {direction}, {id} {direction}"));
            }
            _ if source.created.is_some() => {
                sql.push(format!(" ORDER BY {key} {direction}, {id} {direction}"));
            }
            // An index that gives the order would be walked whole for the few rows of a list.
            _ => {
                let nothing = if self.query.sort.key == SortKey::Name {
                    "|| ''"
                } else {
                    "+ 0"
                };
                sql.push(format!(" ORDER BY {key} {nothing} {direction}, {id} {direction}"));
            }
        }
    }

    fn source(&self, branch: &Branch, way: &Way) -> Source {
        match way {
            Way::Walk { taken } => {
                let lead = taken
                    .iter()
                    .copied()
                    .find(|&at| plan::term_table(&branch.conjuncts[at]).is_some());
                match lead {
                    Some(at) => Source {
                        by: Some(at),
                        table: Table::Versions("l.version_id"),
                        created: Some("l.created_at"),
                        id: "l.version_id",
                        from: From::Lead,
                    },
                    None => Source {
                        by: None,
                        table: Table::Versions("v.id"),
                        created: None,
                        id: "v.id",
                        from: From::Versions,
                    },
                }
            }
            Way::List { by, rows } if self.comes_in_order(way) => Source {
                by: Some(*by),
                table: Table::Versions("d.id"),
                created: Some("d.created_at"),
                id: "d.id",
                from: From::SortedList(*rows),
            },
            Way::List { by, rows } => Source::list(Some(*by), From::List(*rows)),
            Way::RankList { rows } => Source::list(
                branch
                    .conjuncts
                    .iter()
                    .position(|node| matches!(node, Node::Atom(Atom::Term { .. }))),
                From::BestList(*rows),
            ),
            Way::RankWalk { rows } => Source::list(None, From::Newest(*rows)),
        }
    }

    fn push_folders(&self, sql: &mut Sql, branch: &Branch, select: Select) {
        let column = match self.query.sort.key {
            SortKey::Height | SortKey::Width | SortKey::Size => None,
            key => key.column().map(|column| Table::Folders.column(column)),
        };
        let folder_key = format!("CAST({} AS BIGINT)", self.folder_key());
        sql.push("SELECT ");
        match select {
            Select::One => {
                sql.push("1 AS one");
            }
            Select::Whole => {
                sql.push(FOLDER_COLUMNS);
            }
            Select::Keys => {
                sql.push(format!(
                    "CAST({} AS BIGINT) AS kind, f.id AS entry_id, ",
                    branch.kind.number()
                ));
                if self.ranked {
                    push_score(sql, branch, Table::Folders);
                } else {
                    sql.push(column.unwrap_or(&folder_key));
                }
                sql.push(" AS k");
            }
        }
        sql.push(" FROM folders f WHERE f.parent_id IS NOT NULL");
        for node in &branch.conjuncts {
            sql.push(" AND ");
            match node {
                // Found by the word, not asked one by one.
                Node::Atom(Atom::Term { test, .. }) => {
                    sql.push("f.id IN (SELECT t.folder_id FROM folder_terms t WHERE ");
                    super::sql::push_folder_terms(sql, test);
                    sql.push(")");
                }
                node => push_question(sql, node, Table::Folders),
            }
        }
        if select == Select::One {
            return;
        }
        let direction = self.direction();
        if self.ranked {
            sql.push(format!(" ORDER BY k {direction}, entry_id {direction}"));
            return;
        }
        self.push_cursor(sql, column.unwrap_or(&folder_key), "f.id");
        sql.push(match column {
            Some(column) => format!(" ORDER BY {column} {direction}, f.id {direction}"),
            None => format!(" ORDER BY f.id {direction}"),
        });
    }

    fn push_cursor(&self, sql: &mut Sql, column: &str, id: &str) {
        let (bound, last) = match self.query.cursor.as_ref().map(|cursor| &cursor.position) {
            None | Some(Position::Count(_)) => return,
            Some(Position::Number(number, last)) => (Value::from(*number), last),
            Some(Position::Text(text, last)) => (Value::from(text), last),
        };
        let beyond = if self.query.sort.descending { "<" } else { ">" };
        sql.push(format!(" AND ({column}, {id}) {beyond} (")).push_bind(bound);
        sql.push(", ").push_bind(last).push(")");
    }

    fn direction(&self) -> &'static str {
        if self.query.sort.descending { "DESC" } else { "ASC" }
    }

    /// What folders have in place of a size: last in either direction.
    fn folder_key(&self) -> i64 {
        if self.query.sort.descending { -1 } else { i64::MAX }
    }
}

/// How long the lists of some conjuncts are, up to `most`.
async fn count(
    tx: &mut Transaction,
    conjuncts: &[Node],
    asked: &[usize],
    versions: Versions,
    most: u64,
) -> Result<Vec<(usize, Rows)>, ListError> {
    let mut sql = Sql::new("SELECT ");
    for (place, &at) in asked.iter().enumerate() {
        sql.push(if place == 0 { "" } else { ", " });
        sql.push("(SELECT COUNT(*) FROM (");
        push_list(&mut sql, &conjuncts[at], versions, "1");
        sql.push(format!(" LIMIT {}) c)", most + 1));
    }
    let row = sql.build().fetch_one(tx).await?;
    let mut counts = Vec::with_capacity(asked.len());
    for (place, &at) in asked.iter().enumerate() {
        let rows = u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0);
        let rows = if rows > most {
            Rows::MoreThan(most)
        } else {
            Rows::Exactly(rows)
        };
        counts.push((at, rows));
    }
    Ok(counts)
}

/// The kinds that a listing may hold.
fn kinds(query: &ListQuery) -> &'static [EntryKind] {
    use EntryKind::{All, File, FileVersion, Folder};
    match (&query.search, query.kind) {
        // One condition on the type, wherever it stands, and it is the search that says what is wanted.
        (Some(search), _) if search.filter().mentions(&Field::Type) => &[File, FileVersion, Folder],
        (Some(_), _) | (None, All) => &[File, Folder],
        (None, File) => &[File],
        (None, FileVersion) => &[FileVersion],
        (None, Folder) => &[Folder],
    }
}

/// None for folders.
fn versions(kind: EntryKind) -> Option<Versions> {
    match kind {
        EntryKind::File | EntryKind::All => Some(Versions::Current),
        EntryKind::FileVersion => Some(Versions::Past),
        EntryKind::Folder => None,
    }
}

impl EntryKind {
    /// Its place where the order leaves kinds undecided.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::File | Self::All => 0,
            Self::FileVersion => 1,
            Self::Folder => 2,
        }
    }
}

/// The boxes of an area hold more than the area.
fn has_area(node: &Node) -> bool {
    match node {
        Node::All(inner) | Node::Any(inner) => inner.iter().any(has_area),
        Node::Not(inner) => has_area(inner),
        Node::Atom(atom) => matches!(atom, Atom::Area(_)),
    }
}

/// As the index has it, so that the databases see that it serves.
fn push_taken(sql: &mut Sql, node: &Node, created: &str, table: Table) {
    match node {
        Node::Not(_) => {
            sql.push("v.tags = '[]' AND v.ai_tags = '[]'");
        }
        Node::Atom(Atom::Text(column, test)) => super::sql::push_text(sql, table.column(*column), test),
        Node::Atom(Atom::Int(Column::CreatedAt, test)) => super::sql::push_int(sql, created, test),
        Node::Atom(Atom::Int(column, test)) => super::sql::push_int(sql, table.column(*column), test),
        node => push_question(sql, node, table),
    }
}

/// Where the rows of a branch come from.
struct Source {
    /// The conjunct that this answers already.
    by: Option<usize>,
    /// What questions are about.
    table: Table,
    /// Where the time of creation stands, if the rows come in its order.
    created: Option<&'static str>,
    /// Where the version's id stands.
    id: &'static str,
    from: From,
}

enum From {
    /// All versions.
    Versions,
    /// What has one term or value, in the order of creation.
    Lead,
    /// A list of at most so many, in the order of creation.
    SortedList(u64),
    /// A list of at most so many, in no order.
    List(u64),
    /// So many of a list, those with the word itself first.
    BestList(u64),
    /// So many that answer all questions, the newest first.
    Newest(u64),
}

impl Source {
    fn list(by: Option<usize>, from: From) -> Self {
        Self {
            by,
            table: Table::Versions("d.id"),
            created: None,
            id: "v.id",
            from,
        }
    }

    /// What stands before `SELECT`.
    fn push_before(&self, sql: &mut Sql, branch: &Branch, versions: Versions) {
        const DISTINCT: &str = "WITH d AS MATERIALIZED (SELECT DISTINCT s.id FROM (";
        match &self.from {
            From::Versions | From::Lead | From::SortedList(_) => {}
            From::List(rows) => {
                sql.push(DISTINCT);
                self.push_conjunct(sql, branch, versions, "{id} AS id");
                sql.push(format!(" LIMIT {}) s) ", rows + 1));
            }
            From::BestList(rows) => {
                sql.push(DISTINCT);
                self.push_conjunct(sql, branch, versions, "{id} AS id, t.term AS term");
                // A word comes before all that begin with it.
                sql.push(format!(" ORDER BY t.term LIMIT {rows}) s) "));
            }
            From::Newest(rows) => {
                let current = is_current(versions);
                sql.push(format!(
                    "WITH d AS MATERIALIZED (SELECT v.id AS id FROM versions v WHERE {current}"
                ));
                for node in &branch.conjuncts {
                    sql.push(" AND ");
                    push_opaque(sql, node, Table::Versions("v.id"));
                }
                sql.push(format!(" ORDER BY v.created_at DESC, v.id DESC LIMIT {rows}) "));
            }
        }
    }

    fn push_from(&self, sql: &mut Sql, branch: &Branch, versions: Versions, direction: &str) {
        let current = is_current(versions);
        match &self.from {
            From::Versions => {
                sql.push(format!(" FROM versions v WHERE {current}"));
            }
            // SQLite takes the tables of a CROSS JOIN in the order in which they stand.
            From::Lead => {
                let Some(node) = self.by.map(|at| &branch.conjuncts[at]) else {
                    return;
                };
                let table = plan::term_table(node).unwrap_or("version_terms");
                sql.push(format!(" FROM {table} l CROSS JOIN versions v WHERE "));
                push_lead(sql, node);
                sql.push(format!(" AND v.id = l.version_id AND {current}"));
            }
            From::SortedList(rows) => {
                let most = rows + 1;
                // Grouped, so that those which stand there twice come once, by the same sorting.
                sql.push(" FROM (SELECT s.created_at, s.id FROM (");
                self.push_conjunct(sql, branch, versions, "{created} AS created_at, {id} AS id");
                sql.push(format!(
                    " LIMIT {most}) s GROUP BY s.created_at, s.id ORDER BY s.created_at {direction}, s.id {direction} LIMIT {most}) d \
                     CROSS JOIN versions v WHERE v.id = d.id AND {current}"
                ));
            }
            From::List(_) | From::BestList(_) | From::Newest(_) => {
                sql.push(format!(" FROM d CROSS JOIN versions v WHERE v.id = d.id AND {current}"));
            }
        }
    }

    fn push_conjunct(&self, sql: &mut Sql, branch: &Branch, versions: Versions, select: &str) {
        if let Some(by) = self.by {
            push_list(sql, &branch.conjuncts[by], versions, select);
        }
    }
}

fn is_current(versions: Versions) -> &'static str {
    match versions {
        Versions::Current => "v.is_current",
        Versions::Past => "NOT v.is_current",
    }
}

/// The last words of texts that are asked for, where having them is wanted and not unwanted.
fn words(conjuncts: &[Node]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut left: Vec<&Node> = conjuncts.iter().collect();
    while let Some(node) = left.pop() {
        match node {
            Node::All(inner) | Node::Any(inner) => left.extend(inner),
            Node::Not(_) => {}
            Node::Atom(Atom::Term {
                kind,
                test: TermTest::StartsWith(start),
            }) => found.push((kind.as_str(), start.as_str())),
            Node::Atom(_) => {}
        }
    }
    found
}

/// Points for words that are there whole, fewer for such as begin so, less the length of the name.
fn push_score(sql: &mut Sql, branch: &Branch, table: Table) {
    sql.push("CAST(0");
    for (kind, start) in words(&branch.conjuncts) {
        let term = |test| {
            Node::Atom(Atom::Term {
                kind: kind.to_owned(),
                test,
            })
        };
        sql.push(" + CASE WHEN ");
        push_question(sql, &term(TermTest::OneOf(vec![start.to_owned()])), table);
        sql.push(format!(" THEN {WHOLE_WORD} WHEN "));
        push_question(sql, &term(TermTest::StartsWith(start.to_owned())), table);
        sql.push(format!(" THEN {BEGINNING} ELSE 0 END"));
    }
    let name = table.column(Column::Name);
    sql.push(format!(" - LENGTH({name}) AS BIGINT)"));
}
