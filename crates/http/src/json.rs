//! Strict JSON, which refuses texts that can be read in two ways.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::problems::{Problem, Problems};

/// How deep arrays and objects may nest, in levels.
const MAX_DEPTH: usize = 32;
/// How many duplicate members of a body are named; if there are many, the answer has a sample.
const MAX_DUPLICATES: usize = 20;

/// A JSON value (RFC 8259) that has one reading only.
///
/// Member names are unique in their object and members keep the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number. A number with a fraction or an exponent is never an integer, whatever its value.
    Number(Number),
    /// A string. It may contain any character, including U+0000.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Returns the kind of value, with its article: `a string`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads `body` as one JSON text in UTF-8 and nothing else.
///
/// A byte order mark, invalid UTF-8, a lone surrogate, nesting beyond 32 levels and trailing bytes are problems of
/// `body`, which can't be read then.
///
/// A repeated member name is a problem of that member (RFC 8259 §4 leaves open which of the two counts). It is added to `problems`,
/// once for each name, and the rest is still read, so that all other problems can be reported with it: the returned value then has
/// the first of the members, and must not be used for anything else.
pub fn read(body: &[u8], problems: &mut Problems) -> Result<Json, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::body("is not valid UTF-8"))?;
    if text.starts_with('\u{feff}') {
        return Err(Problem::body("must not start with a byte order mark"));
    }
    if text.trim_ascii().is_empty() {
        return Err(Problem::body("is empty: a JSON object is expected"));
    }
    let mut reader = Reader { path: Vec::new(), duplicates: Vec::new(), refused: None };
    let mut text = serde_json::Deserializer::from_str(text);
    let json = Value(&mut reader).deserialize(&mut text).and_then(|json| text.end().map(|()| json));
    let json = json.map_err(|error| match reader.refused {
        Some(problem) => problem,
        // A number can be valid and yet out of range.
        None => Problem::body(format!("can't be read as JSON: {error}")),
    })?;
    for name in reader.duplicates {
        problems.push(Problem::new(name, "duplicate field"));
    }
    Ok(json)
}

/// The state of the reader.
struct Reader {
    path: Vec<String>,
    /// The paths of the repeated names.
    duplicates: Vec<String>,
    /// The problem that stopped the reader, unless the text itself is malformed.
    refused: Option<Problem>,
}

impl Reader {
    /// Enters a member or an element, unless that is too deep.
    fn enter<E: Error>(&mut self, step: String) -> Result<(), E> {
        if self.path.len() == MAX_DEPTH {
            return Err(self.refuse(Problem::body(format!("must not nest deeper than {MAX_DEPTH} levels"))));
        }
        self.path.push(step);
        Ok(())
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    /// Notes that the present member has a name that was used before.
    fn note_duplicate(&mut self) {
        let name = self.path.join(".");
        if self.duplicates.len() < MAX_DUPLICATES && !self.duplicates.contains(&name) {
            self.duplicates.push(name);
        }
    }

    fn refuse<E: Error>(&mut self, problem: Problem) -> E {
        self.refused = Some(problem);
        E::custom("refused")
    }
}

struct Value<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        self.0.enter(array.len().to_string())?;
        while let Some(element) = elements.next_element_seed(Value(&mut *self.0))? {
            array.push(element);
            self.0.leave();
            self.0.enter(array.len().to_string())?;
        }
        self.0.leave();
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        let mut names = HashSet::new();
        self.0.enter(String::new())?;
        self.0.leave();
        while let Some(name) = members.next_key::<String>()? {
            self.0.enter(name.clone())?;
            let is_first = names.insert(name.clone());
            if !is_first {
                self.0.note_duplicate();
            }
            let value = members.next_value_seed(Value(&mut *self.0))?;
            self.0.leave();
            if is_first {
                object.push((name, value));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(body: impl AsRef<[u8]>) -> (String, String) {
        let problem = super::read(body.as_ref(), &mut Problems::new()).unwrap_err();
        (problem.field, problem.message)
    }

    /// Returns the JSON of a body without problems.
    fn read(body: &[u8]) -> Result<Json, Problems> {
        let mut problems = Problems::new();
        let json = super::read(body, &mut problems)?;
        problems.or(Some(json))
    }

    fn duplicates(body: &str) -> Vec<String> {
        let problems = read(body.as_bytes()).unwrap_err();
        assert!(problems.iter().all(|problem| problem.message == "duplicate field"), "{problems:?}");
        problems.iter().map(|problem| problem.field.clone()).collect()
    }

    #[test]
    fn a_number_out_of_range_is_not_called_invalid() {
        let (field, message) = refusal("{\"a\": 1e400}");
        assert_eq!(field, "body");
        assert!(message.starts_with("can't be read as JSON: number out of range at line 1"), "{message}");
    }

    #[test]
    fn every_kind_of_value_is_read_in_the_order_of_the_text() {
        let json = read(br#" {"b":[null,true,-1,1.5,"\u0000x"],"a":{}} "#).unwrap();
        let Json::Object(members) = json else { panic!("an object was written") };
        assert_eq!(
            members,
            [
                (
                    "b".to_owned(),
                    Json::Array(vec![
                        Json::Null,
                        Json::Bool(true),
                        Json::Number((-1).into()),
                        Json::Number(Number::from_f64(1.5).unwrap()),
                        Json::String("\0x".into()),
                    ])
                ),
                ("a".to_owned(), Json::Object(vec![])),
            ]
        );
    }

    #[test]
    fn a_duplicate_name_is_refused_wherever_it_is() {
        for (body, field) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
            (r#"{"customer":{"email":1,"name":2,"email":3}}"#, "customer.email"),
            (r#"{"items":[{},{"n":1,"n":1}]}"#, "items.1.n"),
            (r#"[[{"":1,"":1}]]"#, "0.0."),
        ] {
            assert_eq!(duplicates(body), [field], "{body}");
        }
        let body = r#"{"a":1,"b":{"c":1,"c":2,"c":3},"a":{"x":1,"x":1},"b":1,"d":1}"#;
        assert_eq!(duplicates(body), ["b.c", "a", "a.x", "b"]);
        assert_eq!(refusal(r#"{"a":1,"a":2"#).0, "body", "what is no JSON has that problem alone");
        let flood: Vec<_> = (0..500).map(|n| format!(r#""m{n}":0,"m{n}":1"#)).collect();
        assert_eq!(duplicates(&format!("{{{}}}", flood.join(","))).len(), MAX_DUPLICATES);
        assert!(read(br#"{"a":{"a":{"b":1}},"b":[{"a":1},{"a":1}]}"#).is_ok());
    }

    #[test]
    fn what_is_no_single_json_text_is_a_problem_of_the_body() {
        for bad in [
            "",
            " \n",
            "\u{feff}{}",
            "{",
            "{} {}",
            "{}x",
            "{'a':1}",
            "{a:1}",
            "{\"a\":1,}",
            "[1,]",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{}//c",
            "\0",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "{\"\\ud800\":1}",
        ] {
            assert_eq!(refusal(bad).0, "body", "{bad:?}");
        }
        assert_eq!(refusal(b"\"\xff\"").1, "is not valid UTF-8");
        assert_eq!(refusal(b"\"\xed\xa0\x80\"").1, "is not valid UTF-8");
        assert!(read(br#""\ud83d\ude00""#).is_ok());
    }

    #[test]
    fn nesting_ends_at_32_levels() {
        let arrays = |depth| "[".repeat(depth) + &"]".repeat(depth);
        let objects = |depth| "{\"a\":".repeat(depth) + "0" + &"}".repeat(depth);
        assert!(read(arrays(32).as_bytes()).is_ok());
        assert!(read(objects(32).as_bytes()).is_ok());
        for bad in [arrays(33), objects(33), arrays(32).replace("[]", "[{}]"), "[".repeat(100_000)] {
            assert_eq!(refusal(bad), ("body".into(), "must not nest deeper than 32 levels".into()));
        }
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            (-1e9..1e9).prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn same(json: &Json, value: &serde_json::Value) -> bool {
        match (json, value) {
            (Json::Null, serde_json::Value::Null) => true,
            (Json::Bool(a), serde_json::Value::Bool(b)) => a == b,
            (Json::Number(a), serde_json::Value::Number(b)) => a == b,
            (Json::String(a), serde_json::Value::String(b)) => a == b,
            (Json::Array(a), serde_json::Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Json::Object(a), serde_json::Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_another_writer_wrote_is_read_as_it_was_meant(value in value()) {
            let text = serde_json::to_vec(&value).unwrap();
            let again: serde_json::Value = serde_json::from_slice(&text).unwrap();
            prop_assert!(same(&read(&text).unwrap(), &again));
        }

        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&body);
        }

        #[test]
        fn nothing_is_read_that_a_lenient_reader_refuses(body in r#"[\[\]{}":,0-9a\\ue+. -]{0,24}"#) {
            if read(body.as_bytes()).is_ok() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{}", body);
            }
        }
    }
}
