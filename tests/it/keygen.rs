//! `sluice keygen`: what it makes works as it is printed, and what was there stays.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Files, sluice};

const PAIR: [&str; 3] = ["jwks.json", "private.pem", "public.pem"];

const REST: &str = r#"
[[tenants]]
id = "red"
apps = [{ name = "app-0", app_id = "red0000000000000000" }]
[upstream]
access_key_id = "AKLTsomething"
secret_access_key = "very-secret"
"#;

fn keygen(directory: &Path, algorithm: &str) -> Output {
    sluice(&["keygen", "--algorithm", algorithm, "--out", directory.to_str().unwrap()]).output().unwrap()
}

/// What it prints where nothing is in its way.
fn made(directory: &Path, algorithm: &str) -> String {
    let made = keygen(directory, algorithm);
    assert_eq!((made.status.code(), text(&made.stderr).as_str()), (Some(0), ""), "{algorithm}");
    text(&made.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// `check` and `token` are content with the configuration, and a gateway that runs it with the token.
async fn works(files: &Files, issuer: &str, algorithm: &str) {
    files.write("sluice.toml", &format!("{issuer}{REST}"));
    let check = files.run(&["check"]);
    assert_eq!(check.status.code(), Some(0), "{check:?}");
    let minted = files.run(&["token", "--tenant", "red"]);
    assert_eq!((minted.status.code(), text(&minted.stderr).as_str()), (Some(0), ""), "{algorithm}: {issuer}");
    let (_gateway, asker) = files.serve().await;
    let reply = asker.with_token(text(&minted.stdout).trim()).get("/apps").await;
    assert_eq!(reply.status, 200, "{algorithm}: {reply:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_of_every_family_works_by_the_lines_printed() {
    // Those for which the key alone would not decide the algorithm stand for RSA.
    for algorithm in ["RS512", "PS384", "ES256", "ES384", "EdDSA"] {
        let files = Files::new("");
        let directory = files.path("deep/er");
        let lines = made(&directory, algorithm);
        works(&files, &lines, algorithm).await;
        let plain = lines.replace("jwks_file", "# jwks_file").replace("# public_key_file", "public_key_file");
        works(&files, &plain, algorithm).await;

        assert_eq!(names(&directory), PAIR);
        assert_eq!(mode(&directory.join("private.pem")), 0o600);
        let key_set = fs::read_to_string(directory.join("jwks.json")).unwrap();
        let key = &serde_json::from_str::<serde_json::Value>(&key_set).unwrap()["keys"][0];
        assert_eq!((&key["alg"], &key["d"]), (&algorithm.into(), &serde_json::Value::Null), "{key_set}");
        assert!(lines.contains(key["kid"].as_str().unwrap()), "{lines}");
        assert!(key_set.lines().count() > 5, "one line is hard to read: {key_set}");
        let private = fs::read_to_string(directory.join("private.pem")).unwrap();
        let secret = private.lines().nth(1).unwrap();
        assert!(!lines.contains(secret) && !key_set.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_of_every_length_works_by_the_lines_printed() {
    for algorithm in ["HS256", "HS384", "HS512"] {
        let files = Files::new("");
        let directory = files.path("keys");
        let lines = made(&directory, algorithm);
        works(&files, &lines, algorithm).await;

        assert_eq!(names(&directory), ["secret.key"]);
        assert_eq!(mode(&directory.join("secret.key")), 0o600);
        let secret = fs::read_to_string(directory.join("secret.key")).unwrap();
        assert!(secret.len() >= 64 && secret.chars().all(|symbol| symbol.is_ascii_graphic()), "{secret:?}");
        assert!(!lines.contains(&secret));
    }
}

#[test]
fn without_words_it_makes_a_pair_for_es256_where_one_stands() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = sluice(&["keygen"]);
    let made = command.current_dir(directory.path()).output().unwrap();
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    assert_eq!(names(directory.path()), PAIR);
    assert!(text(&made.stdout).contains("algorithms = [\"ES256\"]"), "{made:?}");
}

#[test]
fn nothing_that_is_there_is_overwritten_and_nothing_made_beside_it() {
    for (algorithm, name) in [("ES256", PAIR[0]), ("ES256", PAIR[1]), ("ES256", PAIR[2]), ("HS256", "secret.key")] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, "mine").unwrap();
        let refused = keygen(directory.path(), algorithm);
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0), "{refused:?}");
        let told = text(&refused.stderr);
        assert!(told.contains(path.to_str().unwrap()) && told.contains("never overwritten"), "{told}");
        assert_eq!(
            (names(directory.path()), fs::read_to_string(&path).unwrap()),
            (vec![name.to_owned()], "mine".into())
        );
    }
    let directory = tempfile::tempdir().unwrap();
    symlink(directory.path().join("elsewhere"), directory.path().join("private.pem")).unwrap();
    assert_eq!(keygen(directory.path(), "ES256").status.code(), Some(1), "a link that leads nowhere is there, too");
    assert_eq!(names(directory.path()), ["private.pem"]);
}

#[test]
fn a_failure_half_way_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    // No file may be longer than 2 KiB: an RSA private key in PEM is, and its public forms are not.
    let limited = "trap '' XFSZ; ulimit -f 4; exec \"$0\" keygen --algorithm RS256 --out \"$1\"";
    let mut shell = Command::new("sh");
    let failed = shell.args(["-c", limited, env!("CARGO_BIN_EXE_sluice")]).arg(directory.path()).output().unwrap();
    assert_eq!((failed.status.code(), failed.stdout.len()), (Some(1), 0), "{failed:?}");
    assert!(text(&failed.stderr).contains("private.pem: "), "{failed:?}");
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn an_algorithm_that_is_none_is_told_with_those_there_are() {
    for (name, says) in [("RSA", "no such signature algorithm"), ("none", "never accepted")] {
        let directory = tempfile::tempdir().unwrap();
        let refused = keygen(directory.path(), name);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let told = text(&refused.stderr);
        assert!(told.contains(says) && told.contains("RS256") && told.contains("HS512"), "{told}");
        assert_eq!(names(directory.path()), [""; 0]);
    }
}
