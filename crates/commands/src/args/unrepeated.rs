//! Values that an error must not repeat, because they may hold a secret.

use std::borrow::Cow;
use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;

/// A parser of values by a function. Unlike clap's own errors, its errors do not repeat the value.
#[derive(Clone)]
pub struct Unrepeated<T>(
    /// The function, whose error says what the value must be without repeating it.
    pub fn(&str) -> Result<T, Cow<'static, str>>,
);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Unrepeated<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        text: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        (self.0)(text.to_str().unwrap_or_default()).map_err(|expected| {
            let name = arg.map(ToString::to_string).unwrap_or_default();
            let message = format!("invalid value for '{name}': {expected}\n");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}
