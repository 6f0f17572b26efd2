//! `file:`, `env:` and plain values.

use tollgate_secrets::{Reason, Reference};

use crate::world::{World, read};

#[tokio::test]
async fn a_file_is_read_anew_each_time_without_its_last_newline() {
    let world = World::new();
    let path = world.file("secret", "canary-1\n");
    let source = world.open(&format!("file:{}", path.display())).unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    world.file("secret", " canary 2 \r\n");
    assert_eq!(read(&*source).await.unwrap(), " canary 2 ");
    world.file("secret", "canary-3\nof two lines");
    assert_eq!(read(&*source).await.unwrap(), "canary-3\nof two lines");
}

#[tokio::test]
async fn a_file_that_holds_no_secret_says_why() {
    let world = World::new();
    let just_fits = "x".repeat(64 * 1024);
    for (content, word) in [
        (Vec::new(), "empty"),
        (b"\r\n\n".to_vec(), "empty"),
        (b"canary\xff".to_vec(), "UTF-8"),
        ("\u{feff}canary".into(), "byte order mark"),
        (format!("{just_fits}x").into_bytes(), "64 KiB"),
    ] {
        let path = world.file("secret", content);
        let error = world.error(&format!("file:{}", path.display())).await;
        assert!(matches!(error.reason(), Reason::Content(_)), "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let path = world.file("secret", &just_fits);
    assert_eq!(world.read(&format!("file:{}", path.display())).await.unwrap(), just_fits);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let world = World::new();
    let folder = world.file("x", "").parent().unwrap().to_owned();
    for path in [folder.join("absent"), folder.clone()] {
        let error = world.error(&format!("file:{}", path.display())).await;
        assert!(matches!(error.reason(), Reason::File { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_variable_is_read_anew_each_time() {
    let world = World::new();
    let source = world.open("env:NAME").unwrap();
    let error = read(&*source).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "env:NAME: NAME is not set, is empty or is not UTF-8: set it to the secret"
    );
    for value in ["canary-1", "canary-2"] {
        world.set("NAME", value);
        assert_eq!(read(&*source).await.unwrap(), value);
    }
}

#[tokio::test]
async fn a_plain_value_is_itself() {
    for text in ["https://core.example.com", "canary:1", "trailing newline\n"] {
        assert_eq!(World::new().read(text).await.unwrap(), text);
        assert!(!format!("{:?}", Reference::parse(text)).contains(text));
    }
}
