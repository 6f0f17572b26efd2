//! Health and metrics.

use serde_json::{Value, json};

use super::HEALTH;
use super::authority::success;
use super::operation::{Access, Answer, Operation, always, content};
use super::refusals::Refusal;
use crate::error::Error;
use crate::health::{METRICS_TYPE, READY, UP};
use crate::readiness::{NotReady, Task};

pub(super) fn operations() -> Vec<Operation> {
    let text = METRICS_TYPE.split(';').next().unwrap_or(METRICS_TYPE);
    let metrics = content(text, json!({"type": "string"}), None);
    let mut ready = status(READY);
    ready["properties"]["stale"] = json!({
        "type": "boolean",
        "const": true,
        "description": "There if it serves by what may be out of date (`tokens.when_stale = \"serve\"`).",
    });
    let not_ready =
        [NotReady::Draining, NotReady::NoSigningKey, NotReady::Stale, NotReady::Panicked(Task::Follower)]
            .map(Error::NotReady);
    let not_ready = not_ready.into_iter().map(Refusal::envelope).collect();
    vec![
        operation("/healthz", "liveness", "Ask whether the process is up", success(status(UP)), vec![]),
        operation("/readyz", "readiness", "Ask whether tokens can be issued here", success(ready), not_ready),
        operation("/metrics", "metrics", "Read what was counted, for Prometheus", metrics, vec![]),
    ]
}

fn operation(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    content: Value,
    refusals: Vec<Refusal>,
) -> Operation {
    Operation {
        path,
        method: "get",
        id,
        tag: HEALTH,
        summary,
        description: "On `admin_listen`; `tollgate dev` answers it next to the API.".to_owned(),
        access: Access::Open,
        parameters: vec![],
        body: None,
        answers: vec![Answer {
            status: 200,
            description: "It is.",
            headers: vec![("Cache-Control", always("no-store"))],
            content: Some(content),
        }],
        refusals,
    }
}

fn status(status: &str) -> Value {
    json!({
        "type": "object",
        "properties": {"status": {"type": "string", "const": status}},
        "required": ["status"],
        "additionalProperties": false,
        "examples": [{"status": status}],
    })
}
