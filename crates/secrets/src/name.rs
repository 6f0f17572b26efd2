//! Names of secrets in the stores.

use std::fmt;

/// The name of a secret in a store, and the field of the secret.
#[derive(Clone)]
pub(crate) struct Name {
    pub(crate) id: String,
    pub(crate) field: Option<String>,
}

impl Name {
    /// Parses `ID` or `ID#FIELD`, where `is_id` says what an id of the store looks like.
    pub(crate) fn parse(text: &str, is_id: fn(&str) -> bool) -> Option<Self> {
        let (id, field) = text.rsplit_once('#').map_or((text, None), |(id, field)| (id, Some(field)));
        let is_name = is_id(id) && field != Some("") && !text.contains(char::is_control);
        is_name.then(|| Self { id: id.to_owned(), field: field.map(str::to_owned) })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.field.iter().try_for_each(|field| write!(f, "#{field}"))
    }
}

/// Says whether the text is not empty and has only ASCII letters, digits and these marks.
pub(crate) fn is_word(text: &str, marks: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}
