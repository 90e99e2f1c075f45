#[path = "../tests/december/mod.rs"]
mod december;
use december::*;
fn main() {
    let a: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let s = december(&Unknown {
        defaults_alive: a[0],
        others_alive: a[1],
        v6: a[2] == 1,
        b_alive: a[3],
        fulcrum: a[4],
    });
    let t = std::time::Instant::now();
    let (e, _) = analyzer::exposure::Exposure::of(
        &s,
        &[],
        analyzer::exposure::Play {
            wallets: std::env::var("W").map_or(2000, |w| w.parse().unwrap()),
            seed: 1,
        },
    );
    for c in &e.courses[..2] {
        let k = c.operators.iter().find(|o| o.operator == "A").unwrap();
        print!("{:?} ", [1, 5, 10, 30, 60].map(|n| (k.learns[n - 1] * 1000.0).round() / 1000.0));
    }
    println!("{:?}", t.elapsed());
}
