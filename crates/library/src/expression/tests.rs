use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Expression {
    parse(text, &Bounds::default()).unwrap_or_else(|error| panic!("{}", error.drawn(text)))
}

/// As it is printed: the structure, without the places.
fn p(text: &str) -> String {
    read(text).to_string()
}

fn e(text: &str) -> String {
    parse(text, &Bounds::default()).expect_err(text).drawn(text)
}

#[test]
fn conditions() {
    for (text, same) in [
        (r#"name="a""#, r#"name = "a""#),
        ("format='png'", r#"format = "png""#),
        (r#"name: "x""#, r#"name : "x""#),
        ("name:x", "name : x"),
        ("createdAt < 2020-01-01T12:12:12", "createdAt < 2020-01-01T12:12:12"),
        ("createdAt<2d", "createdAt < 2d"),
        ("size>=1.5mb", "size >= 1.5mb"),
        (r#""tags" IN ["x"]"#, r#""tags" IN ["x"]"#),
        (r#"tags in[ "a" ,'b',500, true ]"#, r#"tags IN ["a", "b", 500, true]"#),
        (r#"tags NOT  IN ["a"]"#, r#"tags NOT IN ["a"]"#),
        (r#"name NOT="a""#, r#"name NOT = "a""#),
        (r#"name not = "a""#, r#"name NOT = "a""#),
        (r#"name Has "red dress""#, r#"name HAS "red dress""#),
        ("tags NOT HAS sale", "tags NOT HAS sale"),
        ("tags EXISTS", "tags EXISTS"),
        ("tags not exists", "tags NOT EXISTS"),
        ("path = /travel/2026", "path = /travel/2026"),
        ("createdBy = ana@example.org", "createdBy = ana@example.org"),
        (r#""customMetadata.note" EXISTS"#, r#""customMetadata.note" EXISTS"#),
        (" \n\tname\n=\t\"a\" ", r#"name = "a""#),
    ] {
        assert_eq!(p(text), same, "{text}");
    }
}

#[test]
fn and_binds_tighter_than_or() {
    for (text, same) in [
        ("a=1 OR b=2 AND c=3", "a = 1 OR b = 2 AND c = 3"),
        ("(a=1 OR b=2) AND c=3", "(a = 1 OR b = 2) AND c = 3"),
        ("a=1 and b=2 or c=3 and d=4", "a = 1 AND b = 2 OR c = 3 AND d = 4"),
        ("((a=1))", "a = 1"),
        ("a=1 AND (b=2 AND c=3)", "a = 1 AND (b = 2 AND c = 3)"),
        ("NOT (a=1 OR b=2)", "NOT (a = 1 OR b = 2)"),
        ("NOT a=1 AND b=2", "NOT a = 1 AND b = 2"),
        ("NOT NOT (a EXISTS)", "NOT NOT a EXISTS"),
        ("(a=1)AND(b=2)", "a = 1 AND b = 2"),
    ] {
        assert_eq!(p(text), same, "{text}");
    }
    assert!(matches!(read("a=1 OR b=2 AND c=3"), Expression::Or(all) if matches!(all[1], Expression::And(_))));
    assert!(matches!(read("a=1 AND b=2 OR c=3"), Expression::Or(all) if matches!(all[0], Expression::And(_))));
    assert!(matches!(read("NOT a=1 AND b=2"), Expression::And(all) if matches!(all[0], Expression::Not(_))));
}

#[test]
fn strings() {
    let value = |text: &str| match read(&format!("a = {text}")) {
        Expression::Condition(Condition {
            operand: Operand::One(value),
            ..
        }) => value,
        other => panic!("{other:?}"),
    };
    for (text, content) in [
        (r#""say \"hi\"""#, r#"say "hi""#),
        (r#""back\\slash""#, r"back\slash"),
        (r#""C:\dir""#, r"C:\dir"),
        (r#""it's""#, "it's"),
        (r"'it\'s'", "it's"),
        (r#"'say "hi"'"#, r#"say "hi""#),
        (r#""AND OR NOT""#, "AND OR NOT"),
        (r#""""#, ""),
        (r#""a(b)[c],<=>""#, "a(b)[c],<=>"),
        ("\"caf\u{e9} \u{1f389}\"", "caf\u{e9} \u{1f389}"),
    ] {
        let value = value(text);
        assert_eq!((value.text.as_str(), value.quoted), (content, true), "{text}");
    }
    assert!(!value("x").quoted);
    assert_eq!(value("\"x\"").span, Span { start: 4, end: 7 });
}

#[test]
fn one_stray_quote_at_the_end_is_forgiven() {
    assert_eq!(
        p(r#""customMetadata.category" IN ["clothing", "accessories"]""#),
        r#""customMetadata.category" IN ["clothing", "accessories"]"#
    );
    assert_eq!(p("width > 500' "), "width > 500");
    assert_eq!(p(r#"name = "a"""#), r#"name = "a""#);
    assert!(parse(r#"tags IN ["a"]"""#, &Bounds::default()).is_err());
}

#[test]
fn mistakes_are_pointed_at() {
    assert_snapshot!(e("created_at 7d"), @r"
    expected an operator after created_at, found `7d`
      created_at 7d
                 ^^
    hint: the operators are =, NOT =, :, <, <=, >, >=, IN, NOT IN, HAS, EXISTS and NOT EXISTS
    ");
    assert_snapshot!(e(r#"name = "a" AND (size > 1 OR tags EXISTS"#), @r#"
    the parenthesis that opens here is not closed
      name = "a" AND (size > 1 OR tags EXISTS
                     ^
    "#);
    assert_snapshot!(e("size > 1) AND tags EXISTS"), @r"
    this parenthesis closes nothing
      size > 1) AND tags EXISTS
              ^
    ");
    assert_snapshot!(e(r#"name = "harbour"#), @r#"
    the string that begins here has no end
      name = "harbour
             ^^^^^^^^
    hint: close it with "
    "#);
    assert_snapshot!(e(r#"name = “a”"#), @r#"
    “ does not begin a string
      name = “a”
             ^
    hint: write straight quotes: "…"
    "#);
    assert_snapshot!(e("name = red dress"), @r"
    expected AND or OR, found `dress`
      name = red dress
                 ^^^^^
    hint: join conditions with AND or OR, and put values with spaces in quotes
    ");
    assert_snapshot!(e("name != x"), @r"
    `!=` is not an operator
      name != x
           ^^
    hint: write NOT =
    ");
    assert_snapshot!(e("name LIKE x"), @r"
    expected an operator after name, found `LIKE`
      name LIKE x
           ^^^^
    hint: write HAS for words anywhere, : for how it begins
    ");
    assert_snapshot!(e("name = and"), @r#"
    expected a value after =, found `and`
      name = and
             ^^^
    hint: if the word itself is meant, put it in quotes: "and"
    "#);
    assert_snapshot!(e(r#"tags IN "a""#), @r#"
    expected a list after IN, found `"`
      tags IN "a"
              ^
    hint: put the values into brackets: ["…", "…"]
    "#);
    assert_snapshot!(e(r#"name = ["a"]"#), @r#"
    = takes one value, not a list
      name = ["a"]
             ^
    hint: for one of several values write IN ["…", "…"]
    "#);
    assert_snapshot!(e(r#"tags IN ["a" "b"]"#), @r#"
    expected `,` or `]` in the list, found `"`
      tags IN ["a" "b"]
                   ^
    "#);
    assert_snapshot!(e(r#"tags IN ["a", "b""#), @r#"
    the list that begins here is not closed
      tags IN ["a", "b"
              ^
    hint: close it with ]
    "#);
    assert_snapshot!(e("a = 1 && b = 2"), @r"
    expected AND or OR, found `&`
      a = 1 && b = 2
            ^
    hint: write AND
    ");
    assert_snapshot!(e("name NOT : x"), @r"
    expected =, IN, HAS or EXISTS after NOT, found `:`
      name NOT : x
               ^
    hint: to negate another condition, put NOT before it: NOT (…)
    ");
    for (text, message) in [
        ("", "expected a field, found the end"),
        ("()", "expected a field, found `)`"),
        ("a = 1 AND", "expected a field, found the end"),
        ("AND a = 1", "expected a field, found `AND`"),
        ("a = 1 OR OR b = 2", "expected a field, found `OR`"),
        ("a", "expected an operator after a, found the end"),
        ("a =", "expected a value after =, found the end"),
        ("a IN []", "the list is empty"),
        ("a IN [1,]", "expected a value in the list, found `]`"),
        ("a IN [1;2]", "it holds"),
        ("a = 1 b = 2", "expected AND or OR, found `b`"),
        ("a = \0", "it holds a NUL character"),
        ("= 1", "expected a field, found `=`"),
    ] {
        match parse(text, &Bounds::default()) {
            Err(error) => assert_eq!(error.message, message, "{text}"),
            // A semicolon is part of a word.
            Ok(read) => assert_eq!((text, read.to_string().as_str()), ("a IN [1;2]", "a IN [1;2]")),
        }
    }
    let text = "\u{e9} = \u{e9}\u{e9} = 1";
    let error = parse(text, &Bounds::default()).expect_err(text);
    assert_eq!(
        error.sentences(text),
        "expected AND or OR, found `=` (at character 8). Join conditions with AND or OR, and put values with spaces \
         in quotes."
    );
}

#[test]
fn everything_is_bounded() {
    let bounds = Bounds {
        bytes: 200,
        depth: 3,
        conditions: 4,
        values: 5,
    };
    let message = |text: &str| parse(text, &bounds).map_err(|error| (error.kind, error.message));
    let too_large = |message: &str| Err((ErrorKind::TooLarge, message.to_owned()));
    assert!(message("(((a=1)))").is_ok());
    assert_eq!(
        message("((((a=1))))"),
        too_large("it is nested more than 3 levels deep")
    );
    assert_eq!(
        message("NOT NOT NOT NOT a=1"),
        too_large("it is nested more than 3 levels deep")
    );
    assert!(message("(a=1) AND (b=1) AND ((c=1)) AND (((d=1)))").is_ok());
    assert_eq!(
        message("a=1 OR a=2 OR a=3 OR a=4 OR a=5"),
        too_large("it has more than 4 conditions")
    );
    assert!(message("a IN [1,2,3] OR a IN [4,5]").is_ok());
    assert_eq!(
        message("a IN [1,2,3] OR a IN [4,5,6]"),
        too_large("its lists have more than 5 values")
    );
    assert_eq!(
        message(&format!("a = \"{}\"", "x".repeat(200))),
        too_large("it has 206 bytes; 200 are allowed")
    );
    // Far beyond the bounds nothing overflows either.
    let deep = "(".repeat(30_000);
    assert_eq!(
        parse(&deep, &Bounds::default()).map_err(|error| error.kind),
        Err(ErrorKind::TooLarge)
    );
}

fn without_places(expression: Expression) -> Expression {
    let all = |inner: Vec<Expression>| inner.into_iter().map(without_places).collect();
    let literal = |literal: Literal| Literal {
        span: Span::default(),
        ..literal
    };
    match expression {
        Expression::And(inner) => Expression::And(all(inner)),
        Expression::Or(inner) => Expression::Or(all(inner)),
        Expression::Not(inner) => Expression::Not(Box::new(without_places(*inner))),
        Expression::Condition(condition) => Expression::Condition(Condition {
            field: literal(condition.field),
            operator: condition.operator,
            operator_span: Span::default(),
            operand: match condition.operand {
                Operand::None => Operand::None,
                Operand::One(value) => Operand::One(literal(value)),
                Operand::List(values, _) => Operand::List(values.into_iter().map(literal).collect(), Span::default()),
            },
        }),
    }
}

fn any_literal(words: &'static str) -> impl Strategy<Value = Literal> {
    let quoted = any::<String>()
        .prop_filter("a NUL character", |text| !text.contains('\0'))
        .prop_map(|text| (text, true));
    let word = words
        .prop_filter("a keyword", |word: &String| scan::Keyword::of(word).is_none())
        .prop_map(|text| (text, false));
    prop_oneof![quoted, word].prop_map(|(text, quoted)| Literal {
        text,
        quoted,
        span: Span::default(),
    })
}

fn any_condition() -> impl Strategy<Value = Expression> {
    use Operator::*;
    let value = || any_literal("[a-zA-Z0-9.+_/@-][a-zA-Z0-9.:+_/@-]{0,8}");
    let single = prop::sample::select(vec![
        Equal,
        NotEqual,
        StartsWith,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        Has,
        NotHas,
    ]);
    let operand = prop_oneof![
        (single, value()).prop_map(|(operator, value)| (operator, Operand::One(value))),
        (
            prop::sample::select(vec![In, NotIn]),
            prop::collection::vec(value(), 1..4)
        )
            .prop_map(|(operator, values)| (operator, Operand::List(values, Span::default()))),
        prop::sample::select(vec![Exists, NotExists]).prop_map(|operator| (operator, Operand::None)),
    ];
    (any_literal("[a-zA-Z][a-zA-Z0-9_.-]{0,8}"), operand).prop_map(|(field, (operator, operand))| {
        Expression::Condition(Condition {
            field,
            operator,
            operator_span: Span::default(),
            operand,
        })
    })
}

fn any_expression() -> impl Strategy<Value = Expression> {
    any_condition().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Or),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same(expression in any_expression()) {
        let text = expression.to_string();
        let read = parse(&text, &Bounds::default());
        prop_assert_eq!(read.map(without_places), Ok(expression), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place_inside_it(text in any::<String>()) {
        if let Err(error) = parse(&text, &Bounds::default()) {
            prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
            prop_assert!(!error.drawn(&text).is_empty() && !error.sentences(&text).is_empty());
        }
    }

    #[test]
    fn text_made_of_the_language_never_breaks_the_parser(
        parts in prop::collection::vec(prop::sample::select(vec![
            "(", ")", "[", "]", ",", "=", "<", ">", ":", "!", "\"", "'", "\\", " AND ", " OR ", " NOT ", " IN ", " HAS ",
            " EXISTS ", "name", "tags", "5", "7d", "é", "“", " ",
        ]), 0..24)
    ) {
        let text = parts.concat();
        if let Err(error) = parse(&text, &Bounds::default()) {
            prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
        }
    }
}
