//! The lines an analysis ends with: what was found, the weightiest first.

use analyzer::{analysis::Analysis, text::plural};
use model::{Assessment, assessment::Level};

use crate::output;

/// Servers that people are shown.
const MOST_LINES: usize = 60;
/// Groups that people are shown.
const MOST_GROUPS: usize = 10;
/// How wide the table of findings is where it is not read at a terminal, in characters: findings are sentences.
const WIDE: u16 = 160;

/// Tables of findings and groups, and the figures.
pub(super) fn of(analysis: &Analysis) -> String {
    let mut suspects: Vec<&Assessment> =
        analysis.assessments.iter().filter(|assessment| assessment.level > Level::Clear).collect();
    suspects.sort_by_key(|assessment| std::cmp::Reverse(assessment.score));
    let mut text = String::new();
    if !suspects.is_empty() {
        let mut table = output::table(["score", "level", "server", "findings"]);
        if !table.is_tty() {
            table.set_width(WIDE);
        }
        for assessment in suspects.iter().take(MOST_LINES) {
            let findings = assessment.findings.iter().map(|finding| {
                let digest = finding.evidence.first().map(ToString::to_string).unwrap_or_default();
                let short = digest.get(..12).unwrap_or_default();
                format!("{} {} [{short}…]", finding.indicator, finding.statement)
            });
            table.add_row([
                assessment.score.to_string(),
                assessment.level.name().to_owned(),
                assessment.server.clone(),
                findings.collect::<Vec<_>>().join("\n"),
            ]);
        }
        text = format!("{table}\n");
    }
    if !analysis.groups.is_empty() {
        let mut table = output::table(["group", "servers", "posterior", "linked by", "declared"]);
        for group in analysis.groups.iter().take(MOST_GROUPS) {
            let kinds: Vec<&str> = group.evidence.iter().map(|evidence| evidence.kind.as_str()).collect();
            table.add_row([
                group.id.clone(),
                group.members.len().to_string(),
                format!("{:.3}", group.posterior),
                kinds.join(", "),
                if group.declared { "yes" } else { "no" }.to_owned(),
            ]);
        }
        text.push_str(&format!("{table}\n"));
    }
    let summary = &analysis.summary;
    let levels: Vec<String> =
        summary.levels.iter().rev().map(|(found, servers)| format!("{servers} {}", found.name())).collect();
    let left = [(suspects.len(), MOST_LINES, "server"), (analysis.groups.len(), MOST_GROUPS, "group")];
    let left = left.map(|(count, shown, word)| (count.saturating_sub(shown), word));
    let left: Vec<String> =
        left.iter().filter(|(count, _)| *count > 0).map(|(count, word)| plural(*count, word)).collect();
    let left =
        if left.is_empty() { String::new() } else { format!(" (not shown here: {})", left.join(", ")) };
    text.push_str(&format!(
        "{}, {}: {}{left}. A server that only writes down what it sees cannot be told from an honest one.\n",
        plural(summary.servers, "server"),
        plural(summary.groups, "group"),
        levels.join(", "),
    ));
    text
}
