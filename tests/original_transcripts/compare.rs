//! How two answers differ, and which differences are on purpose.

use std::fmt;

use super::answer::Facts;
use super::aspect::{Aspect, Kind};
use super::on_purpose::Purpose;

/// One fact that ours has otherwise, more or less than the recorded answer.
#[derive(Clone, Debug)]
pub struct Difference {
    pub transcript: String,
    /// Counted from 0.
    pub step: usize,
    pub aspect: Aspect,
    pub recorded: Option<String>,
    pub ours: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            transcript,
            step,
            aspect,
            recorded,
            ours,
        } = self;
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        write!(
            formatter,
            "{transcript} step {step}: {aspect}:\n    recorded {}\n    ours     {}",
            shown(recorded),
            shown(ours)
        )
    }
}

/// All differences of two answers.
pub fn differences<'a>(
    recorded: &'a Facts,
    ours: &'a Facts,
) -> impl Iterator<Item = (Aspect, Option<String>, Option<String>)> + 'a {
    let added = ours.keys().filter(|aspect| !recorded.contains_key(aspect));
    recorded
        .keys()
        .chain(added)
        .map(|aspect| {
            (
                aspect.clone(),
                recorded.get(aspect).cloned(),
                ours.get(aspect).cloned(),
            )
        })
        .filter(|(aspect, theirs, of_ours)| {
            let of_one = theirs.is_some() != of_ours.is_some();
            let explained = of_one
                && aspect
                    .head()
                    .is_some_and(|head| recorded.get(&head) != ours.get(&head));
            let page_of_one = of_one && aspect.kind == Kind::Page;
            let another_answer = aspect.kind == Kind::Caching && answers_otherwise(recorded, ours);
            theirs != of_ours && !explained && !page_of_one && !another_answer
        })
}

/// Whether status or destination differ: then so does what caches may do with it.
fn answers_otherwise(recorded: &Facts, ours: &Facts) -> bool {
    [Kind::Status, Kind::GoesOn].into_iter().any(|kind| {
        let aspect = Aspect {
            kind,
            name: "".into(),
        };
        recorded.get(&aspect) != ours.get(&aspect)
    })
}

/// The differences that nothing in the table names, and what in the table names none.
pub fn unexplained(
    differences: &[Difference],
    table: impl Iterator<Item = &'static Purpose> + Clone,
) -> (Vec<&Difference>, Vec<String>) {
    let mut used: Vec<Vec<bool>> = table
        .clone()
        .map(|purpose| vec![false; purpose.changes.len()])
        .collect();
    let mut unexplained = Vec::new();
    for difference in differences {
        let mut named = false;
        for (purpose, used) in table.clone().zip(&mut used) {
            if !purpose.is_about(difference) {
                continue;
            }
            for (change, used) in purpose.changes.iter().zip(used) {
                if change.names(difference) {
                    *used = true;
                    named = true;
                }
            }
        }
        if !named {
            unexplained.push(difference);
        }
    }
    let unused = table.zip(used).flat_map(|(purpose, used)| {
        let unused = purpose.changes.iter().zip(used).filter(|(_, used)| !used);
        unused.map(|(change, _)| format!("{}: {change}", purpose.what))
    });
    (unexplained, unused.collect())
}
