//! The problems of a request: all of them at once, each with the field that it is about.

use serde::Serialize;

/// A problem of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The member or parameter, dotted if it is nested (`customer.email`, `items.0.name`); `body` for the whole body.
    pub field: String,
    /// Why it is refused, in words that follow the field's name. For people; it may be reworded.
    pub message: String,
}

impl Problem {
    /// The field of a problem with the body as a whole.
    pub const BODY: &'static str = "body";

    /// Makes a problem of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// Makes a problem of the body as a whole.
    pub fn body(message: impl Into<String>) -> Self {
        Self::new(Self::BODY, message)
    }
}

/// Collects problems in the order in which they are found.
///
/// It serialises to the `metadata` of a `VALIDATION_ERROR`: `{"errors": [{"field": "…", "message": "…"}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Problems {
    errors: Vec<Problem>,
}

impl Problems {
    /// Makes an empty collection.
    pub const fn new() -> Self {
        Self { errors: Vec::new() }
    }

    /// Appends a problem.
    pub fn push(&mut self, problem: Problem) {
        self.errors.push(problem);
    }

    /// Appends the problems of `others`.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.errors.extend(others.errors);
        self
    }

    /// Says whether no problem was found.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Returns the problems in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.errors.iter()
    }

    /// Returns `value` if no problem was found. It must be `Some` then.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Self> {
        if self.is_empty() { Ok(value.expect("what was not read has a problem")) } else { Err(self) }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { errors: vec![problem] }
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_serialise_to_the_metadata_of_the_envelope() {
        let mut problems = Problems::from(Problem::new("customer.email", "is required"));
        problems.push(Problem::body("is not JSON"));
        assert_eq!(
            serde_json::to_string(&problems).unwrap(),
            r#"{"errors":[{"field":"customer.email","message":"is required"},{"field":"body","message":"is not JSON"}]}"#
        );
    }

    #[test]
    fn a_value_comes_out_only_without_problems() {
        assert_eq!(Problems::new().or(Some(7)), Ok(7));
        let problems = Problems::from(Problem::body("is empty"));
        assert_eq!(problems.clone().or(Some(7)), Err(problems));
    }
}
