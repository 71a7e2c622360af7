//! What was aimed at, beside what was reached.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::BenchError;

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// What is done.
    pub work: String,
    /// By whom else.
    pub against: String,
    /// What was to be reached.
    pub aim: String,
    /// What was.
    pub reached: String,
    /// Whether that is enough.
    pub met: bool,
}

/// Keeps a part's lines until the page is put together.
pub fn store(goals: &[Goal], path: &Path) -> Result<(), BenchError> {
    let lines: Vec<_> = goals
        .iter()
        .map(|goal| json!([goal.work, goal.against, goal.aim, goal.reached, goal.met]))
        .collect();
    Ok(fs::write(path, serde_json::to_vec_pretty(&lines)?)?)
}

/// What [`store`] kept.
pub fn load(path: &Path) -> Result<Vec<Goal>, BenchError> {
    let lines: Vec<(String, String, String, String, bool)> = serde_json::from_slice(&fs::read(path)?)?;
    let goal = |(work, against, aim, reached, met)| Goal {
        work,
        against,
        aim,
        reached,
        met,
    };
    Ok(lines.into_iter().map(goal).collect())
}

/// The table. `reasons` has a line `work: why` for what was not reached; what it does not explain stays open.
pub fn section(goals: &[Goal], reasons: &str) -> String {
    let mut page = String::from(
        "## Against what was aimed at\n\n\
         Speed at equal score, on the reference where the peer stands best; above 1 is faster. **Bold** was not reached.\n\n\
         | work | against | to reach | reached | where not and why |\n|---|---|---|---|---|\n",
    );
    for goal in goals {
        let reason = reasons.lines().find_map(|line| {
            let (work, reason) = line.split_once(": ")?;
            (work == goal.work && !goal.met).then_some(reason)
        });
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            goal.work,
            goal.against,
            goal.aim,
            crate::report::bold_if(!goal.met, goal.reached.clone()),
            reason.unwrap_or_default()
        );
    }
    page.push('\n');
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_bold_and_explained() {
        let goal = |work: &str, met| Goal {
            work: work.to_owned(),
            against: "sharp".to_owned(),
            aim: "≥ 2 x".to_owned(),
            reached: "1.5 x".to_owned(),
            met,
        };
        let page = section(
            &[goal("this", true), goal("that", false)],
            "that: it is hard\nthis: unused\n",
        );
        assert!(page.contains("| this | sharp | ≥ 2 x | 1.5 x |  |"), "{page}");
        assert!(
            page.contains("| that | sharp | ≥ 2 x | **1.5 x** | it is hard |"),
            "{page}"
        );
    }
}
