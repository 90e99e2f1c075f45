//! Schemas of what other crates define: names from closed lists, digests, conditions. Types alone; no value has one.

use std::borrow::Cow;

use electrum::Network;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use model::{
    Outcome,
    assessment::Level,
    finding::{Indicator, Tier},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Most characters of a condition's message. Its type has at most 16 and its reason 32, letters and digits.
pub const CONDITION_MESSAGE: usize = 140;

/// The form of a condition's type and reason.
const NAME: &str = "^[A-Z][A-Za-z0-9]*$";

macro_rules! schema {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let schema: fn(&mut SchemaGenerator) -> Schema = $schema;
                schema(generator)
            }
        }
    };
}

schema!(
    /// Of [`Network`].
    NetworkName,
    |_| json_schema!({"type": "string", "enum": Network::ALL.map(Network::name)})
);
schema!(
    /// Of [`electrum::Transport`], by its scheme.
    TransportName,
    |_| json_schema!({"type": "string", "enum": ["tcp", "ssl", "ws", "wss"]})
);
schema!(
    /// Of [`Outcome`].
    OutcomeName,
    |_| json_schema!({"type": "string", "enum": Outcome::ALL.map(Outcome::name)})
);
schema!(
    /// Of [`Level`].
    LevelName,
    |_| json_schema!({"type": "string", "enum": Level::ALL.map(Level::name)})
);
schema!(
    /// Of [`Tier`].
    TierName,
    |_| json_schema!({"type": "string", "enum": TIERS.map(Tier::name)})
);
schema!(
    /// Of [`Indicator`].
    IndicatorName,
    |_| {
        let names: Vec<_> = (1..=Indicator::COUNT).map(|n| Indicator::new(n).to_string()).collect();
        json_schema!({"type": "string", "enum": names})
    }
);
schema!(
    /// Of [`model::finding::Digest`].
    DigestText,
    |_| json_schema!({"type": "string", "pattern": "^[0-9a-f]{64}$", "maxLength": 64})
);
schema!(
    /// Of [`std::net::IpAddr`].
    AddressText,
    |_| json_schema!({"type": "string", "pattern": "^[0-9a-f.:]+$", "minLength": 2, "maxLength": 45})
);
schema!(
    /// Of a moment in UTC. The length keeps even one with nanoseconds.
    Moment,
    |_| json_schema!({"type": "string", "format": "date-time", "maxLength": 35})
);
schema!(
    /// Of the conditions of a status, one of each type: Kubernetes' own schema with bounds.
    Conditions,
    |generator| {
        let mut condition = Condition::json_schema(generator);
        let text = |most: usize, pattern: &str| json!({"type": "string", "maxLength": most, "pattern": pattern});
        for (field, bounds) in [
            ("type", text(16, NAME)),
            ("status", json!({"type": "string", "enum": ["True", "False", "Unknown"]})),
            ("reason", text(32, NAME)),
            ("message", text(CONDITION_MESSAGE, r"^\P{Cc}*$")),
            ("lastTransitionTime", Moment::json_schema(generator).to_value()),
        ] {
            let property = condition.pointer_mut(&format!("/properties/{field}")).and_then(Value::as_object_mut);
            if let (Some(property), Value::Object(bounds)) = (property, bounds) {
                property.extend(bounds);
            }
        }
        json_schema!({
            "type": "array", "items": condition, "maxItems": 5,
            "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
        })
    }
);

const TIERS: [Tier; 3] = [Tier::Soft, Tier::Medium, Tier::Hard];

/// [`electrum::Transport`] by its scheme, which is how people know it.
pub(crate) mod transport {
    use electrum::Transport;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(transport: &Transport, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(transport.scheme())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Transport, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
