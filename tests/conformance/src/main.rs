//! `evergrant-conformance`: runs the cases with a testee, or with several and compares what they did.

use clap::{Parser, Subcommand};
use evergrant_conformance::{
    Case, CaseError, Comparison, Report, Testee, Testees, compare, home, in_parallel, read_all, run,
};
use serde_json::json;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(about = "Runs the conformance cases", version)]
struct Arguments {
    /// Folder of the case files.
    #[arg(long, global = true, default_value_os_t = home().join("cases"))]
    cases: PathBuf,
    /// How each testee is started.
    #[arg(long, global = true, default_value_os_t = home().join("testees.toml"))]
    testees_file: PathBuf,
    /// One JSON object a line instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// How many cases run at once.
    #[arg(long, global = true, default_value_t = 2)]
    jobs: usize,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Names of the cases, with their titles.
    List,
    /// Runs cases with one testee.
    Run {
        /// The testee's language.
        #[arg(long, default_value = "rust")]
        testee: String,
        /// Every case.
        #[arg(long, conflicts_with = "names")]
        all: bool,
        /// Names of cases.
        #[arg(required_unless_present = "all", value_name = "CASE")]
        names: Vec<String>,
    },
    /// Runs cases with several testees and compares the transcripts.
    Diff {
        /// Their languages; each is compared with the first.
        #[arg(long, value_delimiter = ',', default_value = "rust,python,node,c,php")]
        testees: Vec<String>,
        /// Names of cases; all of them when there is none.
        #[arg(value_name = "CASE")]
        names: Vec<String>,
    },
}

/// Exit status of wrong arguments and wrong case files.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match carry_out(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(io::stderr(), "evergrant-conformance: {message}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn carry_out(arguments: &Arguments) -> Result<bool, String> {
    let output = Output { json: arguments.json };
    match &arguments.command {
        Command::List => {
            let cases = chosen(&arguments.cases, &[])?;
            cases.iter().try_for_each(|case| output.case(case)).map(|()| true)
        }
        Command::Run { testee, names, .. } => {
            let cases = chosen(&arguments.cases, names)?;
            let testee = testees(arguments)?.get(testee)?;
            run_all(&cases, &testee, arguments.jobs, &output)
        }
        Command::Diff { testees: languages, names } => {
            let cases = chosen(&arguments.cases, names)?;
            let known = testees(arguments)?;
            let chosen =
                languages.iter().map(|name| known.get(name)).collect::<Result<Vec<_>, _>>()?;
            diff_all(&cases, &chosen, arguments.jobs, &output)
        }
    }
}

fn testees(arguments: &Arguments) -> Result<Testees, String> {
    let root = home().join("../..").canonicalize().map_err(|error| error.to_string())?;
    Testees::read(&arguments.testees_file, root)
}

fn chosen(folder: &Path, names: &[String]) -> Result<Vec<Case>, String> {
    let all = read_all(folder).map_err(|error| error.to_string())?;
    if let Some(name) = names.iter().find(|name| !all.iter().any(|case| case.name == **name)) {
        return Err(format!("there is no case {name:?} in {}", folder.display()));
    }
    Ok(all.into_iter().filter(|case| names.is_empty() || names.contains(&case.name)).collect())
}

fn run_all(cases: &[Case], testee: &Testee, jobs: usize, output: &Output) -> Result<bool, String> {
    let reports = in_parallel(cases, jobs, |case| {
        let report = run(case, testee).map_err(|error| error.to_string())?;
        output.report(&report).map(|()| report)
    });
    let reports = reports.into_iter().collect::<Result<Vec<_>, _>>()?;
    let failed = reports.iter().filter(|report| !report.failures.is_empty()).count();
    output.write(
        &format!("cases: {} passed, {failed} failed ({})", reports.len() - failed, testee.language),
        &json!({ "passed": reports.len() - failed, "failed": failed }),
    )?;
    Ok(failed == 0)
}

fn diff_all(
    cases: &[Case],
    testees: &[Testee],
    jobs: usize,
    output: &Output,
) -> Result<bool, String> {
    let outcomes = in_parallel(cases, jobs, |case| {
        let (reports, comparisons) =
            compare(case, testees).map_err(|error: CaseError| error.to_string())?;
        reports.iter().try_for_each(|report| output.report(report))?;
        comparisons.iter().try_for_each(|comparison| output.comparison(comparison))?;
        Ok::<_, String>((reports, comparisons))
    });
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let failed =
        outcomes.iter().flat_map(|(reports, _)| reports).filter(|r| !r.failures.is_empty()).count();
    let ran = cases.len() * testees.len();
    let differences: usize =
        outcomes.iter().flat_map(|(_, comparisons)| comparisons).map(|c| c.differences.len()).sum();
    output.write(
        &format!(
            "runs: {} passed, {failed} failed\ndifferential: {} cases, {} testees, {differences} differences",
            ran - failed,
            cases.len(),
            testees.len()
        ),
        &json!({
            "passed": ran - failed,
            "failed": failed,
            "cases": cases.len(),
            "testees": testees.len(),
            "differences": differences,
        }),
    )?;
    Ok(failed == 0 && differences == 0)
}

/// Standard output, as text for people or as JSON lines.
struct Output {
    json: bool,
}

impl Output {
    fn case(&self, case: &Case) -> Result<(), String> {
        let value = json!({ "case": case.name, "title": case.title, "why": case.why });
        self.write(&format!("{:<44} {}", case.name, case.title), &value)
    }

    fn report(&self, report: &Report) -> Result<(), String> {
        let verdict = if report.failures.is_empty() { "ok  " } else { "FAIL" };
        let Report { case, testee, seconds, .. } = report;
        let mut lines = vec![format!("{verdict} {case} [{testee}] {seconds:.2} s")];
        let failures = report.failures.iter();
        lines.extend(failures.map(|failure| format!("    cases/{case}.toml, {failure}")));
        self.write(&lines.join("\n"), &json!(report))
    }

    fn comparison(&self, comparison: &Comparison) -> Result<(), String> {
        if comparison.differences.is_empty() && !self.json {
            return Ok(());
        }
        let Comparison { case, left, right, differences } = comparison;
        let mut lines = vec![format!("DIFF {case}: {left} and {right}")];
        for one in differences {
            lines.push(format!("    {}", one.at));
            lines.push(format!("      {left:<8}{}", one.left));
            lines.push(format!("      {right:<8}{}", one.right));
        }
        self.write(&lines.join("\n"), &json!(comparison))
    }

    fn write(&self, text: &str, value: &serde_json::Value) -> Result<(), String> {
        let mut output = io::stdout().lock();
        let written =
            if self.json { writeln!(output, "{value}") } else { writeln!(output, "{text}") };
        written.map_err(|error| format!("standard output: {error}"))
    }
}
