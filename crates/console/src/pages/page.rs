//! A page as a structure, whatever it is about. The template turns it into HTML.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{LOCATION, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use tollgate_http::pages::{Policy, headers};
use tollgate_http::{Problem, Problems};

use super::charts::Chart;
use super::frame::Frame;
use super::timeline::Track;

/// A page of the console.
#[derive(Template)]
#[template(path = "console/page.html")]
pub(super) struct Page {
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) tag: Option<Tag>,
    pub(super) lead: String,
    /// A link to the page above this one.
    pub(super) above: Option<Link>,
    /// What has just been done.
    pub(super) notice: Option<&'static str>,
    /// The problems of the form that concern no field.
    pub(super) problems: Vec<Problem>,
    pub(super) links: Vec<Link>,
    pub(super) sections: Vec<Section>,
    /// Whether a script updates its figures.
    pub(super) is_live: bool,
}

impl Page {
    /// Makes an empty page.
    pub(super) fn new(frame: Frame, title: impl Into<String>) -> Self {
        Self {
            frame,
            title: title.into(),
            tag: None,
            lead: String::new(),
            above: None,
            notice: None,
            problems: Vec::new(),
            links: Vec::new(),
            sections: Vec::new(),
            is_live: false,
        }
    }

    /// Sets the link to the page above.
    pub(super) fn below(mut self, above: Link) -> Self {
        self.above = Some(above);
        self
    }

    /// Sets the first sentence of the page.
    pub(super) fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = lead.into();
        self
    }

    pub(super) fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Puts the problems of its form next to the fields, and those that concern no field at the top.
    pub(super) fn problems(mut self, problems: &Problems) -> Self {
        for problem in problems {
            let forms = self.sections.iter_mut().filter_map(|section| section.form.as_mut());
            let field =
                forms.flat_map(|form| form.fields.iter_mut()).find(|field| field.name == problem.field);
            if let Some(field) = field {
                field.problem = Some(problem.message.clone());
            }
            self.problems.push(problem.clone());
        }
        self
    }

    /// Returns the page as an answer.
    pub(super) fn response(&self) -> Response {
        let status = if self.problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        html_with(status, self, Policy { scripts: self.is_live, ..Policy::default() })
    }

    /// Returns the label of the field that a problem concerns, and the field's place in the page.
    fn place_of(&self, problem: &Problem) -> Option<(&'static str, String)> {
        let mut fields = self.sections.iter().filter_map(|section| section.form.as_ref());
        let field = fields.find_map(|form| form.fields.iter().find(|field| field.name == problem.field))?;
        Some((field.label, field.id()))
    }
}

/// A part of a page.
#[derive(Default)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) lead: String,
    pub(super) facts: Vec<Fact>,
    pub(super) charts: Vec<Chart>,
    pub(super) filter: Option<Form>,
    pub(super) table: Option<Table>,
    pub(super) form: Option<Form>,
    pub(super) links: Vec<Link>,
}

impl Section {
    /// Makes an empty section.
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }
}

/// A fact of a section: a name and a value.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: Cell,
}

pub(super) fn fact(name: &'static str, value: Cell) -> Fact {
    Fact { name, value }
}

/// A link, which looks like a button if it leads to an act.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) href: String,
    pub(super) text: String,
    pub(super) look: Look,
}

/// The look of a link or a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Primary,
    Secondary,
    Danger,
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Danger => "danger",
        }
    }
}

impl Link {
    pub(super) fn new(href: impl Into<String>, text: impl Into<String>, look: Look) -> Self {
        Self { href: href.into(), text: text.into(), look }
    }
}

/// A word for a state.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) text: &'static str,
    /// Whether the state is as it should be.
    pub(super) is_good: bool,
}

/// The content of a table's cell, or the value of a fact.
#[derive(Template)]
#[template(path = "console/cell.html")]
pub(super) enum Cell {
    Text(String),
    Code(String),
    Tag(Tag),
    Link(Link),
    /// A time, for people and for programs.
    Time(String, String),
    Track(Track),
    Many(Vec<Cell>),
    Nothing(&'static str),
}

/// A table with its columns and rows.
pub(super) struct Table {
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// The text instead of an empty table.
    pub(super) empty: &'static str,
    /// The paths of its first and its next page.
    pub(super) first: Option<String>,
    pub(super) next: Option<String>,
}

impl Table {
    pub(super) fn new(columns: &[&'static str], empty: &'static str, rows: Vec<Vec<Cell>>) -> Self {
        Self { columns: columns.to_vec(), rows, empty, first: None, next: None }
    }
}

/// A form with its fields and buttons.
pub(super) struct Form {
    pub(super) action: String,
    /// Whether it changes something; otherwise it filters a list.
    pub(super) is_post: bool,
    pub(super) fields: Vec<Field>,
    pub(super) button: &'static str,
    pub(super) look: Look,
    /// The path to go to instead of sending the form.
    pub(super) cancel: Option<String>,
}

impl Form {
    /// Makes a form that changes something, with a link back to `cancel`.
    pub(super) fn post(action: impl Into<String>, button: &'static str, cancel: impl Into<String>) -> Self {
        let cancel = Some(cancel.into());
        Self { action: action.into(), is_post: true, fields: Vec::new(), button, look: Look::Primary, cancel }
    }

    /// Makes a form that filters a list.
    pub(super) fn filter(action: impl Into<String>) -> Self {
        let (fields, button, look) = (Vec::new(), "Filter", Look::Secondary);
        Self { action: action.into(), is_post: false, fields, button, look, cancel: None }
    }

    pub(super) fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }
}

/// A field of a form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: String,
    pub(super) value: String,
    pub(super) kind: FieldKind,
    pub(super) is_required: bool,
    pub(super) problem: Option<String>,
}

/// The kind of a field.
pub(super) enum FieldKind {
    Line,
    Lines,
    Hidden,
    Box,
    /// A choice of values, each with a text for people.
    Choice(Vec<(&'static str, &'static str)>),
}

impl Field {
    /// Makes a field of one line.
    pub(super) fn line(name: &'static str, label: &'static str, value: impl Into<String>) -> Self {
        let (hint, kind) = (String::new(), FieldKind::Line);
        Self { name, label, hint, value: value.into(), kind, is_required: false, problem: None }
    }

    /// Makes a field of several lines.
    pub(super) fn lines(name: &'static str, label: &'static str, value: impl Into<String>) -> Self {
        Self { kind: FieldKind::Lines, ..Self::line(name, label, value) }
    }

    /// Makes a field that is sent along but not shown.
    pub(super) fn hidden(name: &'static str, value: impl Into<String>) -> Self {
        Self { kind: FieldKind::Hidden, ..Self::line(name, "", value) }
    }

    /// Makes a box that must be ticked.
    pub(super) fn confirmation(label: &'static str) -> Self {
        Self { kind: FieldKind::Box, ..Self::line("confirm", label, "yes") }.required()
    }

    pub(super) fn choice(
        name: &'static str,
        label: &'static str,
        value: impl Into<String>,
        of: &[(&'static str, &'static str)],
    ) -> Self {
        Self { kind: FieldKind::Choice(of.to_vec()), ..Self::line(name, label, value) }
    }

    /// Makes the field for the reason of a change.
    pub(super) fn reason(value: impl Into<String>) -> Self {
        let hint = "For the audit trail, such as the number of a ticket. Write no personal data.";
        Self::line("reason", "Reason", value).hint(hint)
    }

    /// Sets the hint that says what belongs into the field.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Makes the field required.
    pub(super) fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    fn id(&self) -> String {
        format!("field-{}", self.name.replace('_', "-"))
    }

    /// Says whether the field, a choice, has this value.
    fn has(&self, value: &str) -> bool {
        self.value == value
    }

    /// Returns the ids of the field's hint and its problem.
    fn described_by(&self) -> String {
        let id = self.id();
        let hint = (!self.hint.is_empty()).then(|| format!("{id}-hint"));
        let problem = self.problem.as_ref().map(|_| format!("{id}-problem"));
        [problem, hint].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// Answers with a page that has no script.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    html_with(status, page, Policy::default())
}

fn html_with(status: StatusCode, page: &impl Template, policy: Policy<'_>) -> Response {
    let html = page.render().expect("a template writes into a string, which never fails");
    let mut headers = headers(policy);
    // Without a policy of its own, a form would be sent without an origin, which tells it from another site's form.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    (status, headers, Body::from(html)).into_response()
}

/// Redirects the browser to another page of the console.
pub(super) fn moved(to: &str) -> Response {
    let to = HeaderValue::from_str(to).expect("a path is visible ASCII");
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}
