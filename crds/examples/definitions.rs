//! Prints the definitions as JSON.
fn main() { println!("{}", serde_json::to_string_pretty(&crds::all()).unwrap()); }
