//! How a branch of a listing is carried out: which index is walked, or which condition is listed and then sorted. All is
//! decided here, from counts; the databases are left no choice that could go wrong.

use super::atom::{Atom, Column, IntTest, Node, TermTest, ValueTest};
use super::sql::{Versions, is_listable};
use super::{Sort, SortKey};
use crate::search::{NumberTest, TextTest};

/// Matches that `RELEVANCE` orders. Of more than these, it orders the first that are found.
pub(super) const RANKED: u64 = 2000;

/// What a look at one row costs, in units of about a microsecond: to go on along an index, to ask an index table about
/// one, to fetch a row that an index names, to sort one by what the index says.
const STEP: f64 = 1.5;
const QUESTION: f64 = 1.5;
const FETCH: f64 = 6.0;
const SORT: f64 = 0.5;
/// What is not counted holds for every other row; what is many, for every tenth.
const UNKNOWN_SHARE: f64 = 0.5;
const MANY_SHARE: f64 = 0.1;

/// Up to where matches are counted: a longer list would cost more than a walk that finds the page. Where the two meet,
/// rows * cost of one = page * all / rows * (STEP + QUESTION).
pub(super) fn first_count(all: u64, page: u64, sort: Sort) -> u64 {
    let one = if sort.is_by_creation() { SORT } else { FETCH };
    ((page.max(1) as f64 * all as f64 * (STEP + QUESTION) / one).sqrt() as u64).clamp(200, 30_000)
}

/// Up to where they are counted again, if there are several conditions with many: together they may still be rare.
pub(super) fn second_count(all: u64) -> u64 {
    (all / 20).clamp(200, 50_000)
}

/// How a page is found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Way {
    /// Along the index of the order, asking each row. What `taken` says (places in the conjuncts) is where in the index
    /// the walk begins and ends.
    Walk { taken: Vec<usize> },
    /// The list of one conjunct, of at most so many rows. By time of creation, which all lists know, it is sorted and the
    /// rest is asked until the page is full; in other orders the rest is asked of all, and what is left is sorted.
    List { by: usize, rows: u64 },
    /// By relevance: the first so many of the only conjunct's list, best words first.
    RankList { rows: u64 },
    /// By relevance: so many that a walk from the newest finds.
    RankWalk { rows: u64 },
}

/// How many rows a conjunct's list has: exactly, or more than were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    Exactly(u64),
    MoreThan(u64),
}

impl Rows {
    fn share(self, all: f64) -> f64 {
        match self {
            Self::Exactly(rows) => (rows.max(1) as f64 / all).min(1.0),
            Self::MoreThan(counted) => (counted as f64 / all).clamp(MANY_SHARE, 1.0),
        }
    }

    fn at_most(self, all: f64) -> f64 {
        match self {
            Self::Exactly(rows) => rows as f64,
            Self::MoreThan(_) => all,
        }
    }
}

/// Which conjuncts must be counted before [`decide`] is asked. None if the way is clear without.
pub(super) fn to_count(conjuncts: &[Node], sort: Sort, versions: Versions, ranked: bool) -> Vec<usize> {
    let taken = taken(conjuncts, sort, versions, |_| None);
    if !ranked && taken.len() == conjuncts.len() {
        return Vec::new();
    }
    (0..conjuncts.len())
        .filter(|&at| is_listable(&conjuncts[at], versions))
        .collect()
}

/// Chooses. `counts` has what [`to_count`] asked for; `all` is about how many versions there are; `page` is how many
/// entries must be found, those that are skipped included.
pub(super) fn decide(
    conjuncts: &[Node],
    sort: Sort,
    versions: Versions,
    ranked: bool,
    counts: &[(usize, Rows)],
    all: u64,
    page: u64,
) -> Way {
    let count = |at: usize| counts.iter().find(|(of, _)| *of == at).map(|(_, rows)| *rows);
    let exact = counts
        .iter()
        .filter_map(|(at, rows)| match rows {
            Rows::Exactly(rows) => Some((*at, *rows)),
            Rows::MoreThan(_) => None,
        })
        .min_by_key(|&(_, rows)| rows);
    if ranked {
        return match exact {
            Some((by, rows)) if rows <= RANKED => Way::List { by, rows },
            _ if conjuncts.len() == 1 && counts.len() == 1 => Way::RankList { rows: RANKED },
            _ => Way::RankWalk { rows: RANKED / 2 },
        };
    }
    let taken = taken(conjuncts, sort, versions, count);
    let all = (all.max(1)) as f64;
    let share = |at: usize| count(at).map_or(UNKNOWN_SHARE, |rows| rows.share(all));
    let rest: Vec<usize> = (0..conjuncts.len()).filter(|at| !taken.contains(at)).collect();
    let share_of_rest: f64 = rest.iter().map(|&at| share(at)).product();
    let longest = taken
        .iter()
        .filter_map(|&at| count(at))
        .map(|rows| rows.at_most(all))
        .fold(all, f64::min);
    let steps = (page as f64 / share_of_rest).min(longest);
    let step = if taken.iter().any(|&at| term_table(&conjuncts[at]).is_some()) {
        FETCH
    } else {
        STEP
    };
    let walk = steps * (step + QUESTION * rest.len() as f64);
    if let Some((by, rows)) = exact {
        let rows_f = rows as f64;
        let others = (0..conjuncts.len()).filter(|&at| at != by);
        let share_of_others: f64 = others.map(share).product();
        let look = FETCH + QUESTION * (conjuncts.len() - 1) as f64;
        let list = if sort.is_by_creation() {
            rows_f * SORT + (page as f64 / share_of_others).min(rows_f) * look
        } else {
            rows_f * look
        };
        // An order that no index has is sorted whole, whatever the page.
        if list < walk || !has_index(sort, versions) {
            return Way::List { by, rows };
        }
    }
    Way::Walk { taken }
}

fn has_index(sort: Sort, versions: Versions) -> bool {
    versions == Versions::Current || sort.is_by_creation()
}

/// The index table that lists what has this one term or value in the order of creation.
pub(super) fn term_table(node: &Node) -> Option<&'static str> {
    match node {
        Node::Atom(Atom::Term {
            test: TermTest::OneOf(terms),
            ..
        }) if terms.len() == 1 => Some("version_terms"),
        Node::Atom(Atom::Value {
            test: ValueTest::Text(TextTest::OneOf(texts)),
            ..
        }) if texts.len() == 1 => Some("version_values"),
        Node::Atom(Atom::Value {
            test: ValueTest::Number(NumberTest::OneOf(numbers)),
            ..
        }) if numbers.len() == 1 => Some("version_values"),
        _ => None,
    }
}

/// The conjuncts that an index takes along with the order: one that must equal something, and bounds of the order itself.
fn taken(conjuncts: &[Node], sort: Sort, versions: Versions, count: impl Fn(usize) -> Option<Rows>) -> Vec<usize> {
    let mut taken = Vec::new();
    let by_created = sort.is_by_creation();
    let leads = |node: &Node| match node {
        Node::Atom(Atom::Folder(ids)) => ids.len() == 1 && has_index(sort, versions),
        Node::Atom(Atom::Text(Column::Format | Column::CreatedBy, TextTest::OneOf(texts))) => {
            by_created && texts.len() == 1 && versions == Versions::Current
        }
        Node::Atom(Atom::Flag(Column::Private | Column::Published | Column::Alpha, _)) => {
            by_created && versions == Versions::Current
        }
        Node::Not(inner) => by_created && **inner == Node::Atom(Atom::Tagged) && versions == Versions::Current,
        node => by_created && term_table(node).is_some(),
    };
    let all_and_more = f64::INFINITY;
    taken.extend(
        (0..conjuncts.len())
            .filter(|&at| leads(&conjuncts[at]))
            .min_by(|&a, &b| {
                let rows = |at| count(at).map_or(all_and_more, |rows| rows.at_most(f64::MAX));
                rows(a).total_cmp(&rows(b))
            }),
    );
    taken.extend((0..conjuncts.len()).filter(|&at| has_index(sort, versions) && bounds(&conjuncts[at], sort.key)));
    taken
}

fn bounds(node: &Node, key: SortKey) -> bool {
    match node {
        Node::Atom(Atom::Int(column, test)) => {
            matches!(test, IntTest::Between(..)) && Some(*column) == key.column() && *column != Column::Name
        }
        Node::Atom(Atom::Text(Column::Name, TextTest::StartsWith(_))) => key == SortKey::Name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = 1_000_000;
    const BY_CREATED: Sort = Sort {
        key: SortKey::Created,
        descending: false,
    };
    const BY_SIZE: Sort = Sort {
        key: SortKey::Size,
        descending: true,
    };

    fn term(word: &str) -> Node {
        Node::Atom(Atom::Term {
            kind: "name".into(),
            test: TermTest::StartsWith(word.into()),
        })
    }

    fn tag() -> Node {
        Node::Atom(Atom::Term {
            kind: "label".into(),
            test: TermTest::OneOf(vec!["t".into()]),
        })
    }

    fn size() -> Node {
        Node::Atom(Atom::Int(Column::Size, IntTest::Between(5, 10)))
    }

    fn folder() -> Node {
        Node::Atom(Atom::Folder(vec!["f".into()]))
    }

    fn format() -> Node {
        Node::Atom(Atom::Text(Column::Format, TextTest::OneOf(vec!["jpg".into()])))
    }

    #[test]
    fn the_cheaper_way_is_taken() {
        use Rows::{Exactly, MoreThan};
        let walk = |taken: &[usize]| Way::Walk { taken: taken.to_vec() };
        for (what, conjuncts, sort, counts, way) in [
            ("nothing asked", vec![], BY_CREATED, vec![], walk(&[])),
            (
                "a rare word",
                vec![term("a")],
                BY_CREATED,
                vec![(0, Exactly(300))],
                Way::List { by: 0, rows: 300 },
            ),
            (
                "a common word",
                vec![term("a")],
                BY_CREATED,
                vec![(0, MoreThan(10_000))],
                walk(&[]),
            ),
            (
                "two words, one of them rare",
                vec![term("a"), term("b")],
                BY_CREATED,
                vec![(0, MoreThan(50_000)), (1, Exactly(20))],
                Way::List { by: 1, rows: 20 },
            ),
            (
                "two words that are rare together",
                vec![term("a"), term("b")],
                BY_CREATED,
                vec![(0, Exactly(20_000)), (1, Exactly(30_000))],
                Way::List { by: 0, rows: 20_000 },
            ),
            ("the bounds of the order", vec![size()], BY_SIZE, vec![], walk(&[0])),
            (
                "few in these bounds, in another order",
                vec![size()],
                BY_CREATED,
                vec![(0, Exactly(10))],
                Way::List { by: 0, rows: 10 },
            ),
            ("a tag", vec![tag()], BY_CREATED, vec![], walk(&[0])),
            (
                "a tag, by size",
                vec![tag()],
                BY_SIZE,
                vec![(0, Exactly(3000))],
                Way::List { by: 0, rows: 3000 },
            ),
            (
                "a tag and a rare word",
                vec![term("a"), tag()],
                BY_CREATED,
                vec![(0, Exactly(50)), (1, MoreThan(50_000))],
                Way::List { by: 0, rows: 50 },
            ),
            (
                "a word that is not so rare",
                vec![term("a")],
                BY_CREATED,
                vec![(0, Exactly(20_000))],
                Way::List { by: 0, rows: 20_000 },
            ),
            ("a folder", vec![folder()], BY_SIZE, vec![], walk(&[0])),
            ("a format by time", vec![format()], BY_CREATED, vec![], walk(&[0])),
            (
                "a format by size",
                vec![format()],
                BY_SIZE,
                vec![(0, MoreThan(10_000))],
                walk(&[]),
            ),
            (
                "a folder and a common word",
                vec![term("a"), folder()],
                BY_CREATED,
                vec![(0, MoreThan(50_000)), (1, Exactly(1000))],
                walk(&[1]),
            ),
            (
                "a large folder and a rare word",
                vec![term("a"), folder()],
                BY_CREATED,
                vec![(0, Exactly(5)), (1, MoreThan(50_000))],
                Way::List { by: 0, rows: 5 },
            ),
        ] {
            let asked = to_count(&conjuncts, sort, Versions::Current, false);
            let given: Vec<usize> = counts.iter().map(|(at, _)| *at).collect();
            assert_eq!(asked, given, "{what}");
            let found = decide(&conjuncts, sort, Versions::Current, false, &counts, ALL, 100);
            assert_eq!(found, way, "{what}");
        }
    }

    #[test]
    fn relevance_orders_a_bounded_number() {
        let way = |conjuncts: &[Node], counts: &[(usize, Rows)]| {
            decide(conjuncts, BY_CREATED, Versions::Current, true, counts, ALL, 100)
        };
        assert_eq!(
            way(&[term("a")], &[(0, Rows::Exactly(40))]),
            Way::List { by: 0, rows: 40 }
        );
        assert_eq!(
            way(&[term("a")], &[(0, Rows::MoreThan(10_000))]),
            Way::RankList { rows: RANKED }
        );
        let both = [(0, Rows::MoreThan(50_000)), (1, Rows::MoreThan(50_000))];
        assert_eq!(way(&[term("a"), folder()], &both), Way::RankWalk { rows: RANKED / 2 });
    }
}
