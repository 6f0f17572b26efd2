//! Commands at a terminal, and in a pipe whose reader goes away.

use std::path::Path;
use std::process::Command;

use crate::harness::{Dev, Finished, Process, Serve, finish, shell, tollgate};

/// Runs a command at a terminal, where somebody types `answer`.
fn at_a_terminal(folder: &Path, args: &str, answer: &str) -> (i32, String) {
    const TYPIST: &str = "
import os, pty, sys
answer, args = sys.argv[1], sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(os.environ['TOLLGATE'], [os.environ['TOLLGATE'], *args])
said, typed = b'', False
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if not part:
        break
    said += part
    if not typed and b'[y/N] ' in said:
        os.write(terminal, answer.encode() + b'\\n')
        typed = True
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
print(said.decode())
";
    let mut command = Command::new("python3");
    command.current_dir(folder).env("TOLLGATE", env!("CARGO_BIN_EXE_tollgate")).args(["-c", TYPIST, answer]);
    let said = finish(command.args(args.split(' '))).succeeded().stdout;
    let (code, said) = said.split_once('\n').unwrap();
    (code.parse().unwrap(), said.to_owned())
}

#[test]
fn what_takes_long_says_how_far_it_has_come() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let file = "[[merchants]]\nname = \"Kiosk\"\n[[merchants]]\nname = \"Stall\"\n";
    std::fs::write(folder.path().join("two.toml"), file).unwrap();
    let (code, said) = at_a_terminal(folder.path(), "apply -f two.toml", "");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("\r1 of 2 done") && said.contains("\r2 of 2 done"), "{said}");
}

#[test]
fn what_destroys_asks_at_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "");
    let json = |args: &[&str]| {
        finish(&mut tollgate(folder.path(), &[args, &["--format", "json"]].concat())).succeeded().json()
    };
    let merchant = json(&["merchant", "list"])[0]["merchant_id"].as_str().unwrap().to_owned();
    let secret = json(&["secret", "list", &client])[0]["secret_id"].as_str().unwrap().to_owned();
    std::fs::write(folder.path().join("kiosk.toml"), "[[merchants]]\nname = \"Kiosk\"\n").unwrap();
    for (args, question) in [
        (format!("client disable {client}"), "Disable client"),
        (format!("client delete {client}"), "(till) for ever"),
        (format!("secret revoke {client} {secret}"), "Revoke secret"),
        (format!("merchant disable {merchant}"), "refuse its 1 clients"),
        (format!("merchant delete {merchant}"), "Delete merchant"),
        ("key rotate --compromised".to_owned(), "End every signing key"),
        (
            "apply -f kiosk.toml --prune".to_owned(),
            "Delete 1 merchants with all that is theirs and 0 clients",
        ),
    ] {
        for answer in ["", "n", "maybe"] {
            let (code, said) = at_a_terminal(folder.path(), &args, answer);
            assert!(code == 1 && said.contains(question), "{args}: {said}");
            assert!(said.contains("not confirmed: nothing was changed"), "{args}: {said}");
            assert!(said.starts_with("note: acting on "), "it says on what before it asks: {said}");
        }
    }
    assert_eq!(json(&["client", "show", &client])["status"], "enabled");
    assert_eq!(json(&["secret", "list", &client])[0]["status"], "active");
    assert_eq!(json(&["merchant", "show", &merchant])["status"], "enabled");
    assert_eq!(json(&["key", "list"]).as_array().unwrap().len(), 1);

    let (code, said) = at_a_terminal(folder.path(), &format!("client disable {client}"), "y");
    assert!(code == 0 && said.contains("disabled"), "{said}");
    let (code, said) = at_a_terminal(folder.path(), &format!("client delete {client} --yes"), "");
    assert!(code == 0 && !said.contains("[y/N]"), "{said}");
    // What takes nothing away does not ask.
    let (code, said) = at_a_terminal(folder.path(), "merchant list", "");
    assert!(code == 0 && !said.contains("[y/N]"), "{said}");
}

#[test]
fn a_script_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "");
    let deleted = finish(&mut tollgate(folder.path(), &["client", "delete", &client])).succeeded();
    assert!(deleted.stdout.contains("deleted"), "{deleted:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "");
    let dev = Dev::start(&folder.path().join(".tollgate"));
    let show = format!("client show {client}");
    for command in [
        "merchant list",
        "client list --format json",
        &show,
        "key list",
        "openapi",
        "config check --config tollgate.toml",
        "completions bash",
        "store check",
        "token --data .tollgate",
        "call --data .tollgate GET /api/v1/payment-requests -i",
        "--help",
    ] {
        // The reader has gone before the first word.
        let script =
            format!(r#"{{ "$TOLLGATE" {command} 2>failure; echo $? >code; }} | :; cat code failure"#);
        let mut command_line = shell(folder.path(), &script);
        let said = finish(&mut command_line).succeeded().stdout;
        let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("note: ")).collect();
        let warned = said[1..].iter().all(|line| line.starts_with("warning: "));
        assert!(said[0] == "0" && warned, "{command}: {said:?}");
    }
    // What failed has failed, whoever reads it.
    let script = r#"{ echo a.b.c | "$TOLLGATE" inspect 2>failure; echo $? >code; } | :; cat code"#;
    assert_eq!(finish(&mut shell(folder.path(), script)).succeeded().stdout, "1\n");
    let closed = r#""$TOLLGATE" merchant show 6f9619ff-8b86-4d01-b42d-00cf4fc964ff 2>&1 | :"#;
    finish(&mut shell(folder.path(), closed)).succeeded();
    drop(dev);
}

#[test]
fn a_secret_is_said_to_be_shown_once_and_an_unknown_scope_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "");
    let run = |args: &[&str]| finish(&mut tollgate(folder.path(), args));
    for args in [&["secret", "create", &client][..], &["client", "create", "--operator", "--name", "a"]] {
        let created = run(args).succeeded();
        assert!(created.notes.contains("client_secret is shown once, and never again"), "{created:?}");
        assert!(created.stdout.contains("tg_"), "{created:?}");
    }
    let mistyped = run(&["client", "create", "--operator", "--name", "b", "--scope", "payment:read ledger"]);
    assert_eq!(mistyped.code, Some(0), "{mistyped:?}");
    let lines: Vec<&str> = mistyped.stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "warning: Tollgate knows no scope payment:read; did you mean payments:read?",
            "warning: Tollgate knows no scope ledger: only an API of your own can ask for it",
        ]
    );
    let merchant = run(&["merchant", "create", "--name", "M", "--format", "json"]).succeeded().json();
    let of_a_merchant =
        ["client", "create", "--merchant", merchant["merchant_id"].as_str().unwrap(), "--name", "c"];
    let useless = run(&[&of_a_merchant[..], &["--scope", "admin:read"]].concat());
    assert_eq!(
        useless.stderr.trim_end(),
        "warning: a merchant's client can't use admin:read: `client create --operator` makes one that can"
    );
    let twice = run(&[&of_a_merchant[..], &["--label", "a=1", "--label", "a=2"]].concat());
    assert_eq!(twice.stderr.trim_end(), "tollgate: --label: the label a is there twice");
    let no_token = run(&["revoke", "--token-id", "zz"]);
    assert!(no_token.stderr.contains("not the claim `jti` of a token"), "{no_token:?}");
}

#[test]
fn a_token_or_secret_that_is_given_as_an_argument_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["inspect", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.CANARY.x"][..],
        &["inspect", "Bearer eyJCANARY"],
        &["token", "tg_live_CANARY"],
        &["store", "copy", "--to", "postgres://u:CANARY@db.example.com/d"],
        &["call", "GET", "/", "-H", "Authorization: Bearer CANARY"],
    ] {
        let refused: Finished = finish(&mut tollgate(folder.path(), args));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(!refused.stderr.contains("CANARY"), "{args:?}: {refused:?}");
    }
    let hinted = finish(&mut tollgate(folder.path(), &["inspect", "eyJCANARY"]));
    assert!(hinted.stderr.contains("pipe a token to standard input"), "{hinted:?}");
    let mut piped = tollgate(folder.path(), &["inspect"]);
    let said = Process::spawn_with_input(&mut piped, "Authorization: Bearer e30.e30.x").finish();
    assert!(said.code == Some(1) && said.stderr.contains("unverified: no store was named"), "{said:?}");
}

#[test]
fn shells_and_man_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for (name, word) in
        [("bash", "complete -F"), ("zsh", "#compdef tollgate"), ("fish", "complete -c tollgate")]
    {
        let said = finish(&mut tollgate(folder.path(), &["completions", name])).succeeded().stdout;
        assert!(said.contains(word) && said.contains("merchant"), "{name}: {said}");
    }
    let mut bash = Command::new("bash");
    let completed = r#"source <("$TOLLGATE" completions bash); COMP_WORDS=(tollgate merchant del); COMP_CWORD=2
                       _tollgate tollgate del merchant; echo "${COMPREPLY[@]}""#;
    bash.env("TOLLGATE", env!("CARGO_BIN_EXE_tollgate")).args(["-c", completed]);
    assert_eq!(finish(&mut bash).succeeded().stdout, "delete\n");

    finish(&mut tollgate(folder.path(), &["man", "pages"])).succeeded();
    for (page, says) in [
        ("tollgate.1", "Authentication for payment APIs"),
        ("tollgate-store-backup.1", "consistent copy"),
        ("tollgate-client-update.1", "allow\\-from"),
    ] {
        let text = std::fs::read_to_string(folder.path().join("pages").join(page)).unwrap();
        assert!(text.starts_with(".ie") && text.contains(says), "{page}: {text}");
    }
    let refused = finish(&mut tollgate(folder.path(), &["man", "/proc/nowhere"]));
    assert_eq!((refused.code, refused.stderr.lines().count()), (Some(1), 1), "{refused:?}");
}
