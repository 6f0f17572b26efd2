//! What every engine must do, as cases that are listed once.
//!
//! An engine's tests invoke [`conformance_tests!`](crate::conformance_tests) with a function that makes an empty store:
//!
//! ```ignore
//! tollgate_store::conformance_tests!(open);
//! ```

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "the cases are tests")]
#![allow(missing_docs, reason = "a case's name is its documentation")]

mod agreement;
mod changes;
mod clients;
mod clock;
mod documents;
mod idempotency;
mod leading;
mod many;
mod networks;
mod rehashing;
mod trail;
mod transfer;
mod uses;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tollgate_core::{
    Algorithm, ClientId, Environment, Generation, KeyId, MerchantId, Scope, SecretId, Timestamp,
};
use tollgate_keys::{MasterKey, SecretHash, TrailKey};

use crate::{
    Act, Actor, Answer, Changed, Client, Document, Draft, IdempotencyScope, LeaderLease, Lease, Merchant,
    Object, Position, Secret, SigningKey, Status, Store, Terms, Version,
};

pub use agreement::*;
pub use changes::*;
pub use clients::*;
pub use clock::*;
pub use documents::*;
pub use idempotency::*;
pub use leading::*;
pub use many::*;
pub use networks::*;
pub use rehashing::*;
pub use trail::*;
pub use transfer::*;
pub use uses::*;

/// Declares a test for each case. `$open` is an async function without arguments that returns an empty
/// `Arc<dyn Store>` and whatever must live as long as the store.
#[macro_export]
macro_rules! conformance_tests {
    ($open:path) => {
        $crate::conformance_tests! { @each $open:
            installing_twice_keeps_the_first_check_and_key
            concurrent_installs_agree
            sealing_anew_replaces_every_key_or_nothing
            signing_keys_come_oldest_first
            a_new_signing_key_retires_the_others_unless_they_retire_sooner
            compromised_signing_keys_are_marked_and_replaced
            a_signing_key_concerns_only_those_of_its_algorithm
            the_longest_lifetime_only_ever_grows
            revocations_outlive_the_longest_lifetime
            the_store_has_a_clock
            the_latest_time_that_has_passed_is_kept
            changes_are_written_with_their_effect_and_in_its_order
            what_changes_nothing_is_no_change
            changes_come_in_pages
            concurrent_changes_have_numbers_of_their_own
            purged_changes_force_a_reload
            a_number_from_the_future_forces_a_reload
            every_change_says_who_made_it
            a_revocation_counts_until_it_expires
            every_kind_of_revocation_is_kept
            revocations_come_in_pages_without_gaps_or_repeats
            purging_is_bounded

            what_is_adopted_supersedes_what_was_before
            an_adoption_is_a_change
            whoever_knows_another_predecessor_adopts_nothing
            of_many_adoptions_at_once_one_counts
            only_the_newest_agreements_are_shown
            a_server_is_among_those_that_run_until_it_leaves_or_is_silent
            its_clock_has_been_set_and_goes_on

            a_task_has_one_leader_until_its_lease_ends
            a_leader_renews_its_lease_and_gives_it_back
            of_many_servers_one_leads
            of_many_successors_of_a_key_one_is_added
            a_key_that_has_a_successor_gets_no_other
            leading_is_no_change

            a_merchant_is_as_it_was_created
            an_id_is_taken_once
            merchants_come_in_pages_without_gaps_or_repeats
            a_client_is_as_it_was_created
            an_operators_client_has_no_merchant
            a_client_of_no_merchant_is_not_added
            clients_come_in_pages_without_gaps_or_repeats
            a_merchants_clients_are_its_own
            disabling_a_client_revokes_its_tokens
            disabling_a_client_twice_ends_its_tokens_twice
            enabling_a_client_changes_no_generation
            other_networks_of_a_client_end_its_tokens_and_the_same_ones_end_none
            disabling_a_merchant_reaches_its_clients_and_no_others
            a_deleted_client_is_gone_and_its_tokens_are_revoked
            a_deleted_merchant_takes_its_clients_and_their_tokens_along
            a_merchant_and_a_client_change_in_what_is_given_and_in_nothing_else
            an_added_secret_lets_the_others_expire
            an_added_secret_leaves_the_others_alone
            a_revoked_secret_ends_its_tokens
            a_secret_is_revoked_by_its_client_only
            nothing_is_done_to_an_unknown_client_or_merchant
            a_change_of_another_version_is_not_made
            ending_tokens_leaves_the_rest_as_it_is
            clients_that_are_created_together_have_a_record_and_a_change_each
            of_clients_that_are_created_together_either_all_are_or_none
            an_imported_secret_keeps_its_slow_hash_until_it_is_hashed_anew
            a_secret_is_hashed_anew_once_and_by_its_client_only
            of_many_servers_one_hashes_a_secret_anew

            a_key_is_fresh_then_in_progress_then_answered
            another_request_with_the_key_is_a_mismatch
            an_answer_counts_until_exactly_its_expiry
            a_lease_counts_until_exactly_its_end
            a_lease_taken_over_can_neither_answer_nor_abandon
            an_abandoned_key_is_free_and_an_answered_one_stays
            a_key_counts_in_its_scope_only
            keys_of_every_length_and_case_are_told_apart
            an_answer_is_kept_byte_for_byte
            of_many_begins_one_is_fresh
            of_many_takeovers_one_is_fresh
            purging_frees_what_has_expired_and_nothing_else
            what_an_administrator_creates_comes_with_its_answer
            what_an_administrator_creates_needs_the_lease
            what_can_not_be_created_frees_its_key

            a_document_is_as_it_was_created
            a_document_and_its_answer_come_together
            without_the_lease_nothing_is_created
            concurrent_creates_are_all_kept
            of_many_creates_under_one_lease_one_is_kept
            documents_come_newest_first_without_gaps_or_repeats
            a_merchants_documents_are_its_own_and_of_one_kind
            a_document_changes_from_the_state_that_it_is_in
            of_many_changes_of_a_document_one_counts
            an_expired_document_does_not_change

            every_act_is_recorded_in_the_transaction_of_its_change
            what_changes_nothing_has_no_record
            records_are_as_they_were_written_and_chained
            a_trail_begins_by_saying_so
            an_act_that_was_overtaken_changes_nothing
            of_many_acts_at_once_each_has_its_place_in_one_chain
            an_act_may_have_several_records
            records_are_found_by_what_they_are_about
            records_come_in_pages_either_way
            a_trail_that_was_purged_goes_on_from_there
            an_installation_is_recorded_once
            what_was_streamed_is_never_taken_back

            the_last_use_of_each_secret_is_known_with_its_sources
            the_sources_of_a_secret_are_bounded
            uses_go_with_their_client

            what_was_exported_is_imported_and_exported_the_same
            an_import_is_as_good_as_what_it_was_made_from
            an_import_that_ends_early_leaves_nothing
            an_export_shows_one_moment
        }
    };
    (@each $open:path: $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let (store, _alive) = $open().await;
                $crate::conformance::$case(store).await;
            }
        )*
    };
}

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_250);
/// When a revocation made at [`NOW`] may be purged, if no token ever had a lifetime.
const FORGOTTEN: Timestamp = Timestamp::from_millis(NOW.millis() + 60 * 60 * 1000);
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Characters that a text can lose on its way: NUL, a surrogate pair in UTF-16, a combining mark, quotes.
const NAME: &str = "Zoë's \"Café\" \0 e\u{301} 🦀 %_\\";

/// The act for cases that are not about acts.
static SYSTEM: LazyLock<Act> = LazyLock::new(|| act_of(Actor::system()));

/// Makes an act of this actor, with one record.
pub fn act_of(actor: Actor) -> Act {
    Act::new(trail_key(), Draft::new(NOW, actor, "test", Object::Store))
}

/// Returns the key of every audit trail in these tests.
pub fn trail_key() -> Arc<TrailKey> {
    let master: MasterKey =
        "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddee7f".parse().unwrap();
    Arc::new(master.trail_key())
}

type Shared = Arc<dyn Store>;

/// Returns sixteen bytes that sort as their number does.
fn bytes(number: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn merchant_id(number: u32) -> MerchantId {
    MerchantId::from_bytes(bytes(number))
}

fn client_id(number: u32) -> ClientId {
    ClientId::from_bytes(bytes(number))
}

fn secret_id(number: u32) -> SecretId {
    SecretId::from_bytes(bytes(number))
}

fn merchant(number: u32) -> Merchant {
    Merchant {
        id: merchant_id(number),
        name: NAME.to_owned(),
        status: Status::Enabled,
        created_at: NOW,
        version: Version::default(),
    }
}

/// Makes a client with one secret, which has the client's number.
fn client(number: u32, merchant: Option<u32>) -> Client {
    Client {
        id: client_id(number),
        merchant_id: merchant.map(merchant_id),
        name: NAME.to_owned(),
        environment: Environment::Test,
        scope: "payments:read payments:write".parse().unwrap(),
        addresses: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        audiences: vec!["payment-api".parse().unwrap(), "https://ledger.example.com".parse().unwrap()],
        status: Status::Enabled,
        merchant_status: Status::Enabled,
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        created_at: NOW,
        version: Version::default(),
        terms: Terms {
            access_ttl: Some(Duration::from_secs(300)),
            refresh_ttl: None,
            quota: Some("30/min".parse().unwrap()),
            labels: "owner=Zoë = \"Café\"\nteam=\n".parse().unwrap(),
        },
        secrets: vec![secret(number)],
    }
}

fn secret(number: u32) -> Secret {
    let mut hash = [0xa5; 32];
    hash[..16].copy_from_slice(&bytes(number));
    Secret {
        id: secret_id(number),
        hash: SecretHash::from_bytes(hash),
        slow_hash: None,
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
    }
}

/// Makes a signing key; those with even numbers have a public part.
fn signing_key(number: u32, created_at: Timestamp) -> SigningKey {
    SigningKey {
        id: KeyId::from_bytes(bytes(number)),
        algorithm: Algorithm::Hs256,
        sealed: vec![0, 0xff, 7],
        public_key: number.is_multiple_of(2).then(|| vec![4, 0, 0xff]),
        created_at,
        activates_at: created_at.after(HOUR),
        retires_at: None,
        compromised: false,
    }
}

/// Makes a leader lease that lasts a minute from [`NOW`] on.
fn leader_lease(task: &'static str, holder: u32) -> LeaderLease {
    LeaderLease { task, holder: bytes(holder), until: NOW.after(Duration::from_secs(60)) }
}

fn scope(merchant: u32, key: &str) -> IdempotencyScope {
    IdempotencyScope {
        merchant_id: merchant_id(merchant),
        environment: Environment::Test,
        route: "POST /api/v1/payment-requests:redirect",
        key: key.to_owned(),
    }
}

/// Makes a lease of merchant 1 that lasts half a minute from [`NOW`] on, for the same request whoever the owner is.
fn lease(key: &str, owner: u32) -> Lease {
    Lease {
        scope: scope(1, key),
        fingerprint: [3; 32],
        owner: bytes(owner),
        until: NOW.after(Duration::from_secs(30)),
    }
}

fn answer() -> Answer {
    Answer { status: 201, body: b"{\"success\":true}\0\xff".to_vec(), expires_at: NOW.after(DAY) }
}

const KIND: &str = "payment request";

fn document(number: u32, merchant: u32) -> Document {
    Document {
        kind: KIND,
        id: bytes(number),
        merchant_id: merchant_id(merchant),
        environment: Environment::Test,
        body: format!("{{\"customer\":{{\"name\":\"{NAME}\"}}}}"),
        state: "pending".to_owned(),
        created_at: NOW,
        expires_at: NOW.after(HOUR),
        changed_at: None,
    }
}

/// Adds a merchant and its client to the store, both with the number 1.
async fn with_client(store: &Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    assert!(store.create_client(&client(1, Some(1)), &SYSTEM).await.unwrap());
}

async fn the_client(store: &Shared, number: u32) -> Client {
    store.client(client_id(number)).await.unwrap().unwrap()
}

/// Returns what changed after a position.
async fn changed_since(store: &Shared, after: Position) -> Vec<Changed> {
    let changes = store.changes_since(after, 1000).await.unwrap().unwrap();
    assert!(changes.iter().all(|change| change.position.seq > after.seq));
    assert!(changes.is_sorted_by(|a, b| a.position.seq < b.position.seq));
    let last = store.last_change().await.unwrap();
    assert_eq!(changes.last().map_or(after, |change| change.position), last);
    changes.into_iter().map(|change| change.what).collect()
}

/// Runs `act` `count` times at once, on as many tasks.
async fn at_once<T, F>(store: &Shared, count: u32, act: impl Fn(Shared, u32) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(act(Arc::clone(store), number))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// Returns a scope of the greatest length.
fn longest_scope() -> Scope {
    "s".repeat(Scope::MAX_LEN).parse().unwrap()
}
