//! Lines out of a byte stream, with a bound on how long one may be.

/// Bytes of a line that has not ended yet.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    longest: usize,
    /// Whether the rest of a line that was too long is being skipped.
    skipping: bool,
}

/// What came of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A line without its end.
    Line(Vec<u8>),
    /// A line became longer than allowed and is gone.
    TooLong,
}

impl Lines {
    pub(super) fn new(longest: usize) -> Self {
        Self { buffer: Vec::new(), longest, skipping: false }
    }

    /// Takes bytes; gives what they complete.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            let mut whole = std::mem::take(&mut self.buffer);
            whole.extend_from_slice(line);
            pieces.push(Piece::Line(whole));
        }
        if !self.skipping {
            self.buffer.extend_from_slice(bytes);
            if self.buffer.len() > self.longest {
                self.buffer = Vec::new();
                self.skipping = true;
                pieces.push(Piece::TooLong);
            }
        }
        pieces
    }

    /// What is left without an end.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_bounded() {
        let mut lines = Lines::new(8);
        assert_eq!(lines.take(b"on"), []);
        let line = |text: &str| Piece::Line(text.as_bytes().to_vec());
        assert_eq!(lines.take(b"e\ntwo\nthr"), [line("one"), line("two")]);
        assert_eq!(lines.take(b"ee more of it"), [Piece::TooLong]);
        assert_eq!(lines.take(b"still\nnext\n"), [line("next")]);
        lines.take(b"rest");
        assert_eq!(lines.rest(), b"rest");
    }
}
