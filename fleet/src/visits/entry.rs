//! One entry of the stream. Its fields say what can be made use of without unpacking the visit.

use model::Visit;
use redis::{FromRedisValue, streams::StreamId};

use crate::{
    pack::{Digest, Unpacked},
    schedule::Lane,
};

/// A visit that came over the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// Its place in the stream, by which it is acknowledged.
    pub id: String,
    /// The visit.
    pub visit: Visit,
    /// What it was for.
    pub lane: Lane,
    /// Whether the worker took its own network to be broken.
    pub doubtful: bool,
    /// Whether the server counts as up or down by it; none where it says nothing about that.
    pub up: Option<bool>,
}

/// An entry, without what is kept beside it.
pub(super) struct Read {
    pub(super) visit: Unpacked,
    lane: Lane,
    doubtful: bool,
    up: Option<bool>,
}

impl Read {
    pub(super) fn of(entry: &StreamId) -> Result<Self, String> {
        let lane: String = field(entry, "lane")?;
        let lane = Lane::ALL.into_iter().find(|known| known.name() == lane);
        let flag = |name| match field::<String>(entry, name)?.as_str() {
            "1" => Ok(Some(true)),
            "0" => Ok(Some(false)),
            "" => Ok(None),
            _ => Err(format!("{name} is none of 0 and 1")),
        };
        Ok(Self {
            visit: Unpacked::read(&field::<Vec<u8>>(entry, "v")?).map_err(|e| e.to_string())?,
            lane: lane.ok_or("its lane is none")?,
            doubtful: flag("doubtful")?.ok_or("doubtful is empty")?,
            up: flag("up")?,
        })
    }

    pub(super) fn complete<'a>(
        self,
        id: String,
        kept: impl Fn(&Digest) -> Option<&'a [u8]>,
    ) -> Result<Delivered, String> {
        let visit = self.visit.complete(kept).map_err(|e| e.to_string())?;
        Ok(Delivered { id, visit, lane: self.lane, doubtful: self.doubtful, up: self.up })
    }
}

fn field<T: FromRedisValue>(entry: &StreamId, name: &str) -> Result<T, String> {
    entry.get(name).ok_or_else(|| format!("it has no {name}"))
}
