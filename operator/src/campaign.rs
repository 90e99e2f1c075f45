//! A ScanCampaign is looked after in five steps, each in a file: [`dereference`] reads, [`validate`] and [`build`]
//! decide, [`apply`] writes, [`status`] tells. Only those that read or write have a client.

pub mod apply;
pub mod build;
pub mod controller;
pub mod counts;
pub mod dereference;
pub mod notes;
pub mod persons;
pub mod status;
pub mod validate;

pub use controller::run;
