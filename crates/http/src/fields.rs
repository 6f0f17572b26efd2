//! Reads the members of a JSON object one by one and collects everything that is wrong with them.

use std::borrow::Cow;

use crate::json::{self, Json};
use crate::problems::{Problem, Problems};

/// How many unknown members of one object are named; if there are many, the answer has a sample.
const MAX_UNKNOWN: usize = 20;

/// A value that a JSON member can hold.
pub trait FromJson: Sized {
    /// Reads the value, or says why it is refused.
    fn from_json(json: &Json) -> Result<Self, Refused>;
}

/// An object that a JSON member can hold.
pub trait FromFields: Sized {
    /// Reads every member, even if earlier ones are wrong. `None` has left a problem in `fields`.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Why a value is refused, in words that follow the field's name: `must be …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(Cow<'static, str>);

impl Refused {
    /// Refuses a value that is not `wanted` but another kind of JSON value.
    pub fn ill_typed(wanted: &str, json: &Json) -> Self {
        Self(format!("must be {wanted}, not {}", json.kind()).into())
    }
}

impl From<&'static str> for Refused {
    fn from(message: &'static str) -> Self {
        Self(message.into())
    }
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self(message.into())
    }
}

/// Reads `body` as an object of `T`.
///
/// The problems come in the order in which `T` reads its members; unknown members of an object come after the
/// known ones, and repeated members before all of them. A body that is not a JSON object has only that
/// problem.
pub fn read<T: FromFields>(body: &[u8]) -> Result<T, Problems> {
    let (value, problems) = read_in_part(body)?;
    problems.or(value)
}

/// Reads `body` as [`read`] does, and returns the result of `T` together with the problems, as the caller may find more of them. It
/// is an error if nothing of the body can be read.
pub fn read_in_part<T: FromFields>(body: &[u8]) -> Result<(Option<T>, Problems), Problems> {
    let mut problems = Problems::new();
    let json = json::read(body, &mut problems)?;
    let Json::Object(members) = &json else {
        return Err(Problem::body(Refused::ill_typed("a JSON object", &json).to_string()).into());
    };
    let value = Fields::scope(String::new(), members, &mut problems);
    Ok((value, problems))
}

/// The members of a JSON object that are still to be read.
pub struct Fields<'a> {
    /// The prefix of a member's name: empty, or such as `customer.`.
    prefix: String,
    rest: Vec<&'a (String, Json)>,
    problems: &'a mut Problems,
}

impl Fields<'_> {
    /// Reads a required member; `null` is a value of the wrong type.
    pub fn required<T: FromJson>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name).map(T::from_json);
        self.settle(name, value.unwrap_or_else(|| Err("is required".into())))
    }

    /// Reads a member that may be absent; `null` is the same as absent.
    pub fn optional<T: FromJson>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name).filter(|json| **json != Json::Null).map(T::from_json)?;
        self.settle(name, value)
    }

    /// Reads a member that may be absent; `null` and `""`, which a form sends for an empty field, are the same as absent.
    pub fn optional_or_blank<T: FromJson>(&mut self, name: &str) -> Option<T> {
        let blank =
            |json: &Json| matches!(json, Json::Null) || matches!(json, Json::String(text) if text.is_empty());
        let value = self.take(name).filter(|json| !blank(json)).map(T::from_json)?;
        self.settle(name, value)
    }

    /// Reads a member that may be absent; `null` is a value of the wrong type.
    pub fn given<T: FromJson>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name).map(T::from_json)?;
        self.settle(name, value)
    }

    /// Reads a required member that may be `null`.
    pub fn nullable<T: FromJson>(&mut self, name: &str) -> Option<Option<T>> {
        match self.take(name) {
            Some(Json::Null) => Some(None),
            Some(json) => self.settle(name, T::from_json(json)).map(Some),
            None => self.settle(name, Err("is required".into())),
        }
    }

    /// Reads a member that may be absent, and distinguishes that from `null`.
    pub fn clearable<T: FromJson>(&mut self, name: &str) -> Option<Option<T>> {
        match self.take(name)? {
            Json::Null => Some(None),
            json => self.settle(name, T::from_json(json)).map(Some),
        }
    }

    /// Reads a required object. A missing one is reported together with its required members, so that the sender learns everything
    /// from one answer.
    pub fn object<T: FromFields>(&mut self, name: &str) -> Option<T> {
        let prefix = format!("{}{name}.", self.prefix);
        match self.take(name) {
            Some(Json::Object(members)) => Fields::scope(prefix, members, self.problems),
            Some(other) => self.settle(name, Err(Refused::ill_typed("an object", other))),
            None => {
                self.settle(name, Err::<T, _>("is required".into()));
                Fields::scope(prefix, &[], self.problems)
            }
        }
    }

    fn settle<T>(&mut self, name: &str, value: Result<T, Refused>) -> Option<T> {
        let refused = match value {
            Ok(value) => return Some(value),
            Err(refused) => refused,
        };
        self.problems.push(Problem::new(format!("{}{name}", self.prefix), refused.0));
        None
    }
}

impl<'a> Fields<'a> {
    fn scope<T: FromFields>(
        prefix: String,
        members: &'a [(String, Json)],
        problems: &'a mut Problems,
    ) -> Option<T> {
        let mut fields = Fields { prefix, rest: members.iter().collect(), problems };
        let value = T::from_fields(&mut fields);
        for (name, _) in fields.rest.drain(..).take(MAX_UNKNOWN) {
            fields.problems.push(Problem::new(format!("{}{name}", fields.prefix), "unknown field"));
        }
        value
    }

    fn take(&mut self, name: &str) -> Option<&'a Json> {
        let at = self.rest.iter().position(|(member, _)| member == name)?;
        Some(&self.rest.remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Flag(bool);

    impl FromJson for Flag {
        fn from_json(json: &Json) -> Result<Self, Refused> {
            match json {
                Json::Bool(flag) => Ok(Self(*flag)),
                other => Err(Refused::ill_typed("a boolean", other)),
            }
        }
    }

    #[derive(Debug, PartialEq)]
    struct Inner(Flag);

    impl FromFields for Inner {
        fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
            Some(Self(fields.required("on")?))
        }
    }

    #[derive(Debug, PartialEq)]
    struct Outer(Flag, Option<Flag>, Inner);

    impl FromFields for Outer {
        fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
            let first = fields.required("first");
            let second = fields.optional("second");
            let inner = fields.object("inner");
            Some(Self(first?, second, inner?))
        }
    }

    fn problems(body: &str) -> Vec<String> {
        let problems = read::<Outer>(body.as_bytes()).unwrap_err();
        problems.iter().map(|problem| format!("{} {}", problem.field, problem.message)).collect()
    }

    #[test]
    fn a_whole_object_is_read() {
        let body = br#"{"inner":{"on":true},"second":null,"first":false}"#;
        assert_eq!(read(body), Ok(Outer(Flag(false), None, Inner(Flag(true)))));
    }

    #[test]
    fn every_problem_is_named_once_in_the_order_of_reading() {
        assert_eq!(
            problems(r#"{"x":1,"inner":{"y":{"z":1},"on":"yes"},"second":0,"first":null}"#),
            [
                "first must be a boolean, not null",
                "second must be a boolean, not a number",
                "inner.on must be a boolean, not a string",
                "inner.y unknown field",
                "x unknown field",
            ]
        );
    }

    #[derive(Debug, PartialEq)]
    #[expect(clippy::option_option, reason = "null is told from what is absent")]
    struct Nulls(Option<Flag>, Option<Option<Flag>>);

    impl FromFields for Nulls {
        fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
            let (must, may) = (fields.nullable("must"), fields.clearable("may"));
            Some(Self(must?, may))
        }
    }

    #[test]
    fn null_is_told_from_what_is_absent_where_that_matters() {
        let flag = || Some(Flag(true));
        for (body, expected) in [
            (r#"{"must":true}"#, Nulls(flag(), None)),
            (r#"{"must":null,"may":null}"#, Nulls(None, Some(None))),
            (r#"{"must":true,"may":true}"#, Nulls(flag(), Some(flag()))),
        ] {
            assert_eq!(read(body.as_bytes()), Ok(expected));
        }
        let problems = read::<Nulls>(br#"{"may":1}"#).unwrap_err();
        let problems: Vec<_> =
            problems.iter().map(|problem| format!("{} {}", problem.field, problem.message)).collect();
        assert_eq!(problems, ["must is required", "may must be a boolean, not a number"]);
    }

    #[test]
    fn a_missing_object_is_named_with_what_it_needs_and_an_ill_typed_one_alone() {
        assert_eq!(problems("{}"), ["first is required", "inner is required", "inner.on is required"]);
        assert_eq!(problems(r#"{"first":true,"inner":[]}"#), ["inner must be an object, not an array"]);
        assert_eq!(problems(r#"{"first":true,"inner":null}"#), ["inner must be an object, not null"]);
    }

    #[test]
    fn a_body_that_is_no_object_has_one_problem() {
        assert_eq!(problems("[]"), ["body must be a JSON object, not an array"]);
        assert_eq!(problems("null"), ["body must be a JSON object, not null"]);
    }

    #[test]
    fn what_is_there_twice_hides_nothing_else_that_is_wrong() {
        assert_eq!(
            problems(r#"{"first":true,"x":1,"first":1,"x":2,"inner":{"on":0,"on":true}}"#),
            [
                "first duplicate field",
                "x duplicate field",
                "inner.on duplicate field",
                "inner.on must be a boolean, not a number",
                "x unknown field",
            ]
        );
        assert_eq!(problems(r#"{"first":true,"first":true,"inner":{"on":true}}"#), ["first duplicate field"]);
    }

    #[test]
    fn a_flood_of_unknown_members_is_answered_with_a_sample() {
        let flood: Vec<_> = (0..500).map(|n| format!("\"m{n}\":0")).collect();
        let body = format!(r#"{{"first":true,"inner":{{"on":true}},{}}}"#, flood.join(","));
        assert_eq!(problems(&body).len(), MAX_UNKNOWN);
    }
}
