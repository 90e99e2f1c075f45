//! What an answer's contents show of the software: whether a method is there, the words of its errors, the
//! skeleton of its results. Contents that chain, peers or settings decide are left out.

use super::{
    json::{Members, elements, first_elements, string},
    question::{Kind, Question, agreed},
    template::template,
};

/// Codes that tell of a passing condition: excessive use, a busy server, an internal error.
const CONDITIONS: [&str; 3] = ["-101", "-102", "-32603"];
/// The code with which a refusal of the node is passed on.
const OF_THE_NODE: &str = "2";
/// Elements of a list that are looked at.
const ELEMENTS: usize = 4;
/// Longest trait, in characters.
const MAX: usize = 200;

/// A trait of an answer: to what question, and what was seen.
type Seen = (String, String);

/// The traits of an answer: a line without spaces around it, and its members. None where it tells of a passing condition,
/// or is no answer.
pub(crate) fn seen(question: &Question<'_>, line: &str, members: Option<&Members<'_>>) -> Vec<Seen> {
    if let Some(items) = elements(line) {
        let what = if items.is_empty() { "an empty array" } else { "an array" };
        return vec![(question.text.clone(), what.to_owned())];
    }
    let Some(members) = members else { return Vec::new() };
    let mut seen = match (members.get("error"), members.get("result")) {
        (Some(error), _) => failure(question, error),
        (None, Some(result)) => success(question, result),
        (None, None) => success(question, "null"),
    };
    for (_, trait_) in &mut seen {
        *trait_ = trait_.chars().take(MAX).collect();
    }
    seen
}

fn failure(question: &Question<'_>, error: &str) -> Vec<Seen> {
    let Some(members) = Members::read(error) else {
        let message = string(error).unwrap_or_else(|| error.to_owned());
        return vec![(
            question.text.clone(),
            format!("error, bare: {}", template(&message, &question.echoes())),
        )];
    };
    let code = members.get("code").unwrap_or("none");
    let message = members.get("message").and_then(string).unwrap_or_default();
    if CONDITIONS.contains(&code) {
        return Vec::new();
    }
    let mut words = template(&message, &question.echoes());
    if question.kind == Kind::Unreadable {
        // What follows a colon is as much of our line as the server cared to repeat.
        words = words.split(": ").next().unwrap_or_default().to_owned();
    }
    if code == OF_THE_NODE {
        // Its words are the node's and change with it; how they are wrapped is not.
        let wrapped =
            if words.starts_with("daemon error: DaemonError(") { words.as_str() } else { "passed on" };
        return vec![("a refusal of the node".to_owned(), format!("error {code}: {wrapped}"))];
    }
    let failure = format!("error {code}: {words}");
    match question.kind {
        Kind::Named => {
            vec![(question.text.clone(), failure.clone()), ("named parameters".to_owned(), failure)]
        }
        _ => vec![(question.text.clone(), failure)],
    }
}

fn success(question: &Question<'_>, result: &str) -> Vec<Seen> {
    let asked = &question.text;
    if asked.starts_with("blockchain.transaction.broadcast") {
        // Whether a transaction is taken is a matter of the transaction.
        return Vec::new();
    }
    let mut seen = match question.kind {
        Kind::Greeting => {
            let agreed = agreed(result).map(|version| format!("agrees on {version}"));
            vec![(asked.clone(), agreed.unwrap_or_else(|| skeleton(result)))]
        }
        // The status of a script with a history, or null for one without.
        _ if asked.starts_with("blockchain.script")
            && asked.contains(".subscribe(")
            && (result == "null" || string(result).is_some()) =>
        {
            vec![(asked.clone(), "a status or null".to_owned())]
        }
        Kind::Node if result.starts_with('{') => vec![(asked.clone(), "an object".to_owned())],
        _ => vec![(asked.clone(), skeleton(result))],
    };
    if question.kind == Kind::Named {
        seen.push(("named parameters".to_owned(), "answered".to_owned()));
    }
    // An empty list is a matter of contents; how its elements look is not.
    let mut kinds: Vec<String> = first_elements(result, ELEMENTS).into_iter().map(skeleton).collect();
    kinds.sort_unstable();
    kinds.dedup();
    seen.extend(kinds.into_iter().map(|kind| (format!("an element of {asked}"), kind)));
    if ["-1", "-1.0"].contains(&result) {
        seen.push((format!("{asked}, unknown"), result.to_owned()));
    }
    seen
}

/// The form of a value without its contents.
fn skeleton(value: &str) -> String {
    match value.as_bytes().first() {
        Some(b'{') => {
            Members::read(value).map_or_else(String::new, |members| format!("{{{}}}", members.order()))
        }
        Some(b'[') => "list".to_owned(),
        Some(b'"') => "text".to_owned(),
        Some(b't' | b'f') => "true or false".to_owned(),
        Some(b'n') => "null".to_owned(),
        _ => "number".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(method: &str, params: &str, line: &str) -> Vec<Seen> {
        let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        seen(&Question::read(&request).expect("a question"), line, Members::read(line).as_ref())
    }

    #[test]
    fn claims_and_contents_are_no_traits() {
        let of = |line| traits("server.donation_address", "[]", line);
        assert_eq!(of(r#"{"result":"","id":1}"#), of(r#"{"result":"1Ca1in","id":1}"#));
        let of = |line| traits("server.version", r#"["x","1.4"]"#, line);
        assert_eq!(of(r#"{"result":["ElectrumX 1.20.0","1.4"]}"#), of(r#"{"result":["Fulcrum 2.1","1.4"]}"#));
        let of = |line| traits("blockchain.scripthash.get_history", r#"["00"]"#, line);
        let (none, one) = (of(r#"{"result":[]}"#), of(r#"{"result":[{"tx_hash":"00","height":1}]}"#));
        assert_eq!((none.len(), one.len(), &none[0]), (1, 2, &one[0]));
        assert_eq!(one[1].1, "{tx_hash height}");
        let of = |line| traits("blockchain.scripthash.subscribe", r#"["00"]"#, line);
        assert_eq!(of(r#"{"result":null}"#), of(r#"{"result":"00ff"}"#));
    }

    #[test]
    fn conditions_tell_nothing_and_the_node_has_its_own_words() {
        let error = |code, message| {
            let line = format!(r#"{{"error":{{"code":{code},"message":"{message}"}},"id":1}}"#);
            traits("blockchain.block.header", "[9999999]", &line)
        };
        assert!(error(-101, "excessive resource usage").is_empty());
        assert_eq!(error(2, "Loading").first().map(|seen| seen.1.as_str()), Some("error 2: passed on"));
        assert_eq!(error(1, "height 9,999,999 out of range")[0].1, "error 1: height N out of range");
    }
}
