use tollgate_core::{Environment, Generation, Revoked, Timestamp};
use tollgate_store::{Terms, Version};

use super::*;

pub(crate) fn merchant(number: u8, name: &str) -> Merchant {
    Merchant {
        id: MerchantId::from_bytes([number; 16]),
        name: name.to_owned(),
        status: Status::Enabled,
        created_at: Timestamp::from_millis(0),
        version: Version::default(),
    }
}

pub(crate) fn client(number: u8, merchant: Option<u8>, name: &str) -> Client {
    Client {
        id: ClientId::from_bytes([number; 16]),
        merchant_id: merchant.map(|number| MerchantId::from_bytes([number; 16])),
        name: name.to_owned(),
        environment: Environment::Live,
        scope: "payments:read".parse().unwrap(),
        addresses: Vec::new(),
        audiences: Vec::new(),
        status: Status::Enabled,
        merchant_status: Status::Enabled,
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        created_at: Timestamp::from_millis(0),
        version: Version::default(),
        terms: Terms::default(),
        secrets: Vec::new(),
    }
}

fn wanted_client(id: Option<u8>, name: &str) -> WantedClient {
    WantedClient {
        id: id.map(|number| ClientId::from_bytes([number; 16])),
        name: name.parse().unwrap(),
        environment: None,
        scope: "payments:read".parse().unwrap(),
        addresses: Vec::new(),
        audiences: Vec::new(),
        terms: Terms::default(),
        status: None,
    }
}

fn wanted_merchant(id: Option<u8>, name: &str, clients: Vec<WantedClient>) -> WantedMerchant {
    let id = id.map(|number| MerchantId::from_bytes([number; 16]));
    WantedMerchant { id, name: name.parse().unwrap(), status: None, clients }
}

fn of(merchants: Vec<WantedMerchant>) -> Wanted {
    Wanted { merchants, operators: Vec::new() }
}

/// Returns the plan's steps, as a word and a name each.
fn planned(wanted: &Wanted, found: &Found, others: Others) -> Vec<String> {
    let plan = plan(wanted, found, others, |_| Ok(())).unwrap();
    let steps = plan.steps.iter().map(|step| match step {
        Step::CreateMerchant(new) => format!("create {}", new.name.as_str()),
        Step::RenameMerchant(merchant, name) => format!("rename {} {}", merchant.name, name.as_str()),
        Step::CreateClient(new) => format!("create {}", new.name.as_str()),
        Step::UpdateClient(client, _) => format!("update {} {}", client.name, step.changes()),
        Step::SetMerchantStatus(_, name, status) | Step::SetClientStatus(_, _, name, status) => {
            format!("{status:?} {}", name.as_str())
        }
        Step::DeleteClient(client) => format!("delete {}", client.name),
        Step::DeleteMerchant(merchant) => format!("delete {}", merchant.name),
    });
    steps.collect()
}

fn misfits(wanted: &Wanted, found: &Found) -> Vec<String> {
    let misfits = plan(wanted, found, Others::Stay, |_| Ok(())).unwrap_err();
    misfits.iter().map(|Misfit { place, problem }| format!("{place}: {problem}")).collect()
}

#[test]
fn what_is_as_it_is_wanted_is_left_alone() {
    let found = Found {
        merchants: vec![merchant(1, "Shop")],
        clients: vec![client(2, Some(1), "till")],
        ..Found::default()
    };
    for (merchant, client) in [(Some(1), Some(2)), (None, None), (Some(1), None), (None, Some(2))] {
        let wanted = of(vec![wanted_merchant(merchant, "Shop", vec![wanted_client(client, "till")])]);
        assert_eq!(planned(&wanted, &found, Others::End), Vec::<String>::new());
        assert_eq!(plan(&wanted, &found, Others::Stay, |_| Ok(())).unwrap().unchanged, 2);
    }
}

#[test]
fn steps_come_in_an_order_in_which_they_can_be_done() {
    let found = Found {
        merchants: vec![merchant(1, "Shop"), merchant(2, "Gone")],
        clients: vec![
            client(3, Some(1), "till"),
            client(4, Some(1), "old"),
            client(5, Some(2), "lost"),
            client(6, None, "guard"),
        ],
        ..Found::default()
    };
    let mut till = wanted_client(Some(3), "till");
    till.scope = "payments:write".parse().unwrap();
    till.status = Some(Status::Disabled);
    let wanted = of(vec![
        wanted_merchant(Some(1), "Kiosk", vec![till, wanted_client(None, "new")]),
        wanted_merchant(None, "Stall", vec![wanted_client(None, "till")]),
    ]);
    let update = r#"update till {"before":{"scope":"payments:read"},"after":{"scope":"payments:write"}}"#;
    let kept = ["create Stall", "rename Shop Kiosk", "create new", "create till", update, "Disabled till"];
    assert_eq!(planned(&wanted, &found, Others::Stay), kept);
    let ended = [&kept[..], &["delete old", "delete Gone"]].concat();
    assert_eq!(planned(&wanted, &found, Others::End), ended);
}

#[test]
fn operators_clients_end_only_where_operators_are_wanted() {
    let found = Found {
        merchants: Vec::new(),
        clients: vec![client(6, None, "guard"), client(7, None, "desk")],
        ..Found::default()
    };
    assert_eq!(planned(&of(Vec::new()), &found, Others::End), Vec::<String>::new());
    let wanted = Wanted { merchants: Vec::new(), operators: vec![wanted_client(None, "desk")] };
    assert_eq!(planned(&wanted, &found, Others::End), ["delete guard"]);
}

#[test]
fn a_status_that_is_not_given_stays_and_a_new_client_can_begin_disabled() {
    let mut disabled = client(2, Some(1), "till");
    disabled.status = Status::Disabled;
    let found = Found { merchants: vec![merchant(1, "Shop")], clients: vec![disabled], ..Found::default() };
    let mut new = wanted_client(None, "new");
    new.status = Some(Status::Disabled);
    let wanted = of(vec![wanted_merchant(None, "Shop", vec![wanted_client(None, "till"), new])]);
    assert_eq!(planned(&wanted, &found, Others::Stay), ["create new", "Disabled new"]);
}

#[test]
fn what_can_not_become_so_is_named_with_its_place_and_all_of_it_at_once() {
    let twins = vec![client(2, Some(1), "till"), client(3, Some(1), "till")];
    let merchants = vec![merchant(1, "Shop"), merchant(7, "Twin"), merchant(8, "Twin")];
    let found =
        Found { merchants, clients: [twins, vec![client(4, None, "guard")]].concat(), ..Found::default() };
    let mut other = wanted_client(Some(2), "till");
    other.environment = Some(Environment::Test);
    let wanted = Wanted {
        merchants: vec![
            wanted_merchant(None, "Shop", vec![wanted_client(None, "till"), wanted_client(Some(4), "guard")]),
            wanted_merchant(Some(1), "Shop 2", vec![other]),
            wanted_merchant(None, "Twin", Vec::new()),
            wanted_merchant(None, "new", vec![wanted_client(None, "a"), wanted_client(None, "a")]),
        ],
        operators: vec![wanted_client(Some(3), "till")],
    };
    let [shop, twin] = [1, 7].map(|number| MerchantId::from_bytes([number; 16]));
    let twin_2 = MerchantId::from_bytes([8; 16]);
    let [till, till_2, guard] = [2, 3, 4].map(|number| ClientId::from_bytes([number; 16]));
    assert_eq!(
        misfits(&wanted, &found),
        [
            format!(
                "merchants[0].clients[0]: there are several clients of this name, {till}, {till_2}: give the id"
            ),
            format!("merchants[0].clients[1]: client {guard} is an operator's, and can't move"),
            format!("merchants[1]: is merchant {shop}, as merchants[0] is"),
            format!("merchants[2]: there are several merchants of this name, {twin}, {twin_2}: give the id"),
            "merchants[3].clients[0]: another one has this name, too: give the id of each".to_owned(),
            "merchants[3].clients[1]: another one has this name, too: give the id of each".to_owned(),
            format!("operators[0]: client {till_2} is of merchant {shop}, and can't move"),
        ]
    );
}

#[test]
fn a_client_that_could_not_be_created_is_a_misfit() {
    let wanted = of(vec![wanted_merchant(None, "Shop", vec![wanted_client(None, "till")])]);
    let refused = plan(&wanted, &Found::default(), Others::Stay, |_| Err("no".to_owned())).unwrap_err();
    assert_eq!(refused, [Misfit { place: Place::Client(0, 0), problem: "no".to_owned() }]);
}

#[test]
fn a_client_changes_neither_its_environment_nor_its_merchant() {
    let found = Found {
        merchants: vec![merchant(1, "Shop")],
        clients: vec![client(2, Some(1), "till")],
        ..Found::default()
    };
    let mut till = wanted_client(None, "till");
    till.environment = Some(Environment::Live);
    let wanted = of(vec![wanted_merchant(None, "Shop", vec![till.clone()])]);
    assert_eq!(planned(&wanted, &found, Others::Stay), Vec::<String>::new());
    till.environment = Some(Environment::Test);
    let wanted = of(vec![wanted_merchant(None, "Shop", vec![till])]);
    let id = ClientId::from_bytes([2; 16]);
    let problem = format!("client {id} is of the environment live, which can't be changed to test");
    assert_eq!(misfits(&wanted, &found), [format!("merchants[0].clients[0]: {problem}")]);
    let wanted = of(vec![wanted_merchant(None, "Kiosk", vec![wanted_client(Some(2), "till")])]);
    let shop = MerchantId::from_bytes([1; 16]);
    let problem = format!("client {id} is of merchant {shop}, and can't move");
    assert_eq!(misfits(&wanted, &found), [format!("merchants[0].clients[0]: {problem}")]);
}

#[test]
fn what_was_deleted_not_long_ago_is_made_again_under_another_id_only() {
    let deleted = [
        Revoked::Merchant(MerchantId::from_bytes([1; 16]), Generation::END),
        Revoked::Client(ClientId::from_bytes([2; 16]), Generation::END),
        // A merchant that exists, and whose tokens were revoked.
        Revoked::Merchant(MerchantId::from_bytes([3; 16]), Generation::FIRST.next()),
    ];
    let found = Found {
        merchants: vec![merchant(3, "Here")],
        deleted: deleted.into_iter().collect(),
        ..Found::default()
    };
    let wanted = of(vec![
        wanted_merchant(Some(1), "Shop", Vec::new()),
        wanted_merchant(Some(3), "Here", vec![wanted_client(Some(2), "till"), wanted_client(Some(4), "web")]),
        wanted_merchant(None, "Other", Vec::new()),
    ]);
    let misfits = plan(&wanted, &found, Others::Stay, |_| Ok(())).unwrap_err();
    let said: Vec<String> = misfits.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    for (said, place) in said.iter().zip(["merchants[0]: ", "merchants[1].clients[0]: "]) {
        assert!(said.starts_with(place) && said.ends_with("so choose another id"), "{said}");
    }
}
