//! What is done once a watch has asked its first questions: wait for blocks, and take a sample of the node's
//! state after each and every few minutes, which also keeps the connection alive.

use std::time::Duration;

use electrum::{limits::Limits, message::Notification};
use model::{Outcome, visit::Heard};
use tokio::time::Instant;

use crate::{
    conversation::{Conversation, Question, Round},
    course::{Course, early_end},
    gate::Gate,
    probe::{Known, probe},
    term::Watch,
};

/// How long one visit lasts at the most: what is lost if the program is killed.
pub(crate) const WATCH_LENGTH: Duration = Duration::from_secs(60 * 60);
/// Messages that a server may send unasked in that time; all are kept. Servers tell of a new block when they see
/// it, and those that look every five seconds cannot tell of more than this on the busiest test network.
pub(crate) const MOST_HEARD: u32 = 512;

/// Least and most time from one sample to the next without a block. Servers hang up on who is silent for ten
/// minutes; the spread keeps a thousand samples from falling into step.
const PERIOD: std::ops::Range<u64> = 270..330;
/// What a sample asks (L5): the whole estimator vector and the fee histogram.
const SAMPLE: [&str; 2] = ["F1", "F2"];
/// E that samples leave over, for pings until the end.
const RESERVE: f64 = 10.0;

/// What a server may send to who watches.
pub(crate) fn limits(usual: Limits) -> Limits {
    // Longer than any watch, which ends by itself.
    Limits { visit: WATCH_LENGTH + Duration::from_secs(60), unasked: MOST_HEARD, ..usual }
}

impl Watch {
    /// Listens until the watch is over, for an hour since the conversation began, or until `gate` is closed; all
    /// of these are ends in good order.
    pub(crate) async fn listen(
        &self,
        conversation: &mut Conversation,
        known: &mut Known,
        began: Instant,
        gate: &Gate,
    ) -> Course {
        if conversation.has_erred_enough() {
            // It would answer every sample so, and errors are dear.
            return Course::new(Outcome::Answered, "left early: it answers with errors".to_owned());
        }
        let until = self.until.min(began + WATCH_LENGTH);
        let ended = gate.wait(self.sample_until(until, conversation, known)).await;
        ended.unwrap_or_else(|| Course::new(Outcome::Answered, None))
    }

    async fn sample_until(
        &self,
        until: Instant,
        conversation: &mut Conversation,
        known: &mut Known,
    ) -> Course {
        // Asked just now.
        known.estimates_cached = true;
        let (mut seen, mut due) = (0, next_due());
        loop {
            let now = Instant::now();
            if now >= until {
                return Course::new(Outcome::Answered, None);
            }
            let news = &conversation.heard()[seen..];
            let blocks = news.iter().filter(|heard| is_block(heard)).count();
            seen += news.len();
            self.add_tips(blocks);
            known.estimates_cached &= blocks == 0;

            let questions = questions(conversation, known, blocks > 0, now >= due);
            if questions.is_empty() {
                if let Err(error) = conversation.hear(due.min(until)).await {
                    return ended(conversation, Round::Ended(error));
                }
                continue;
            }
            due = next_due();
            known.estimates_cached |= questions.iter().any(|question| question.probe == SAMPLE[0]);
            let mut answers = 0;
            let round = conversation.ask(questions, |_, _| answers += 1).await;
            conversation.settle();
            match round {
                Round::Done if answers == 0 => {
                    return Course::new(Outcome::TimedOut, "no answer any more".to_owned());
                }
                // Right after a block every server is busy: that is no sign that it has enough of us.
                Round::Done | Round::SlowedDown if blocks > 0 => {}
                Round::Done => {}
                round => return ended(conversation, round),
            }
        }
    }
}

fn ended(conversation: &Conversation, round: Round) -> Course {
    early_end(conversation, round).unwrap_or_else(|| Course::new(Outcome::Answered, None))
}

/// A sample, where a block came or one is due and it fits into the budget; else, where one is due, a ping.
fn questions(conversation: &Conversation, known: &Known, block: bool, due: bool) -> Vec<Question> {
    if !block && !due {
        return Vec::new();
    }
    let sample: Vec<Question> =
        SAMPLE.iter().filter_map(|id| probe(id)).flat_map(|probe| Question::of(probe, known)).collect();
    let cost: f64 = sample.iter().map(|question| question.call.cost).sum();
    if !conversation.has_erred_enough() && conversation.has_left(cost + RESERVE) {
        return sample;
    }
    let ping = probe("M5").and_then(|ping| Question::of(ping, known).next());
    ping.filter(|_| due).into_iter().collect()
}

fn next_due() -> Instant {
    Instant::now() + Duration::from_secs(rand::random_range(PERIOD))
}

fn is_block(heard: &Heard) -> bool {
    Notification::read(heard.line.bytes()).is_some_and(|said| said.method == "blockchain.headers.subscribe")
}

#[cfg(test)]
mod tests {
    use electrum::{limits::Limits, meter::Meter, session::Session};
    use model::{Seconds, visit::Unasked};
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex, split},
        time::sleep,
    };

    use super::*;
    use crate::{
        agenda::Agenda,
        conversation::{Scope, Transcript},
        course::follow,
        ledger::{Class, Ledger, Politeness},
        probe::tests::known,
    };

    const BLOCK: &str = "{\"method\":\"blockchain.headers.subscribe\",\"params\":[{}]}\n";

    /// A server that answers everything, from the n-th question on after a delay, and says something of its own
    /// at certain times.
    struct Server {
        answers: usize,
        late: Duration,
        says: Vec<(Duration, String)>,
    }

    impl Server {
        fn new(says: impl IntoIterator<Item = (Duration, String)>) -> Self {
            Self { answers: usize::MAX, late: Duration::ZERO, says: says.into_iter().collect() }
        }

        async fn serve(self, stream: DuplexStream) {
            let (reading, mut writing) = split(stream);
            let mut lines = BufReader::new(reading).lines();
            let (began, mut answered, mut says) = (Instant::now(), 0, self.says.into_iter().peekable());
            loop {
                let next = says.peek().map_or(Duration::MAX / 4, |(at, _)| *at);
                let written = tokio::select! {
                    () = tokio::time::sleep_until(began + next.min(Duration::from_secs(1 << 20))) => {
                        let Some((_, text)) = says.next() else { return };
                        writing.write_all(text.as_bytes()).await
                    }
                    line = lines.next_line() => {
                        let Ok(Some(line)) = line else { return };
                        answered += 1;
                        if answered > OPENING {
                            sleep(self.late).await;
                        }
                        if answered > self.answers {
                            continue;
                        }
                        let asked: serde_json::Value = serde_json::from_str(&line).expect("JSON");
                        let result = match asked["method"].as_str() {
                            Some("server.version") => serde_json::json!(["x", "1.4"]),
                            Some("blockchain.headers.subscribe") => serde_json::json!({ "height": 7, "hex": "" }),
                            _ => serde_json::Value::Null,
                        };
                        let answer = serde_json::json!({ "id": asked["id"], "result": result });
                        writing.write_all(format!("{answer}\n").as_bytes()).await
                    }
                };
                if written.is_err() {
                    return;
                }
            }
        }
    }

    /// Questions before a watch listens: H1, C1, M4, L6, the eight of F1, and F2.
    const OPENING: usize = 13;

    struct Watched {
        course: Course,
        lasted: Duration,
        transcript: Transcript,
    }

    impl Watched {
        /// When the histogram was asked for.
        fn samples(&self) -> Vec<Duration> {
            let asked = self.transcript.exchanges.iter().filter(|exchange| exchange.probe == "F2");
            asked.map(|exchange| exchange.sent.into()).collect()
        }
    }

    async fn watch(server: Server, gate: &Gate) -> Watched {
        let (ours, theirs) = duplex(1 << 16);
        tokio::spawn(server.serve(theirs));
        let ledger = Ledger::new(Politeness::default());
        let host = "a.example".parse().expect("a host");
        let permit = ledger.permit(&host, None, Class::Watch, Instant::now()).expect("a permit");
        let (began, limits) = (Instant::now(), limits(Limits::default()));
        let watch = Watch::lasting(WATCH_LENGTH * 2);
        let agenda = Agenda::Watch(watch.clone());
        let scope = Scope::of(&agenda, began, Limits::default(), 0);
        let session = Session::over(ours, Meter::default(), limits);
        let (mut conversation, mut known) =
            (Conversation::over(session, permit, scope), Known { protocol: None, ..known() });
        let opened = follow(&mut conversation, &agenda, &mut known).await;
        assert_eq!((opened.outcome, opened.detail), (Outcome::Answered, None));
        let course = watch.listen(&mut conversation, &mut known, began, gate).await;
        let lasted = began.elapsed();
        // What came in the moment that the session broke is recorded, and not counted any more.
        let heard = conversation.heard().iter().filter(|heard| is_block(heard)).count();
        assert!(
            watch.tips() as usize <= heard
                && (course.outcome != Outcome::Answered || heard == watch.tips() as usize)
        );
        Watched { course, lasted, transcript: conversation.close().await }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_sample_after_each_block_and_every_five_minutes_until_the_hour_is_over() {
        let blocks = [MINUTE * 10, MINUTE * 25, MINUTE * 26, MINUTE * 40, MINUTE * 50, MINUTE * 59];
        let watched = watch(Server::new(blocks.map(|at| (at, BLOCK.to_owned()))), &Gate::new(1)).await;
        assert_eq!((watched.course.outcome, &watched.course.detail), (Outcome::Answered, &None));
        assert_eq!(watched.lasted, WATCH_LENGTH);
        let samples = watched.samples();
        for (block, heard) in blocks.iter().zip(&watched.transcript.unasked.first) {
            assert_eq!(heard.at, Seconds::from(*block));
            assert!(samples.contains(block), "{block:?}: {samples:?}");
        }
        assert!(samples.windows(2).all(|pair| pair[1] - pair[0] <= Duration::from_secs(330)), "{samples:?}");
        // 7 × 17.8 where the caches were empty, and 1.8 each five minutes.
        let cost = watched.transcript.cost;
        assert!((130.0..160.0).contains(&cost), "{cost}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_blocks_costs_no_more_than_the_budget_and_ends_at_the_limit() {
        let blocks = (1..800).map(|n| (Duration::from_secs(4 * n), BLOCK.to_owned()));
        let watched = watch(Server::new(blocks), &Gate::new(1)).await;
        assert_eq!(watched.course.outcome, Outcome::LimitExceeded);
        assert_eq!(watched.transcript.unasked.first.len(), MOST_HEARD as usize);
        assert!(watched.transcript.cost <= Class::Watch.budget(), "{}", watched.transcript.cost);
        assert!(watched.samples().len() > 12, "{:?}", watched.samples());
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_a_server_sends_ends_by_its_name_and_takes_little_memory() {
        let noise = |text: String| Server::new([(MINUTE, text)]);
        let long = format!("{{\"method\":\"{}\"}}\n", "x".repeat(100_000));
        for (server, outcome) in [
            (noise("x".repeat(1 << 21)), Outcome::LimitExceeded),
            (noise(BLOCK.repeat(2_000)), Outcome::LimitExceeded),
            (noise(long.repeat(1_000)), Outcome::LimitExceeded),
            (noise("HTTP/1.1 400\n".to_owned()), Outcome::NotElectrum),
            (Server { answers: OPENING, ..Server::new([]) }, Outcome::TimedOut),
        ] {
            let watched = watch(server, &Gate::new(1)).await;
            assert_eq!(watched.course.outcome, outcome, "{:?}", watched.course.detail);
            assert!(watched.lasted < MINUTE * 7, "{outcome}");
            let kept = watched.transcript.unasked.first.iter().map(|heard| heard.line.bytes().len());
            assert!(kept.sum::<usize>() <= MOST_HEARD as usize * Unasked::LIMIT);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slow_answers_after_a_block_are_no_sign_of_annoyance_and_others_are() {
        let slow =
            |says: Vec<(Duration, String)>| Server { late: Duration::from_secs(2), ..Server::new(says) };
        let blocks = (1..8).map(|n| (MINUTE * 4 * n, BLOCK.to_owned()));
        let busy = watch(slow(blocks.collect()), &Gate::new(1)).await;
        let detail = busy.course.detail.as_deref();
        assert!(
            busy.lasted > MINUTE * 28 && detail == Some("left early: its answers became slow"),
            "{detail:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn closing_the_gate_ends_a_watch_in_good_order() {
        let gate = Gate::new(1);
        let closer = gate.clone();
        tokio::spawn(async move {
            sleep(MINUTE).await;
            closer.close();
        });
        let watched = watch(Server::new([]), &gate).await;
        assert_eq!((watched.course.outcome, watched.lasted), (Outcome::Answered, MINUTE));
        assert_eq!(watched.transcript.exchanges.len(), OPENING);
    }
}
