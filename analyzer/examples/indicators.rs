//! Prints docs/indicators.md: `cargo run -p analyzer --example indicators > docs/indicators.md`.

#![allow(clippy::print_stdout, reason = "the document goes to standard output")]

fn main() {
    print!("{}", analyzer::indicators::document());
}
