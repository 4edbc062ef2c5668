//! The differential: all testees run a case, and everything they did is the same but for random values.

use crate::case::{Case, CaseError};
use crate::runner::{Report, run};
use crate::testee::Testee;
use crate::transcript::{Difference, differences};
use serde::Serialize;

/// One testee's run of a case beside the first testee's.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The case.
    pub case: String,
    /// The first testee.
    pub left: String,
    /// The other.
    pub right: String,
    /// Where they are not the same.
    pub differences: Vec<Difference>,
}

/// Runs one case with every testee and compares each with the first.
pub fn compare(
    case: &Case,
    testees: &[Testee],
) -> Result<(Vec<Report>, Vec<Comparison>), CaseError> {
    let reports = testees.iter().map(|testee| run(case, testee)).collect::<Result<Vec<_>, _>>()?;
    let comparisons = match reports.split_first() {
        None => Vec::new(),
        Some((first, others)) => others.iter().map(|other| beside(first, other)).collect(),
    };
    Ok((reports, comparisons))
}

fn beside(first: &Report, other: &Report) -> Comparison {
    Comparison {
        case: first.case.clone(),
        left: first.testee.clone(),
        right: other.testee.clone(),
        differences: differences(&first.transcript, &other.transcript),
    }
}
