//! The table of an evaluation, in Markdown, so that it can stand in a document as it is.

use std::{collections::BTreeMap, fmt::Write as _};

use super::judge::{Share, Verdict};

/// One line a scenario, and below it what went wrong.
pub(super) fn of(verdicts: &BTreeMap<String, Verdict>) -> String {
    let mut text = String::from(
        "| scenario | runs | must fire: did | honest servers | hard | medium | soft | forbidden | pairs of one operator linked | links right | adjusted Rand index |\n\
         |---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for (name, verdict) in verdicts {
        let needed =
            verdict.needed.iter().map(|(indicator, share)| format!("{indicator}: {}", of_all(*share)));
        let needed: Vec<String> = needed.collect();
        let needed = if needed.is_empty() { "–".to_owned() } else { needed.join(", ") };
        let _ = writeln!(
            text,
            "| {name} | {} | {needed} | {} | {} | {} | {} | {} | {} | {} | {} |",
            verdict.runs,
            verdict.honest,
            verdict.hard,
            verdict.medium,
            verdict.soft,
            verdict.forbidden,
            of_all(verdict.linked),
            of_all(verdict.rightly),
            verdict.rand_index().map_or_else(|| "–".to_owned(), |index| format!("{index:.3}")),
        );
    }
    for (name, verdict) in verdicts {
        for told in &verdict.told {
            let _ = writeln!(text, "\n- {name}, {told}");
        }
    }
    text
}

fn of_all(share: Share) -> String {
    if share.of == 0 { "–".to_owned() } else { format!("{} of {}", share.found, share.of) }
}
