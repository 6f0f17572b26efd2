//! Pages: their headers, their size, and lists.

use tollgate_admin::merchants;
use tollgate_config::Role;
use tollgate_core::{ClientId, MerchantId};

use super::{Browser, HERE, stage};
use crate::call::Call;
use crate::stage::Kind;

#[tokio::test]
async fn a_page_loads_nothing_from_elsewhere_is_kept_nowhere_and_is_shown_in_no_frame() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let client = format!("/console/clients/{}", stage.shop.id);
    for path in [
        "/console",
        "/console/sign-in",
        "/console/keys",
        "/console/audit",
        "/console/servers",
        "/console/why",
        "/console/merchants",
        "/console/clients/new",
        &client,
        "/console/none",
    ] {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; "),
            "{path}: {policy}"
        );
        assert!(policy.ends_with("form-action 'self'; base-uri 'none'; frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        for inline in [" style=", "<style", " onclick=", "javascript:"] {
            assert!(!page.text().contains(inline), "{inline} in {path}");
        }
        let assets = page.text().split('"').filter(|part| part.starts_with("/console/assets/"));
        for asset in assets {
            assert_eq!(browser.stage.answer_from(HERE, Call::get(asset)).await.status(), 200, "{asset}");
        }
    }
    assert_eq!(browser.get("/console/none").await.status(), 404);
    assert_eq!(browser.get("/console/assets/none.css").await.status(), 404);
    assert_eq!(browser.send(Call::new("PUT", "/console")).await.status(), 405);
}

#[tokio::test]
async fn a_list_has_pages_and_filters_and_says_when_it_is_empty() {
    let mut stage = stage().await;
    {
        let stage = std::sync::Arc::get_mut(&mut stage).unwrap();
        for number in 0..120 {
            let mut id = [7; 16];
            id[0] = number;
            stage.create_merchant(MerchantId::from_bytes(id), &format!("Branch {number}")).await;
        }
    }
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let (mut path, mut pages, mut seen) = ("/console/merchants?name=branch".to_owned(), 0, 0);
    loop {
        let page = browser.get(&path).await;
        assert_eq!(page.status(), 200);
        assert!(page.0.body().len() <= 100_000, "{} bytes", page.0.body().len());
        seen += page.text().matches(">Branch ").count();
        pages += 1;
        let Some((rest, _)) = page.text().split_once("\" rel=\"next\"") else { break };
        path = rest.rsplit('"').next().unwrap().replace("&#38;", "&");
    }
    assert_eq!((pages, seen), (3, 120));
    let empty = browser.get("/console/merchants?name=nowhere").await;
    assert!(empty.text().contains("No merchant is like that."));
    for wrong in ["status=x", "after=7", "name=a&name=b"] {
        assert_eq!(browser.get(&format!("/console/merchants?{wrong}")).await.status(), 400, "{wrong}");
    }
    let found =
        browser.get(&format!("/console/clients?merchant_id={}&status=enabled", stage.rival_merchant)).await;
    assert!(
        found.text().contains(&stage.rival.id.to_string())
            && !found.text().contains(&stage.shop.id.to_string())
    );
    for wrong in ["operator=x", "scope=%22", "environment=prod", "label==", "merchant_id=7"] {
        assert_eq!(browser.get(&format!("/console/clients?{wrong}")).await.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn what_people_named_is_shown_as_it_is_and_is_no_part_of_the_page() {
    let mut stage = stage().await;
    let merchant = MerchantId::from_bytes([9; 16]);
    let name = "<script>alert(\"1\")</script> & 'Söhne'";
    {
        let stage = std::sync::Arc::get_mut(&mut stage).unwrap();
        stage.create_merchant(merchant, name).await;
        stage.client(Kind { merchant: Some(merchant), ..stage.kind() }).await;
    }
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    for path in ["/console/merchants".to_owned(), format!("/console/merchants/{merchant}")] {
        let page = browser.get(&path).await;
        assert!(!page.text().contains("<script>alert"), "{}", page.text());
        assert!(
            page.text().contains("&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62; &#38; &#39;Söhne&#39;")
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_page_that_says_so() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let nobody = ClientId::from_bytes([1; 16]);
    for path in
        [format!("/console/clients/{nobody}"), "/console/clients/x".to_owned(), "/console/x/y/z".to_owned()]
    {
        let page = browser.get(&path).await;
        assert_eq!(page.status(), 404, "{path}");
        assert!(
            page.text().contains("There is no such thing") && page.text().contains("Signed in as"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_overview_alone_may_run_the_consoles_script_which_fetches_the_figures() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &[Role::Read]).await;
    let page = browser.get("/console").await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("script-src 'self'; connect-src 'self'; ") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(
        page.text().contains("<script type=\"module\" src=\"/console/assets/console."),
        "{}",
        page.text()
    );
    let figures = browser.get("/console/figures").await;
    assert_eq!(figures.status(), 200);
    assert!(figures.text().contains("aria-label=\"Requests and tokens, a second, in the last hour:"));
    assert!(!figures.text().contains("<main"), "{}", figures.text());
    let mut other = Browser::signed_in(&stage, &[Role::Support]).await;
    assert_eq!(other.get("/console/figures").await.status(), 404);
    assert!(!other.get("/console").await.header("content-security-policy").contains("script-src"));
}

#[tokio::test]
async fn the_overview_says_who_is_refused_and_why() {
    let stage = stage().await;
    let mut wrong = stage.shop.clone();
    wrong.secret = "wrong".to_owned();
    stage.answer(Call::post(crate::call::TOKEN).json(&wrong.body())).await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let page = browser.get("/console").await;
    assert!(page.text().contains("wrong secret") && page.text().contains(&stage.shop.id.to_string()));
    let mut auditor = Browser::signed_in(&stage, &[Role::Audit]).await;
    let page = auditor.get("/console").await;
    assert_eq!(page.status(), 200);
    assert!(!page.text().contains(&stage.shop.id.to_string()), "{}", page.text());
}

#[tokio::test]
async fn a_list_of_clients_says_by_name_whom_they_act_for() {
    let stage = stage().await;
    let admin = stage.installation.administration();
    let name = merchants::find(&admin, stage.merchant).await.unwrap().name;
    let link = format!("<a href=\"/console/merchants/{}\">", stage.merchant);
    let mut browser = Browser::signed_in(&stage, &[Role::Read]).await;
    for path in ["/console/clients", &format!("/console/merchants/{}", stage.merchant)] {
        let page = browser.get(path).await;
        assert!(page.text().contains(&format!("{link}{name}</a>")), "{path}: {}", page.text());
    }
}
