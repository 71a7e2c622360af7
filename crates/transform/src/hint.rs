//! The next move for a token that the language does not have.

use crate::parameters::{self, PARAMETERS, Parameter};

/// A suggestion for an unknown token, where there is a good one.
pub fn unknown(token: &str) -> Option<String> {
    if let Some((width, height)) = token.split_once('x')
        && let (Ok(width), Ok(height)) = (width.parse::<u32>(), height.parse::<u32>())
    {
        return Some(format!("write `w-{width},h-{height}`"));
    }
    // Other dialects write `w_300`, `w=300`, `width=300`, `aspect_ratio=16:9`, `w300`.
    let separators = token.match_indices(['-', '_', '=', ' ']).map(|(at, _)| (at, at + 1));
    let first_digit = token
        .find(|character: char| character.is_ascii_digit())
        .map(|at| (at, at));
    for (end, start) in separators.chain(first_digit).chain([(token.len(), token.len())]) {
        if let Some(parameter) = named(&token[..end]) {
            let value = &token[start..];
            return Some(if value.is_empty() {
                syntax(parameter)
            } else {
                format!("write `{}-{value}`", parameter.key)
            });
        }
    }
    let word = token.split(['-', '_', '=', ' ']).next().unwrap_or_default();
    // The name of an effect is part of its key.
    let word = if word == "e" { parameters::split(token).0 } else { word };
    if word.is_empty() {
        return None;
    }
    closest(word).map(|parameter| format!("did you mean `{}` ({})?", parameter.key, parameter.name))
}

/// How the value of a parameter is written.
pub fn syntax(parameter: &Parameter) -> String {
    format!("write `{}-<value>`: {}", parameter.key, parameter.syntax)
}

fn named(word: &str) -> Option<&'static Parameter> {
    parameters::find(word).or_else(|| {
        let word = folded(word);
        PARAMETERS.iter().find(|parameter| folded(parameter.name) == word)
    })
}

/// The parameter whose key or name is the fewest edits away, if they are few for the length of the word.
fn closest(word: &str) -> Option<&'static Parameter> {
    let allowed = match word.chars().count() {
        0..=1 => return None,
        2..=4 => 1,
        _ => 2,
    };
    PARAMETERS
        .iter()
        .flat_map(|parameter| {
            [
                (parameter, parameter.key.to_owned()),
                (parameter, folded(parameter.name)),
            ]
        })
        // An edit of a one-letter key is any other letter.
        .filter(|(_, candidate)| candidate.chars().count() > 1)
        .map(|(parameter, candidate)| (parameter, distance(&folded(word), &candidate)))
        .filter(|(_, distance)| *distance <= allowed)
        .min_by_key(|(_, distance)| *distance)
        .map(|(parameter, _)| parameter)
}

/// The word of a list that is the fewest edits away, if they are few for its length.
pub fn closest_of<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    let allowed = if word.chars().count() > 4 { 2 } else { 1 };
    words
        .iter()
        .map(|candidate| (*candidate, distance(&folded(word), &folded(candidate))))
        .filter(|(_, distance)| *distance <= allowed)
        .min_by_key(|(_, distance)| *distance)
        .map(|(candidate, _)| candidate)
}

/// `aspectRatio`, `aspect_ratio` and `aspect ratio` are one word.
fn folded(word: &str) -> String {
    word.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect()
}

/// Levenshtein's, one row at a time. Words are cut, so that a long token costs no more than a short one.
fn distance(left: &str, right: &str) -> usize {
    const LONGEST: usize = 32;
    let left: Vec<char> = left.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (line, right) in right.chars().take(LONGEST).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, left) in left.iter().enumerate() {
            let replaced = diagonal + usize::from(*left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[left.len()]
}
