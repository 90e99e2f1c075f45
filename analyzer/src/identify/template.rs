//! The words of an error without what is particular about one request: two errors of one sort read the same.

/// Longest template, in characters.
const MAX: usize = 160;

/// What a message always says. Our own words, numbers, hashes, and what stands in quotes or brackets is
/// replaced.
pub(crate) fn template(message: &str, echoes: &[String]) -> String {
    let mut echoes: Vec<&str> = echoes.iter().map(String::as_str).filter(|echo| !echo.is_empty()).collect();
    echoes.sort_unstable_by_key(|echo| std::cmp::Reverse(echo.len()));
    let mut text = message.to_owned();
    for echo in echoes {
        text = without_word(&text, echo);
    }
    // What follows the first line is the node's word, or our own request.
    let mut lines = text.trim_end().lines();
    let mut first = lines.next().unwrap_or_default().to_owned();
    if let Some(last) = lines.next_back() {
        first.push_str(if last.ends_with(']') { " […]" } else { " …" });
    }
    words(&brackets(&first)).chars().take(MAX).collect()
}

/// Replaces `word` where it stands by itself.
fn without_word(text: &str, word: &str) -> String {
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (mut left, mut out) = (text, String::new());
    while let Some(at) = left.find(word) {
        let (before, after) = (&left[..at], &left[at + word.len()..]);
        let inside = joins(before.chars().next_back()) || joins(after.chars().next());
        out.push_str(before);
        out.push_str(if inside { word } else { "…" });
        left = after;
    }
    out + left
}

/// Replaces what stands between the first `[` or `{` and the last of its counterpart.
fn brackets(text: &str) -> String {
    [('[', ']'), ('{', '}')].into_iter().fold(text.to_owned(), |text, (open, close)| {
        match (text.find(open), text.rfind(close)) {
            (Some(from), Some(to)) if from < to => format!("{}{open}…{}", &text[..from], &text[to..]),
            _ => text,
        }
    })
}

/// Replaces quoted texts, numbers and long hexadecimal words.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut left = text;
    while let Some(c) = left.chars().next() {
        let after_word = out.chars().next_back().is_some_and(char::is_alphanumeric);
        let rest = &left[c.len_utf8()..];
        if matches!(c, '"' | '\'')
            && !after_word
            && let Some(end) = rest.find(c)
        {
            out.push(c);
            out.push('…');
            out.push(c);
            left = &rest[end + 1..];
            continue;
        }
        if c.is_ascii_alphanumeric() {
            let end = left.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(left.len());
            let (word, after) = left.split_at(end);
            let number = word.bytes().all(|b| b.is_ascii_digit());
            let hex = word.len() >= 16 && word.bytes().all(|b| b.is_ascii_hexdigit());
            match (number, hex) {
                // Groups of thousands and fractions belong to the number.
                (true, _) if out.ends_with("N,") || out.ends_with("N.") => {
                    out.pop();
                }
                (true, _) => out.push('N'),
                (_, true) => out.push('H'),
                _ => out.push_str(word),
            }
            left = after;
            continue;
        }
        out.push(c);
        left = rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_of_one_sort_read_the_same() {
        let hash = "ab".repeat(32);
        for (message, echoes, expected) in [
            ("height 9,999,999 out of range", &[][..], "height N out of range"),
            ("unknown method \"no.such\"", &["no.such"], "unknown method \"…\""),
            ("Unsupported request: no.such", &["no.such"], "Unsupported request: …"),
            ("zz is not a valid script hash, puzzle", &["zz"], "… is not a valid script hash, puzzle"),
            (&format!("tx {hash} not in block at height 120"), &[], "tx H not in block at height N"),
            (
                "x RPC error: unknown method x [String(\"y\")]",
                &["x", "y"],
                "… RPC error: unknown method … […]",
            ),
            ("unsupported protocol version: ['0.9', '1.0']", &[], "unsupported protocol version: […]"),
            ("rejected.\n\nbad-txns\n[00]", &[], "rejected. […]"),
            ("rejected.\n\nbad-txns\n", &[], "rejected. …"),
            ("can't be", &[], "can't be"),
        ] {
            let echoes: Vec<String> = echoes.iter().map(|&echo| echo.to_owned()).collect();
            assert_eq!(template(message, &echoes), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_short_template(message in ".*", echo in ".{0,3}") {
            prop_assert!(template(&message, &[echo]).chars().count() <= MAX);
        }
    }
}
