use tollgate_core::{Generation, Revoked};
use tollgate_store::Client;

use super::*;
use crate::apply::tests::{client as there, merchant};

const UUID: &str = "0191e0a1-5c3b-7def-8123-456789abcdef";

/// Makes an existing client.
fn client(id: ClientId, labels: &[(&str, &str)]) -> Client {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let terms = Terms { labels: Labels::new(labels).unwrap(), ..Terms::default() };
    Client { id, terms, ..there(1, Some(1), "till") }
}

fn old(id: &str, scope: &str, merchant: Option<&str>) -> OldClient {
    OldClient {
        id: id.to_owned(),
        name: "till".parse().unwrap(),
        scope: scope.split_ascii_whitespace().map(str::to_owned).collect(),
        merchant: merchant.map(str::to_owned),
        environment: None,
        secrets: ImportedSecrets::default(),
    }
}

fn rules() -> Rules {
    Rules {
        source: "keycloak",
        merchant: None,
        create_merchants: false,
        scope: None,
        words: BTreeMap::new(),
        environment: None,
    }
}

fn shops() -> Found {
    Found {
        merchants: vec![merchant(1, "Shop"), merchant(2, "Twin"), merchant(3, "Twin")],
        ..Found::default()
    }
}

fn planned(old: Vec<OldClient>, rules: &Rules, found: &Found) -> Result<Plan, Vec<String>> {
    plan(old, rules, found, |_| Ok(()))
}

fn created(fate: &Fate) -> &NewClient {
    match fate {
        Fate::Create(new) => new,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_uuid_stays_and_another_id_becomes_one_that_nobody_can_compute() {
    let olds =
        || vec![old(UUID, "payments:read", Some("Shop")), old("shop-till", "payments:read", Some("Shop"))];
    let [one, another] = [(); 2].map(|()| planned(olds(), &rules(), &shops()).unwrap());
    assert_eq!(created(&one.fates[0]).id, Some(UUID.parse().unwrap()));
    assert_ne!(created(&one.fates[1]).id, created(&another.fates[1]).id);
    let labels = &created(&one.fates[1]).terms.labels;
    assert_eq!((labels.get(SOURCE), labels.get(ID)), (Some("keycloak"), Some("shop-till")));
}

#[test]
fn what_was_imported_before_stays_as_it_is() {
    let (here, renamed) = (UUID.parse().unwrap(), ClientId::from_bytes([9; 16]));
    let found = Found {
        clients: vec![
            client(here, &[]),
            client(renamed, &[(SOURCE, "keycloak"), (ID, "shop-till")]),
            client(ClientId::from_bytes([8; 16]), &[(SOURCE, "hydra"), (ID, "other")]),
        ],
        ..shops()
    };
    let olds = vec![
        old(&UUID.to_uppercase(), "unknown", None),
        old("shop-till", "unknown", None),
        old("other", "payments:read", Some("Shop")),
        old("OTHER", "payments:read", Some("Shop")),
    ];
    let fates = planned(olds, &rules(), &found).unwrap().fates;
    assert!(matches!(fates[0], Fate::Exists(id, Some(_)) if id == here));
    assert!(matches!(fates[1], Fate::Exists(id, Some(_)) if id == renamed));
    created(&fates[2]);
    assert!(matches!(&fates[3], Fate::LeftOut(reason) if reason == "it is there twice"));
}

#[test]
fn an_id_that_stands_for_no_client_is_left_out() {
    let olds = ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-ffff-ffff-ffff-ffffffffffff"]
        .map(|id| old(id, "payments:read", Some("Shop")));
    for fate in planned(olds.into(), &rules(), &shops()).unwrap().fates {
        assert!(matches!(&fate, Fate::LeftOut(reason) if reason.contains("no client can have")), "{fate:?}");
    }
}

#[test]
fn a_scope_is_taken_dropped_or_translated_and_nothing_is_guessed() {
    let words = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(word, scope)| ((*word).to_owned(), scope.parse().unwrap())).collect()
    };
    let known = Rules {
        words: words(&[
            ("invoices", "payments:read"),
            ("pay", "payments:read payments:write"),
            ("legacy", ""),
            ("ledger", "ledger"),
        ]),
        ..rules()
    };
    let scope = |text: &str| {
        let plan = planned(vec![old("a", text, Some("Shop"))], &known, &shops()).unwrap();
        match &plan.fates[0] {
            Fate::Create(new) => new.scope.to_string(),
            Fate::LeftOut(reason) => reason.clone(),
            Fate::Exists(..) => unreachable!(),
        }
    };
    assert_eq!(scope("openid payments:write profile"), "payments:write");
    assert_eq!(scope("invoices pay legacy"), "payments:read payments:write");
    assert_eq!(scope("ledger"), "ledger");
    assert_eq!(scope(""), "it has no scope: give all of them one by --scope");
    assert!(scope("legacy openid").starts_with("nothing is left of its scope (legacy openid)"));
    // A word that gives rights here is kept only if somebody says so.
    let olds =
        vec![old("a", "admin:write wire tollgate:verify", Some("Shop")), old("b", "wire", Some("Shop"))];
    let obstacles = planned(olds, &known, &shops()).unwrap_err();
    assert_eq!(obstacles.len(), 3);
    assert!(obstacles[2].contains("--map-scope wire=SCOPE"), "{obstacles:?}");
    let all = Rules { scope: Some("payments:read".parse().unwrap()), ..rules() };
    let plan = planned(vec![old("a", "admin:write", Some("Shop"))], &all, &shops()).unwrap();
    assert_eq!(created(&plan.fates[0]).scope.as_str(), "payments:read");
}

#[test]
fn a_merchant_is_found_by_id_or_name_and_made_if_that_is_asked() {
    let shop = MerchantId::from_bytes([1; 16]);
    let of =
        |text: Option<&str>, rules: &Rules| planned(vec![old("a", "payments:read", text)], rules, &shops());
    for text in ["Shop", " Shop ", &shop.to_string()] {
        assert_eq!(created(&of(Some(text), &rules()).unwrap().fates[0]).merchant_id, Some(shop));
    }
    for (text, said) in [
        (None, "--merchant-from"),
        (Some("Twin"), "several merchants"),
        (Some("New"), "--create-merchants"),
        (Some(UUID), "merchant create --id"),
    ] {
        let obstacles = of(text, &rules()).unwrap_err();
        assert!(obstacles[0].contains(said), "{obstacles:?}");
    }
    let all = Rules { merchant: Some(shop), ..rules() };
    assert_eq!(created(&of(Some("New"), &all).unwrap().fates[0]).merchant_id, Some(shop));
    let nobody = Rules { merchant: Some(MerchantId::from_bytes([7; 16])), ..rules() };
    assert!(of(None, &nobody).unwrap_err()[0].contains("merchant list"));
    let making = Rules { create_merchants: true, ..rules() };
    let olds = ["a", "b"].map(|id| old(id, "payments:read", Some("New"))).into();
    let plan = planned(olds, &making, &shops()).unwrap();
    let [made] = &*plan.merchants else { panic!("{:?}", plan.merchants) };
    assert_eq!(
        (made.name.as_str(), plan.fates.iter().all(|fate| created(fate).merchant_id == made.id)),
        ("New", true)
    );
}

#[test]
fn what_could_not_be_created_is_an_obstacle_once() {
    let olds = ["a", "b"].map(|id| old(id, "payments:read", Some("Shop"))).into();
    assert_eq!(plan(olds, &rules(), &shops(), |_| Err("no".to_owned())).unwrap_err(), ["no"]);
}

#[test]
fn what_was_deleted_not_long_ago_is_not_imported_under_its_id() {
    let shop = "01010101-0101-0101-0101-010101010101";
    let deleted: Deleted = [
        Revoked::Client(UUID.parse().unwrap(), Generation::END),
        Revoked::Merchant(MerchantId::from_bytes([9; 16]), Generation::END),
    ]
    .into_iter()
    .collect();
    let found = Found { deleted, ..shops() };
    let plan = planned(vec![old(UUID, "payments:read", Some(shop))], &rules(), &found).unwrap();
    let Fate::LeftOut(reason) = &plan.fates[0] else { panic!("{:?}", plan.fates) };
    assert!(reason.contains("deleted not long ago"), "{reason}");
    let gone = "09090909-0909-0909-0909-090909090909";
    let of_all = Rules { merchant: Some(gone.parse().unwrap()), ..rules() };
    for (merchant, rules) in [(Some(gone), &rules()), (None, &of_all)] {
        let obstacles = planned(vec![old("till", "payments:read", merchant)], rules, &found).unwrap_err();
        assert!(
            obstacles.len() == 1 && obstacles[0].contains("was deleted not long ago"),
            "nobody is told to create it: {obstacles:?}"
        );
    }
}
