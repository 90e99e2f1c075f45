//! How an answer is written: what its JSON library does without being told. The operator does not choose any
//! of it (ElectrumX writes answers with Python's own `json` whatever parser it was installed with).

use memchr::memmem;

use super::{
    json::{Members, elements, outside_strings, string},
    question::{Kind, Question},
};

/// Nesting that is looked into.
const DEPTH: usize = 4;

/// Habits of writing, of a line without spaces around it and of its members: which, and what was seen.
pub(crate) fn seen(
    question: &Question<'_>,
    line: &str,
    members: Option<&Members<'_>>,
) -> Vec<(&'static str, String)> {
    let mut seen = Vec::new();
    if question.kind == Kind::Batch && elements(line).is_some_and(|items| items.len() > 1) {
        seen.push(("batch separator", batch_separator(line).to_owned()));
        return seen;
    }
    let Some(members) = members else { return seen };
    seen.push(("separators", separators(line).to_owned()));
    if let Some(form) = non_ascii(line) {
        seen.push(("letters beyond ASCII", form.to_owned()));
    }
    match (members.get("error"), members.get("result")) {
        (Some(error), _) => {
            seen.push(("members of a failure", members.order()));
            // Bare texts stand beside objects in one server: which goes with which question.
            if let Some(error) = Members::read(error) {
                seen.push(("members of an error", error.order()));
            }
        }
        (None, result) => {
            seen.push(("members of a success", members.order()));
            let result = result.unwrap_or("null");
            if let Some(form) = small_number(result) {
                seen.push(("small numbers", form.to_owned()));
            }
            let mut orders = Vec::new();
            collect_orders(result, &mut orders, DEPTH);
            orders.sort_unstable();
            orders.dedup();
            seen.extend(orders.into_iter().map(|order| ("order of members", order.to_owned())));
        }
    }
    if let (Some(ours), Some(theirs)) = (question.id, members.get("id"))
        && ours.contains(['e', 'E'])
    {
        seen.push(("id sent as 1e2", id_form(theirs).to_owned()));
    }
    seen
}

fn batch_separator(line: &str) -> &'static str {
    let bytes = line.as_bytes();
    let mut depth = 0_usize;
    for (at, byte) in outside_strings(line) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 1 => return if bytes.get(at + 1) == Some(&b' ') { "},·{" } else { "},{" },
            _ => {}
        }
    }
    "another"
}

/// Whether a space follows colons and commas.
fn separators(line: &str) -> &'static str {
    let bytes = line.as_bytes();
    let mut after = outside_strings(line)
        .filter(|(_, byte)| matches!(byte, b':' | b','))
        .map(|(at, _)| bytes.get(at + 1) == Some(&b' '));
    let first = after.next().unwrap_or_default();
    match (first, after.all(|spaced| spaced == first)) {
        (true, true) => "spaced",
        (false, true) => "compact",
        (_, false) => "mixed",
    }
}

fn non_ascii(line: &str) -> Option<&'static str> {
    let escaped = memmem::find_iter(line.as_bytes(), "\\u").any(|at| {
        // An escaped backslash before a `u` is no escape of a letter.
        let backslashes = line[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        let digits = line.get(at + 2..at + 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        backslashes % 2 == 0 && digits.is_some_and(|code| (0x80..0xd800).contains(&code))
    });
    match (escaped, line.is_ascii()) {
        (true, true) => Some("escaped"),
        (false, false) => Some("as they are"),
        // Both: a text that holds what looks like an escape.
        _ => None,
    }
}

/// How the first number from a hundred-thousandth to a ten-thousandth is written. Smaller ones are written otherwise by
/// some libraries, and no capture has any.
fn small_number(result: &str) -> Option<&'static str> {
    // Mostly there is none in sight, and looking closer is dear.
    if !["0.0000", "e-", "E-"].iter().any(|sign| memmem::find(result.as_bytes(), sign.as_bytes()).is_some()) {
        return None;
    }
    let mut bytes = outside_strings(result)
        .filter(|(_, byte)| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
        .map(|(at, _)| at)
        .peekable();
    let mut numbers = std::iter::from_fn(|| {
        let start = bytes.next()?;
        let mut end = start + 1;
        while bytes.next_if_eq(&end).is_some() {
            end += 1;
        }
        result.get(start..end)
    });
    let small = |text: &&str| text.parse::<f64>().is_ok_and(|number| (1e-5..1e-4).contains(&number));
    let number = numbers.find(small)?;
    Some(match number.split_once(['e', 'E']) {
        None => "0.00001",
        Some((_, "-05" | "-06" | "-07" | "-08" | "-09")) => "1e-05",
        Some(_) => "1e-5",
    })
}

fn collect_orders(value: &str, into: &mut Vec<&'static str>, depth: usize) {
    // Where there is no brace there are no members, and lists are long.
    if depth == 0 || !value.starts_with(['{', '[']) || !value.contains('{') {
        return;
    }
    let values = match Members::read(value) {
        Some(members) => {
            let order = members.sorted().map(|sorted| if sorted { "alphabetical" } else { "as made" });
            into.extend(order);
            members.iter().map(|(_, value)| value).collect()
        }
        None => elements(value).unwrap_or_default(),
    };
    for value in values {
        collect_orders(value, into, depth - 1);
    }
}

fn id_form(id: &str) -> &'static str {
    match id {
        _ if string(id).is_some() => "a text",
        _ if id.contains(['e', 'E']) => "an exponent",
        _ if id.ends_with(".0") => "100.0",
        _ if id.bytes().all(|b| b.is_ascii_digit()) => "100",
        _ => "another",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habit(line: &str, which: &str) -> Vec<String> {
        let request = r#"{"jsonrpc":"2.0","id":1e2,"method":"server.ping","params":[]}"#;
        let question = Question::read(request).expect("a question");
        let members = Members::read(line);
        seen(&question, line.trim(), members.as_ref())
            .into_iter()
            .filter(|(name, _)| *name == which)
            .map(|(_, form)| form)
            .collect()
    }

    #[test]
    fn habits_of_writing_are_seen() {
        for (line, which, expected) in [
            (r#"{"jsonrpc": "2.0", "result": null, "id": 100.0}"#, "separators", &["spaced"][..]),
            (r#"{"id":100,"result":"a: b, c"}        "#, "separators", &["compact"]),
            (r#"{"id": 100,"result":1}"#, "separators", &["mixed"]),
            (r#"{"id":100.0,"result":1}"#, "id sent as 1e2", &["100.0"]),
            (r#"{"id":100,"result":1}"#, "id sent as 1e2", &["100"]),
            (r#"{"id":1,"result":1e-05}"#, "small numbers", &["1e-05"]),
            (r#"{"id":1,"result":[1,{"a":0.00008}]}"#, "small numbers", &["0.00001"]),
            (r#"{"id":1,"result":"0.00001"}"#, "small numbers", &[]),
            // The relay fee since Bitcoin Core 29, which Rust's libraries write with an exponent too.
            (r#"{"id":1,"result":1e-6}"#, "small numbers", &[]),
            (
                r#"{"id":1,"result":{"b":1,"a":{"x":1,"y":2}}}"#,
                "order of members",
                &["alphabetical", "as made"],
            ),
            (r#"{"id":1,"result":"\u00e9"}"#, "letters beyond ASCII", &["escaped"]),
            (r#"{"id":1,"result":"é"}"#, "letters beyond ASCII", &["as they are"]),
            (r#"{"error":{"code":1,"message":""},"id":1}"#, "members of an error", &["code message"]),
            (r#"{"error":"no","id":1}"#, "members of a failure", &["error id"]),
        ] {
            assert_eq!(habit(line, which), expected, "{line}");
        }
        let batch = Question::read("[1]").expect("a batch");
        assert_eq!(seen(&batch, "[{}, {}]", None), [("batch separator", "},·{".to_owned())]);
        assert_eq!(
            seen(&batch, "[{\"a\":{\"b\":\"}, {\"}},{}]", None),
            [("batch separator", "},{".to_owned())]
        );
    }
}
