//! A line without what depends on the chain. Structure, order, spacing, ids, the words of errors and the forms of
//! numbers stay; hashes, hex, amounts and times go; lists keep one of each kind of element.

/// Hex of at least this length names something of a chain.
const NAME: usize = 40;

/// Makes a line comparable. `tips` are the heights that errors may repeat; `policy` says that fees in it are those of
/// every node, so that how they are written can be compared.
pub(crate) fn normal(line: &str, tips: &[u32], policy: bool) -> String {
    let (body, end) = line.split_at(line.trim_end_matches(['\r', '\n']).len());
    let (padded, last) = body.split_at(body.len().saturating_sub(1));
    let unpadded = padded.trim_end_matches(' ');
    // How many spaces there are follows from the length of the answer.
    let padding = if unpadded.len() < padded.len() { "~" } else { "" };
    let text = format!("{unpadded}{last}");
    let mut reader = Reader { text: &text, at: 0, tips, policy };
    let mut out = reader.value("", false);
    out.push_str(&text[reader.at..]);
    format!("{out}{padding}{}", end.escape_debug())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    tips: &'a [u32],
    policy: bool,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn take(&mut self, stop: impl Fn(u8) -> bool) -> &str {
        let start = self.at;
        while self.at < self.text.len() && !stop(self.peek()) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// `contents`: within a result or parameters.
    fn value(&mut self, key: &str, contents: bool) -> String {
        match self.peek() {
            b'{' => self.object(contents),
            b'[' => self.list(key, contents),
            b'"' => {
                let text = self.string();
                match (key, contents) {
                    ("asm" | "desc" | "address" | "type" | "hex", true) => "\"S\"".to_owned(),
                    ("id", false) => text,
                    ("message" | "error", _) => self.words(&text),
                    _ if is_name(&text) => "\"H\"".to_owned(),
                    ("result" | "status", _) if text.len() > 200 => "\"H\"".to_owned(),
                    _ => text,
                }
            }
            _ => {
                let scalar = self.take(|b| matches!(b, b',' | b']' | b'}' | b' ')).to_owned();
                match (contents, scalar.as_bytes().first()) {
                    (true, Some(b'-' | b'0'..=b'9')) => form(&scalar, self.policy).to_owned(),
                    _ => scalar,
                }
            }
        }
    }

    fn object(&mut self, contents: bool) -> String {
        let mut out = String::from("{");
        self.at += 1;
        while self.at < self.text.len() && self.peek() != b'}' {
            out.push_str(self.take(|b| matches!(b, b'"' | b'}')));
            if self.peek() == b'}' {
                break;
            }
            let name = self.string();
            out.push_str(if is_name(&name) { "\"H\"" } else { &name });
            out.push_str(self.take(|b| !matches!(b, b':' | b' ')));
            let key = name.trim_matches('"');
            let inside = contents || matches!(key, "result" | "params");
            out.push_str(&self.value(key, inside));
        }
        self.at += 1;
        out + "}"
    }

    fn list(&mut self, key: &str, contents: bool) -> String {
        let mut parts: Vec<String> = Vec::new();
        self.at += 1;
        let mut separator = String::new();
        while self.at < self.text.len() && self.peek() != b']' {
            let between = self.take(|b| !matches!(b, b',' | b' ')).to_owned();
            if !between.is_empty() {
                separator = between;
            }
            let part = self.value(key, contents);
            // Elements of batches are told apart; those of a result are of a kind.
            if !contents || !parts.contains(&part) {
                parts.push(part);
            }
        }
        self.at += 1;
        // Coins and transactions come in any order; a name and a version do not.
        if contents && parts.iter().all(|part| part.starts_with('{')) {
            parts.sort();
        }
        format!("[{}]", parts.join(&separator))
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while self.at < self.text.len() && self.peek() != b'"' {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        self.at = (self.at + 1).min(self.text.len());
        self.text.get(start..self.at).unwrap_or_default().to_owned()
    }

    /// Words of an error: names and tips go.
    fn words(&self, text: &str) -> String {
        let mut out = String::new();
        let mut run = String::new();
        for c in text.chars().chain(['\u{0}']) {
            if c.is_ascii_hexdigit() {
                run.push(c);
                continue;
            }
            let is_tip = run.parse().is_ok_and(|number: u32| self.tips.contains(&number));
            match run.len() {
                NAME.. => out.push('H'),
                _ if is_tip => out.push_str("TIP"),
                _ => out.push_str(&run),
            }
            run.clear();
            if c != '\u{0}' {
                out.push(c);
            }
        }
        out
    }
}

fn is_name(text: &str) -> bool {
    let text = text.trim_matches('"');
    text.len() >= NAME && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
}

/// The form of a number.
fn form(number: &str, policy: bool) -> &'static str {
    match number {
        // The least fee that is relayed is the same everywhere, and libraries write it in two ways.
        "1e-05" if policy => "1e-05",
        "0.00001" if policy => "0.00001",
        _ if number.contains(['e', '.']) => "0.1",
        _ => "1",
    }
}
