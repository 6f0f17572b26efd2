//! Lists everything that is wrong with a file, each problem with its place: the parser stops at the first.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The members that every client must have, with values that are valid.
const OF_CLIENTS: [(&str, &str); 2] = [("name", "x"), ("scope", "x")];
/// The members that every merchant must have, with values that are valid.
const OF_MERCHANTS: [(&str, &str); 1] = [("name", "x")];

/// Lists the problems of a parsed file: an `F` of merchants `M` and clients `C`.
pub(super) fn of<F, M, C>(file: &Value) -> Vec<String>
where
    F: DeserializeOwned,
    M: DeserializeOwned,
    C: DeserializeOwned,
{
    let Value::Object(members) = file else { return of_object::<F>("the file", file, &[]) };
    let mut problems = Vec::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("merchants", Value::Array(merchants)) => {
                for (place, merchant) in places("merchants", merchants) {
                    problems.extend(of_merchant::<M, C>(&place, merchant));
                }
            }
            ("operators", Value::Array(clients)) => problems.extend(of_clients::<C>("operators", clients)),
            _ => problems.extend(of_member::<F>("", name, value, &[])),
        }
    }
    problems
}

fn of_merchant<M: DeserializeOwned, C: DeserializeOwned>(place: &str, merchant: &Value) -> Vec<String> {
    let mut merchant = merchant.clone();
    let clients = match &mut merchant {
        Value::Object(members) if members.get("clients").is_some_and(Value::is_array) => {
            members.remove("clients")
        }
        _ => None,
    };
    let mut problems = of_object::<M>(place, &merchant, &OF_MERCHANTS);
    if let Some(Value::Array(clients)) = &clients {
        problems.extend(of_clients::<C>(&format!("{place}.clients"), clients));
    }
    problems
}

fn of_clients<C: DeserializeOwned>(list: &str, clients: &[Value]) -> Vec<String> {
    let each = places(list, clients);
    each.flat_map(|(place, client)| of_object::<C>(&place, client, &OF_CLIENTS)).collect()
}

fn places<'a>(list: &str, items: &'a [Value]) -> impl Iterator<Item = (String, &'a Value)> {
    items.iter().enumerate().map(move |(at, item)| (format!("{list}[{at}]"), item))
}

/// Lists the problems of each member of an object by itself, and the required members that are missing.
fn of_object<T: DeserializeOwned>(place: &str, object: &Value, needed: &[(&str, &str)]) -> Vec<String> {
    let Value::Object(members) = object else {
        let wrong = serde_json::from_value::<T>(object.clone()).err();
        return wrong.map(|wrong| format!("{place}: {wrong}")).into_iter().collect();
    };
    let missing = needed.iter().filter(|(name, _)| !members.contains_key(*name));
    let missing = missing.map(|(name, _)| format!("{place}: missing field `{name}`"));
    let wrong = members.iter().filter_map(|(name, value)| of_member::<T>(place, name, value, needed));
    missing.chain(wrong).collect()
}

/// Lists the problems of a member, in an object that has nothing else but the required members.
fn of_member<T: DeserializeOwned>(
    place: &str,
    name: &str,
    value: &Value,
    needed: &[(&str, &str)],
) -> Option<String> {
    let needed = needed.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    let mut object: Map<String, Value> = needed.collect();
    object.insert(name.to_owned(), value.clone());
    let wrong = serde_json::from_value::<T>(Value::Object(object)).err()?;
    let dot = if place.is_empty() { "" } else { "." };
    Some(format!("{place}{dot}{name}: {wrong}"))
}
