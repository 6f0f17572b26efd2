//! Pages that say why another page is not shown.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderValue, Method, StatusCode};
use tollgate_config::Role;
use tollgate_core::wire::Code;
use tollgate_http::refusal::Reason;
use tollgate_server::error::Error;

use super::frame::Frame;
use super::page::html;
use super::paths;

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Refused {
    /// Nobody has signed in, or the session has ended.
    SignedOut(Method),
    /// The form was sent by another site.
    Site,
    /// The form doesn't belong to this session.
    Form,
    /// The user does not have the role.
    Role(Box<Frame>, Role),
    /// An error of the act, or of the request.
    Error(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Refused {
    /// Returns the answer.
    pub(super) fn response(self) -> Response {
        let nothing = "Nothing was done.";
        match self {
            Self::SignedOut(method) if method != Method::POST => {
                let headers = [(LOCATION, HeaderValue::from_static(paths::SIGN_IN))];
                (StatusCode::SEE_OTHER, headers).into_response()
            }
            Self::SignedOut(_) => forbidden(None, "You are signed out", nothing),
            Self::Site => forbidden(
                None,
                "Sent by another site",
                "Nothing was done. Only the console's own pages can do something here.",
            ),
            Self::Form => forbidden(
                None,
                "This form is of another session",
                "Nothing was done. Load the page again and repeat it.",
            ),
            Self::Role(frame, role) => {
                let lead = format!(
                    "That needs the role {}, which your sign-in does not give. It stands in the audit trail that you tried.",
                    role.name()
                );
                forbidden(Some(&frame), "You may not do this", &lead)
            }
            Self::Error(error) => alone(error),
        }
    }
}

/// Shows an error to a user who has signed in.
pub(super) fn failed(frame: &Frame, error: Error) -> Response {
    of_error(Some(frame), error)
}

/// Shows an error to somebody who may not have signed in.
pub(super) fn alone(error: Error) -> Response {
    of_error(None, error)
}

fn of_error(frame: Option<&Frame>, error: Error) -> Response {
    let mut lead = error.message().into_owned();
    for problem in error.problems().iter().flat_map(|problems| problems.iter().cloned().collect::<Vec<_>>()) {
        lead = format!("{lead} {}: {}.", problem.field, problem.message);
    }
    let title = match error.code() {
        Code::NotFound | Code::MerchantNotFound => "There is no such thing",
        Code::PreconditionFailed => "It was changed meanwhile",
        Code::Unavailable | Code::OutcomeUnknown | Code::InternalError => "That did not work",
        _ => "That can't be done",
    };
    // The refusal is counted and logged like any other, and keeps its status and headers.
    let refused = error.into_response();
    let mut response = html(refused.status(), &Message { frame, title, lead: &lead });
    let (mut parts, _) = refused.into_parts();
    for (name, value) in response.headers() {
        parts.headers.insert(name, value.clone());
    }
    *response.headers_mut() = parts.headers;
    response.extensions_mut().extend(parts.extensions);
    response
}

fn forbidden(frame: Option<&Frame>, title: &'static str, lead: &str) -> Response {
    let mut response = html(StatusCode::FORBIDDEN, &Message { frame, title, lead });
    let refusal = Reason { code: Code::Forbidden.as_str(), text: format!("console: {title}") };
    response.extensions_mut().insert(refusal);
    response
}

#[derive(Template)]
#[template(path = "console/message.html")]
struct Message<'a> {
    frame: Option<&'a Frame>,
    title: &'static str,
    lead: &'a str,
}
