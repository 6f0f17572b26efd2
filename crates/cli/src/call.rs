//! `tollgate call`: one request to the API, with a token for it.

use std::io::Read;
use std::time::Duration;
use std::{fs, io};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Request, Response, Url};
use tollgate_client::{Authorizer, CallError, Caller, IDEMPOTENCY_KEY, Settings, Unavailable, cause_of};
use tollgate_commands::{Failure, advice, output::Format};

use crate::args::{Body, CallArgs};
use crate::{answer, caller};

/// How long a call waits for a token while the authority is unreachable.
const WAIT_FOR_TOKEN: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the API may send nothing, before and during its answer.
const SILENCE: Duration = Duration::from_secs(60);

/// Makes the call and prints the answer. Fails if the answer is an error.
pub(crate) async fn run(args: CallArgs, format: Format) -> Result<(), Failure> {
    let caller = caller::open(&args.caller).await?;
    let include = args.include;
    let request = request(args, &caller)?;
    let called = format!("{} {}", request.method(), request.url().path());
    let authorizer = caller.authorizer(Settings::default().wait(WAIT_FOR_TOKEN))?;
    let client = caller
        .http_client_builder()?
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(SILENCE)
        .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Failure::new(cause_of(&error)))?;
    let response = send(&client, &authorizer, &caller, request).await?;
    let refusal = match format {
        Format::Text => answer::stream(response, include).await?,
        Format::Json => answer::document(response).await?,
    };
    refusal.map_or(Ok(()), |refusal| Err(Failure::new(format!("{called} answered {refusal}"))))
}

fn request(args: CallArgs, caller: &Caller) -> Result<Request, Failure> {
    let mut request = Request::new(args.method, url(caller.base_url(), &args.path)?);
    for (name, value) in args.header {
        request.headers_mut().append(name, value);
    }
    if let Some(key) = args.idempotency_key {
        request.headers_mut().insert(IDEMPOTENCY_KEY, key);
    }
    if let Some(body) = args.body {
        *request.body_mut() = Some(read(body)?.into());
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().entry(CONTENT_TYPE).or_insert(json);
    }
    Ok(request)
}

/// Makes the URL of a path. It must stay below the base URL, because a token is sent only there.
fn url(base_url: &str, path: &str) -> Result<Url, Failure> {
    let base = Url::parse(&format!("{base_url}/")).expect("a caller has a URL");
    let text = if path.starts_with('/') { format!("{base_url}{path}") } else { path.to_owned() };
    let mut url =
        Url::parse(&text).map_err(|error| Failure::of_misuse(format!("PATH can't be read: {error}")))?;
    if !url.as_str().starts_with(base.as_str()) {
        return Err(Failure::of_misuse(format!(
            "PATH leads away from {base_url}, and a token goes nowhere else: give a path below it"
        )));
    }
    url.set_fragment(None);
    if url.as_str().parse::<http::Uri>().is_err() {
        return Err(Failure::of_misuse("PATH has characters that can't be sent: percent-encode them"));
    }
    Ok(url)
}

fn read(body: Body) -> Result<Vec<u8>, Failure> {
    let (name, read) = match body {
        Body::Text(text) => return Ok(text.into_bytes()),
        Body::File(path) => (path.display().to_string(), fs::read(path)),
        Body::Stdin => {
            let mut bytes = Vec::new();
            ("standard input".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
        }
    };
    read.map_err(|error| Failure::new(format!("{name} can't be read: {error}")))
}

/// Sends the request with a token, and once more with another one if that may help.
async fn send(
    client: &Client,
    authorizer: &Authorizer,
    caller: &Caller,
    request: Request,
) -> Result<Response, Failure> {
    let sent = authorizer.send(request, |request: Request| {
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let key = request.headers().get(IDEMPOTENCY_KEY).cloned();
        let sending = client.execute(request);
        async move { sending.await.map_err(|error| unanswered(&error, &method, &path, key.as_ref(), caller)) }
    });
    sent.await.map_err(|error| match error {
        CallError::Inner(failure) => failure,
        CallError::Unavailable(Unavailable { error: Some(error), .. }) => {
            Failure::new(advice::without_token(caller.base_url(), &error))
        }
        CallError::Unavailable(unavailable) => Failure::of_error(unavailable),
    })
}

/// Explains why there is no answer, and how the request can be repeated without harm.
fn unanswered(
    error: &reqwest::Error,
    method: &Method,
    path: &str,
    key: Option<&HeaderValue>,
    caller: &Caller,
) -> Failure {
    let (cause, base_url) = (cause_of(error), caller.base_url());
    if error.is_connect() {
        let advice = advice::unreachable(&cause, base_url, "the base URL");
        return Failure::new(format!("{base_url} can't be reached ({cause}){advice}"));
    }
    let advice = match key.and_then(|key| key.to_str().ok()) {
        Some(key) => format!("it may have arrived: repeat it with --idempotency-key '{key}'"),
        None if method.is_safe() => "try again".to_owned(),
        None => "it may have arrived: look before you repeat it".to_owned(),
    };
    Failure::new(format!("no answer to {method} {path} ({cause}): {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_base_url() {
        let url = |path| url("https://core.example.com/base", path).map(String::from);
        for (path, expected) in [
            ("/", "https://core.example.com/base/"),
            ("/a/b:c?d=e#f", "https://core.example.com/base/a/b:c?d=e"),
            ("/a/../b", "https://core.example.com/base/b"),
            ("//evil.example/a", "https://core.example.com/base//evil.example/a"),
            ("/@evil.example/a", "https://core.example.com/base/@evil.example/a"),
            ("https://core.example.com:443/base/a", "https://core.example.com/base/a"),
        ] {
            assert_eq!(url(path).unwrap(), expected);
        }
        for path in [
            "/../a",
            "/a/%2e%2E/..\\../b",
            "https://core.example.com/other",
            "https://core.example.com/base.evil.example/",
            "http://core.example.com/base/a",
            "https://core.example.com:8443/base/a",
            "https://core.example.com@evil.example/base/a",
            "https://evil.example/base/a",
        ] {
            assert!(url(path).is_err(), "{path}");
        }
    }
}
