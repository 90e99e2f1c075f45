//! Countries of the world: how far away each is from central Europe, and where the town lies that its servers are in. The
//! figures are round ones: what a cable's length allows (light takes 1 ms for 200 km of fibre) with the detours that public
//! looking glasses show.

/// A country.
pub(super) struct Country {
    /// ISO 3166.
    code: &'static str,
    /// The shortest round trip to it, in milliseconds.
    pub(super) millis: u64,
    /// Where its servers are, in degrees north.
    pub(super) latitude: f64,
    /// Likewise, in degrees east.
    pub(super) longitude: f64,
}

/// The country of a code.
pub(super) fn country(code: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.code == code)
}

const fn at(code: &'static str, millis: u64, latitude: f64, longitude: f64) -> Country {
    Country { code, millis, latitude, longitude }
}

const COUNTRIES: [Country; 30] = [
    at("AR", 230, -34.6, -58.4),
    at("AT", 12, 48.2, 16.4),
    at("AU", 280, -33.9, 151.2),
    at("BE", 14, 50.9, 4.4),
    at("BR", 205, -23.6, -46.6),
    at("CA", 105, 43.7, -79.4),
    at("CH", 12, 47.4, 8.5),
    at("CZ", 9, 50.1, 14.4),
    at("DE", 8, 50.1, 8.7),
    at("DK", 20, 55.7, 12.6),
    at("ES", 36, 40.4, -3.7),
    at("FI", 28, 60.2, 24.9),
    at("FR", 14, 48.9, 2.4),
    at("GB", 20, 51.5, -0.1),
    at("HK", 190, 22.3, 114.2),
    at("IE", 28, 53.3, -6.3),
    at("IN", 130, 19.1, 72.9),
    at("IT", 22, 45.5, 9.2),
    at("JP", 235, 35.7, 139.7),
    at("KR", 250, 37.6, 127.0),
    at("NL", 12, 52.4, 4.9),
    at("NO", 28, 59.9, 10.8),
    at("NZ", 290, -36.8, 174.8),
    at("PL", 18, 52.2, 21.0),
    at("RU", 45, 55.8, 37.6),
    at("SE", 26, 59.3, 18.1),
    at("SG", 170, 1.4, 103.8),
    at("UA", 38, 50.5, 30.5),
    at("US", 95, 39.0, -77.5),
    at("ZA", 165, -26.2, 28.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_scenarios_has_its_figures() {
        let grammars = crate::grammar::Library::embedded().expect("grammars");
        for name in crate::scenario::names() {
            let scenario = crate::scenario::named(name, &grammars).expect("known").expect("a scenario");
            for place in scenario.servers.iter().flat_map(|group| &group.places) {
                assert!(country(&place.country).is_some(), "{}", place.country);
            }
        }
    }
}
