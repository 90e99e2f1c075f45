//! What becomes of what a session says, on its way out.

use super::{Mischief, json, poison};

/// How deep lists lie in lists.
const DEPTH: usize = 100_000;
/// What a flood says again and again is about so long, so that it costs few writes.
const WAVE: usize = 64 * 1_024;
/// Answers that nobody asked for, before the first that somebody did.
const STRAYS: usize = 16;
/// An id that no client comes to.
const NOBODYS_ID: &[u8] = b"424242424242";
/// Bytes that a tarpit has for whoever connects: an hour of them.
const TAR: usize = 1_000;

/// What a hostile server does with its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Writes at once.
    Write(Vec<u8>),
    /// Writes byte by byte, with a long wait after each.
    Trickle(Vec<u8>),
    /// Writes this again and again until the client leaves.
    Repeat(Vec<u8>),
    /// Resets the connection.
    Reset,
}

/// Stands between a session and its client.
#[derive(Debug)]
pub(crate) struct Meddler {
    mischief: Option<Mischief>,
    /// Lines that were to leave so far. The first is the greeting.
    said: usize,
}

impl Meddler {
    /// Beside a session of a server that does this; none is honest.
    pub(crate) fn new(mischief: Option<Mischief>) -> Self {
        Self { mischief, said: 0 }
    }

    /// What is done instead of these writes.
    pub(crate) fn meddle(&mut self, writes: Vec<Vec<u8>>) -> Vec<Act> {
        let Some(mischief) = self.mischief else { return writes.into_iter().map(Act::Write).collect() };
        let bytes = writes.concat();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        if mischief == Mischief::OutOfOrder {
            let reversed: Vec<&[u8]> = lines.rev().collect();
            return vec![Act::Write(reversed.concat())];
        }
        lines.flat_map(|line| self.line(mischief, line)).collect()
    }

    fn line(&mut self, mischief: Mischief, line: &[u8]) -> Vec<Act> {
        let place = self.said;
        self.said += 1;
        match (mischief, place) {
            (Mischief::TarpitGreeting, _) | (Mischief::TarpitAnswers, 1..) => {
                vec![Act::Trickle(line.to_vec())]
            }
            (Mischief::FloodLine, 1..) => {
                vec![Act::Write(b"{\"result\":\"".to_vec()), Act::Repeat(vec![b'A'; WAVE])]
            }
            (Mischief::FloodAnswers, 1..) => vec![wave(&with_id(line, NOBODYS_ID))],
            (Mischief::FloodBlanks, 1..) => vec![wave(b"\n")],
            (Mischief::FloodNotifications, 1..) => {
                let open = br#"{"jsonrpc":"2.0","method":"blockchain.headers.subscribe","params":[""#;
                vec![wave(&[&open[..], &[b'A'; WAVE], b"\"]}\n"].concat())]
            }
            (Mischief::DeepResult, _) => vec![Act::Write(nested(line))],
            (Mischief::DeepUnclosed, _) => vec![Act::Write([&[b'['; DEPTH][..], b"\n"].concat())],
            (Mischief::ResetGreeting, _)
            | (Mischief::ResetAfterGreeting, 1..)
            | (Mischief::ResetAfterAnswers, 4..) => vec![Act::Reset],
            (Mischief::ResetInGreeting, _) | (Mischief::ResetInAnswer, 1..) => cut(line),
            (Mischief::DuplicateIds, _) => vec![Act::Write(line.repeat(2))],
            (Mischief::WrongIds, _) => vec![Act::Write(with_id(line, NOBODYS_ID))],
            (Mischief::StrayAnswers, 0) => {
                let strays = (0..STRAYS).flat_map(|id| with_id(line, id.to_string().as_bytes()));
                vec![Act::Write(strays.chain(line.iter().copied()).collect())]
            }
            _ => vec![Act::Write(poison::line(mischief, line, place).unwrap_or_else(|| line.to_vec()))],
        }
    }
}

impl Mischief {
    /// What is done to whoever connects, before anything else.
    pub(crate) fn on_accept(self) -> Option<Act> {
        match self {
            Self::TarpitAccept => Some(Act::Trickle(vec![b' '; TAR])),
            Self::ResetAccept => Some(Act::Reset),
            _ => None,
        }
    }

    /// What is done instead of the server's side of a TLS handshake; none where it is shaken honestly.
    pub(crate) fn on_handshake(self) -> Option<fn(Vec<u8>) -> Vec<Act>> {
        match self {
            Self::TarpitHandshake => Some(|flight| vec![Act::Trickle(flight)]),
            Self::ResetHandshake => Some(|flight| cut(&flight)),
            _ => None,
        }
    }
}

/// The first half of something, and no more.
fn cut(bytes: &[u8]) -> Vec<Act> {
    vec![Act::Write(bytes[..bytes.len() / 2].to_vec()), Act::Reset]
}

/// Some whole lines, as many as make a wave.
fn wave(line: &[u8]) -> Act {
    Act::Repeat(line.repeat(WAVE.div_ceil(line.len())))
}

/// An answer under another id.
fn with_id(line: &[u8], id: &[u8]) -> Vec<u8> {
    json::tokens(line).flat_map(|token| if token.is_id() { id } else { token.bytes }.to_vec()).collect()
}

/// An answer whose result is lists in lists.
fn nested(line: &[u8]) -> Vec<u8> {
    let mut ids = json::tokens(line).filter(json::Token::is_id);
    let id = ids.next().map_or(&b"null"[..], |token| token.bytes);
    [b"{\"id\":", id, b",\"result\":", &[b'['; DEPTH], &[b']'; DEPTH], b"}\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREETING: &[u8] = b"{\"id\":1,\"result\":[\"electrs/0.12.0\",\"1.4\"]}\n";
    const BANNER: &[u8] = b"{\"id\":2,\"result\":[\"Welcome\",7]}\n";

    /// What two writes come to, the second of two lines.
    fn acts(mischief: Option<Mischief>) -> Vec<Act> {
        let mut meddler = Meddler::new(mischief);
        let mut acts = meddler.meddle(vec![GREETING.to_vec()]);
        acts.extend(meddler.meddle(vec![BANNER.to_vec(), GREETING.to_vec()]));
        acts
    }

    fn write(bytes: &[u8]) -> Act {
        Act::Write(bytes.to_vec())
    }

    #[test]
    fn honest_servers_are_not_meddled_with() {
        assert_eq!(acts(None), [write(GREETING), write(BANNER), write(GREETING)]);
    }

    #[test]
    fn each_kind_does_something_somewhere() {
        let honest = acts(None);
        for kind in Mischief::ALL {
            let on_the_way = acts(Some(*kind)) != honest;
            let earlier = kind.on_accept().is_some() || kind.on_handshake().is_some();
            let elsewhere = super::super::peers(*kind, Vec::new()) != Vec::new() || kind.needs_tls();
            // Four answers pass before the fifth.
            let later = *kind == Mischief::ResetAfterAnswers;
            assert!(on_the_way || earlier || elsewhere || later, "{kind:?}");
        }
    }

    #[test]
    fn floods_begin_after_the_greeting_and_end_never() {
        for kind in [Mischief::FloodAnswers, Mischief::FloodBlanks, Mischief::FloodNotifications] {
            let acts = acts(Some(kind));
            assert_eq!(acts[0], write(GREETING));
            let Act::Repeat(wave) = &acts[1] else { panic!("{kind:?}: {:?}", acts[1]) };
            assert!((WAVE..3 * WAVE).contains(&wave.len()) && wave.ends_with(b"\n"), "{kind:?}");
        }
        let acts = acts(Some(Mischief::FloodLine));
        assert!(matches!(&acts[2], Act::Repeat(wave) if !wave.contains(&b'\n')), "{:?}", acts[2]);
    }

    #[test]
    fn resets_come_where_they_are_named_for() {
        use Mischief::{ResetAfterGreeting, ResetGreeting, ResetInAnswer, ResetInGreeting};
        assert_eq!(acts(Some(ResetGreeting))[0], Act::Reset);
        assert_eq!(acts(Some(ResetInGreeting))[..2], [write(&GREETING[..GREETING.len() / 2]), Act::Reset]);
        assert_eq!(acts(Some(ResetAfterGreeting))[..2], [write(GREETING), Act::Reset]);
        assert_eq!(
            acts(Some(ResetInAnswer))[..3],
            [write(GREETING), write(&BANNER[..BANNER.len() / 2]), Act::Reset]
        );
        let mut meddler = Meddler::new(Some(Mischief::ResetAfterAnswers));
        let acts = meddler.meddle(vec![BANNER.repeat(5)]);
        assert_eq!((acts.len(), &acts[3], &acts[4]), (5, &write(BANNER), &Act::Reset));
    }

    #[test]
    fn ids_are_exchanged_and_nothing_else() {
        let said = |kind| match acts(Some(kind)).remove(0) {
            Act::Write(bytes) => String::from_utf8(bytes).expect("UTF-8"),
            other => panic!("{other:?}"),
        };
        let greeting = str::from_utf8(GREETING).expect("UTF-8");
        assert_eq!(said(Mischief::WrongIds), greeting.replace(":1,", ":424242424242,"));
        assert_eq!(said(Mischief::DuplicateIds), greeting.repeat(2));
        let strays = said(Mischief::StrayAnswers);
        assert!(strays.lines().count() == 17 && strays.ends_with(greeting), "{strays}");
        assert_eq!(acts(Some(Mischief::OutOfOrder))[1], write(&[GREETING, BANNER].concat()));
    }

    #[test]
    fn nesting_is_deep_and_under_the_right_id() {
        let Act::Write(deep) = acts(Some(Mischief::DeepResult)).remove(1) else { panic!("no write") };
        assert!(deep.starts_with(b"{\"id\":2,\"result\":[[[") && deep.len() > 2 * DEPTH);
    }

    #[test]
    fn handshakes_are_slow_or_cut() {
        let acts = |kind: Mischief| kind.on_handshake().map(|acts| acts(b"abcd".to_vec()));
        assert_eq!(acts(Mischief::TarpitHandshake), Some(vec![Act::Trickle(b"abcd".to_vec())]));
        assert_eq!(acts(Mischief::ResetHandshake), Some(vec![write(b"ab"), Act::Reset]));
        assert_eq!(acts(Mischief::Markup), None);
    }
}
