//! What follows from the bytes that servers sent: pure functions over visits, which look nothing up and
//! talk to nobody.

pub mod capture;
pub mod identify;
