//! What strangers wrote, made fit for a terminal, a table or a page: bounded, and with the characters that
//! could steer a reader written as escapes.

/// At most `max` characters of a text; control, invisible and direction-changing characters are written as
/// escapes. Where something was cut, the last character is `…`.
#[must_use]
pub fn printable(text: &str, max: usize) -> String {
    let mut shown = text.chars().flat_map(|c| {
        let escaped = is_treacherous(c).then(|| c.escape_unicode());
        let plain = escaped.is_none().then_some(c);
        escaped.into_iter().flatten().chain(plain)
    });
    let mut kept: String = shown.by_ref().take(max).collect();
    if shown.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// Controls, and the zero-width, tag and direction-changing characters of Unicode's "Trojan Source" report.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_cannot_command_a_terminal() {
        assert_eq!(printable("plain ünïcode 漢", 200), "plain ünïcode 漢");
        assert_eq!(
            printable("\u{1b}[31m\u{7f}\u{9b}\u{202e}\n", 99),
            "\\u{1b}[31m\\u{7f}\\u{9b}\\u{202e}\\u{a}"
        );
        assert_eq!(printable("abc", 3), "abc");
        assert_eq!(printable("abcd", 3), "ab…");
        assert_eq!(printable(&"\n".repeat(1_000), 7), "\\u{a}\\…");
    }
}
