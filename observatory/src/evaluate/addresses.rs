//! Addresses of this machine, of which runs that are under way at once share none: worlds draw their addresses each for
//! itself, and two may draw the same.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Condvar, Mutex, PoisonError},
};

/// The addresses at which somebody listens.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    taken: Mutex<BTreeSet<IpAddr>>,
    freed: Condvar,
}

/// Addresses that are one run's until this is dropped.
#[derive(Debug)]
pub(super) struct Reserved<'a> {
    of: &'a Addresses,
    addresses: BTreeSet<IpAddr>,
}

impl Addresses {
    /// Waits until none of these is taken, and takes them all. Who has some already must not ask for more.
    pub(super) fn reserve(&self, addresses: BTreeSet<IpAddr>) -> Reserved<'_> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.freed.wait_while(taken, |taken| !taken.is_disjoint(&addresses));
        free.unwrap_or_else(PoisonError::into_inner).extend(&addresses);
        Reserved { of: self, addresses }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|address| !self.addresses.contains(address));
        self.of.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn who_wants_a_taken_address_waits_until_it_is_free() {
        let addresses = Addresses::default();
        let some = |last: &[u8]| last.iter().map(|last| IpAddr::from([127, 0, 0, *last])).collect();
        let first = addresses.reserve(some(&[1, 2]));
        drop(addresses.reserve(some(&[3])));
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let tell_last = tell.clone();
            let addresses = &addresses;
            scope.spawn(move || {
                let _second = addresses.reserve(some(&[2, 3]));
                tell_last.send("second")
            });
            tell.send("first").expect("somebody listens");
            drop(first);
        });
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["first", "second"]);
        assert!(addresses.taken.lock().expect("no panic").is_empty());
    }
}
