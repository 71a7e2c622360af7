//! `if-w_gt_800_and_ar_lt_4-3`: tests of sizes, `and` binding tighter than `or`.

use std::fmt;

use crate::Step;
use crate::number;

/// Steps that run when a predicate holds, and others that run when it does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is asked of the picture at this step.
    pub predicate: Predicate,
    /// Runs when it holds.
    pub then: Vec<Step>,
    /// Runs when it does not; possibly nothing.
    pub otherwise: Vec<Step>,
}

/// Groups of tests: it holds when all tests of some group hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate(Vec<Vec<Test>>);

/// One comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// Left side.
    pub property: Property,
    /// How the sides are compared.
    pub comparison: Comparison,
    /// Right side.
    pub operand: f64,
}

/// A size that a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// `w`: columns at this step.
    Width,
    /// `h`: rows at this step.
    Height,
    /// `ar`: width divided by height at this step.
    AspectRatio,
    /// `iw`: columns of the original.
    InitialWidth,
    /// `ih`: rows of the original.
    InitialHeight,
    /// `iar`: width divided by height of the original.
    InitialAspectRatio,
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `gte`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `lte`
    LessOrEqual,
}

const PROPERTIES: [(&str, Property); 6] = [
    ("w", Property::Width),
    ("h", Property::Height),
    ("ar", Property::AspectRatio),
    ("iw", Property::InitialWidth),
    ("ih", Property::InitialHeight),
    ("iar", Property::InitialAspectRatio),
];

const COMPARISONS: [(&str, Comparison); 6] = [
    ("eq", Comparison::Equal),
    ("ne", Comparison::NotEqual),
    ("gt", Comparison::Greater),
    ("gte", Comparison::GreaterOrEqual),
    ("lt", Comparison::Less),
    ("lte", Comparison::LessOrEqual),
];

/// Ratios rarely meet exactly: `4-3` is not a binary fraction.
const TOLERANCE: f64 = 1e-6;

impl Predicate {
    /// Reads what stands after `if-`. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut groups = vec![Vec::new()];
        let mut words = text.split('_');
        loop {
            let mut word = |expected: &str| {
                words
                    .next()
                    .filter(|word| !word.is_empty())
                    .ok_or_else(|| format!("{expected} is missing"))
            };
            let test = Test::parse(word("a property")?, word("a comparison")?, word("a number")?)?;
            if let Some(group) = groups.last_mut() {
                group.push(test);
            }
            match words.next() {
                None => return Ok(Self(groups)),
                Some("and") => {}
                Some("or") => groups.push(Vec::new()),
                Some(other) => return Err(format!("`{other}` joins nothing: expected and, or")),
            }
        }
    }

    pub(crate) fn holds(&self, current: (u32, u32), initial: (u32, u32)) -> bool {
        self.0
            .iter()
            .any(|group| group.iter().all(|test| test.holds(current, initial)))
    }
}

impl Test {
    fn parse(property: &str, comparison: &str, operand: &str) -> Result<Self, String> {
        let property = PROPERTIES
            .iter()
            .find(|(name, _)| *name == property)
            .map(|(_, property)| *property)
            .ok_or_else(|| format!("`{property}` cannot be tested: expected w, h, ar, iw, ih or iar"))?;
        let comparison = COMPARISONS
            .iter()
            .find(|(name, _)| *name == comparison)
            .map(|(_, comparison)| *comparison)
            .ok_or_else(|| format!("`{comparison}` is not a comparison: expected eq, ne, gt, gte, lt or lte"))?;
        let is_ratio = matches!(property, Property::AspectRatio | Property::InitialAspectRatio);
        let value = match operand.split_once('-') {
            Some((width, height)) if is_ratio => number::unsigned(width)
                .zip(number::unsigned(height))
                .map(|(width, height)| width / height)
                .filter(|ratio| ratio.is_finite()),
            _ => number::unsigned(operand),
        };
        let expected = if is_ratio {
            "a number or a ratio such as 4-3"
        } else {
            "a number"
        };
        let operand = value.ok_or_else(|| format!("`{operand}` is not {expected}"))?;
        Ok(Self {
            property,
            comparison,
            operand,
        })
    }

    fn holds(&self, current: (u32, u32), initial: (u32, u32)) -> bool {
        let ratio = |(width, height): (u32, u32)| f64::from(width) / f64::from(height);
        let left = match self.property {
            Property::Width => f64::from(current.0),
            Property::Height => f64::from(current.1),
            Property::AspectRatio => ratio(current),
            Property::InitialWidth => f64::from(initial.0),
            Property::InitialHeight => f64::from(initial.1),
            Property::InitialAspectRatio => ratio(initial),
        };
        let equal = (left - self.operand).abs() <= TOLERANCE;
        match self.comparison {
            Comparison::Equal => equal,
            Comparison::NotEqual => !equal,
            Comparison::Greater => !equal && left > self.operand,
            Comparison::GreaterOrEqual => equal || left > self.operand,
            Comparison::Less => !equal && left < self.operand,
            Comparison::LessOrEqual => equal || left < self.operand,
        }
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { "_or_" } else { "" })?;
            for (index, test) in group.iter().enumerate() {
                write!(f, "{}{test}", if index > 0 { "_and_" } else { "" })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let property = PROPERTIES.iter().find(|(_, property)| *property == self.property);
        let comparison = COMPARISONS
            .iter()
            .find(|(_, comparison)| *comparison == self.comparison);
        let (property, comparison) = (
            property.map_or("", |(name, _)| name),
            comparison.map_or("", |(name, _)| name),
        );
        write!(f, "{property}_{comparison}_{}", self.operand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_tighter_than_or() {
        let size = (1200, 800);
        for (text, holds) in [
            ("w_gt_800", true),
            ("w_eq_1200", true),
            ("w_ne_1200", false),
            ("h_gte_800", true),
            ("h_lte_799", false),
            ("iar_eq_3-2", true),
            ("ar_lt_4-3", false),
            ("h_gte_100_and_h_lte_400_or_ar_lt_4-3", false),
            ("ar_gt_1_or_w_gt_9999_and_h_gt_9999", true),
        ] {
            assert_eq!(Predicate::parse(text).unwrap().holds(size, size), holds, "{text}");
        }
    }

    #[test]
    fn refusals_say_what_was_expected() {
        for (text, reason) in [
            ("w_gt", "a number is missing"),
            ("q_gt_3", "`q` cannot be tested: expected w, h, ar, iw, ih or iar"),
            (
                "w_above_3",
                "`above` is not a comparison: expected eq, ne, gt, gte, lt or lte",
            ),
            ("w_gt_4-3", "`4-3` is not a number"),
            ("ar_gt_4-0", "`4-0` is not a number or a ratio such as 4-3"),
            ("w_gt_3_xor_h_gt_3", "`xor` joins nothing: expected and, or"),
        ] {
            assert_eq!(Predicate::parse(text).unwrap_err(), reason);
        }
    }
}
