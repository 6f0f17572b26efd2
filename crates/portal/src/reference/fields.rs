//! Schemas as tables: a row for each member, with nested members by dotted names.

use serde_json::Value;

use super::json::{members, object, resolved, text};
use super::prose::{Piece, pieces};

/// The members of an object, or of one of its forms.
pub(super) struct Fields<'a> {
    pub(super) title: Option<&'a str>,
    pub(super) rows: Vec<Field<'a>>,
}

pub(super) struct Field<'a> {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) is_required: bool,
    /// The rules of the schema beyond the kind of value.
    pub(super) rules: Vec<String>,
    pub(super) pattern: Option<&'a str>,
    pub(super) description: Vec<Piece<'a>>,
}

impl<'a> Fields<'a> {
    /// Returns the tables of a schema: one, or one for each of its forms.
    pub(super) fn of(document: &'a Value, schema: &'a Value) -> Vec<Self> {
        let schema = resolved(document, schema);
        // Only the content of the envelope matters.
        let data = &schema["properties"]["data"];
        let schema = if data.is_null() { schema } else { resolved(document, data) };
        let forms: Vec<_> = members(schema, "oneOf").collect();
        let forms = if forms.is_empty() { vec![schema] } else { forms };
        let tables = forms.into_iter().map(|form| {
            let mut rows = Vec::new();
            add(document, form, "", &mut rows);
            Self { title: form["title"].as_str(), rows }
        });
        tables.filter(|table| !table.rows.is_empty()).collect()
    }
}

impl<'a> Field<'a> {
    /// Makes the field of a parameter, with its place in the request.
    pub(super) fn of_parameter(parameter: &'a Value) -> Self {
        let mut field = Self::of(parameter, text(&parameter["name"]).to_owned(), &parameter["schema"]);
        field.is_required = parameter["required"] == true;
        field.kind = format!("{}, {}", text(&parameter["in"]), field.kind);
        field.description = pieces(text(&parameter["description"]));
        field
    }

    fn of(document: &'a Value, name: String, schema: &'a Value) -> Self {
        let full = resolved(document, schema);
        let own = schema["description"].as_str().or(full["description"].as_str());
        let pattern =
            full["pattern"].as_str().filter(|pattern| pattern.len() <= 40 && !pattern.contains("\\u"));
        Self {
            name,
            kind: kind(full),
            is_required: false,
            rules: rules(full),
            pattern: pattern.filter(|_| full["format"].is_null()),
            description: pieces(own.unwrap_or_default()),
        }
    }
}

fn add<'a>(document: &'a Value, schema: &'a Value, prefix: &str, rows: &mut Vec<Field<'a>>) {
    for (name, member) in object(&schema["properties"]) {
        // `false` means that the member must be absent.
        if member.is_boolean() {
            continue;
        }
        let full = resolved(document, member);
        let mut field = Field::of(document, format!("{prefix}{name}"), member);
        field.is_required = members(schema, "required").any(|required| required == name);
        let nested = format!("{}.", field.name);
        let items = format!("{}[].", field.name);
        rows.push(field);
        add(document, full, &nested, rows);
        add(document, resolved(document, &full["items"]), &items, rows);
    }
}

/// Returns the kind of a value, such as `string or null`.
fn kind(schema: &Value) -> String {
    let name = |value: &Value| value.as_str().map(str::to_owned);
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(name).collect::<Vec<_>>().join(" or "),
        Value::String(name) => name.clone(),
        _ => schema["const"].as_str().map_or_else(String::new, |_| "string".to_owned()),
    }
}

fn rules(schema: &Value) -> Vec<String> {
    let mut rules = Vec::new();
    let number = |name: &str| schema[name].as_u64();
    match (number("minLength"), number("maxLength")) {
        (Some(least), Some(most)) => rules.push(format!("{least} to {most} characters")),
        (None, Some(most)) => rules.push(format!("at most {most} characters")),
        (Some(1), None) => rules.push("not empty".to_owned()),
        _ => {}
    }
    if let (Some(least), Some(most)) = (number("minimum"), number("maximum")) {
        rules.push(format!("{least} to {most}"));
    }
    if let Some(format) = schema["format"].as_str() {
        rules.push(format.to_owned());
    }
    let values: Vec<_> = members(schema, "enum").filter(|value| !value.is_null()).collect();
    if (1..=6).contains(&values.len()) {
        rules.push(values.into_iter().map(said).collect::<Vec<_>>().join(", "));
    }
    if let Some(only) = schema.get("const") {
        rules.push(format!("always {}", said(only)));
    }
    if let Some(default) = schema.get("default") {
        rules.push(format!("{} unless told", said(default)));
    }
    rules
}

fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
