//! A file of lines: what fails at any byte, what is renamed, deleted, cut or torn.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::super::faulty::{Disk, Manners};
use super::*;

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    (directory, path)
}

fn put(file: &mut LogFile, lines: &str) -> Result<Prepared, Failure> {
    let prepared = file.prepare()?;
    file.append(lines.as_bytes())?;
    file.sync()?;
    Ok(prepared)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_mode() {
    let (_directory, path) = place();
    put(&mut LogFile::open(&path).unwrap(), "a\n").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    put(&mut LogFile::open(&path).unwrap(), "b\n").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(text(&path), "a\nb\n");
}

#[test]
fn a_file_that_ends_within_a_line_is_continued_on_the_next() {
    let (_directory, path) = place();
    fs::write(&path, "a\n{\"torn\":").unwrap();
    let mut file = LogFile::open(&path).unwrap();
    assert_eq!(put(&mut file, "b\n").unwrap(), Prepared::Same);
    put(&mut file, "c\n").unwrap();
    assert_eq!(text(&path), "a\n{\"torn\":\nb\nc\n");
}

#[test]
fn a_renamed_or_deleted_file_is_begun_anew() {
    let (directory, path) = place();
    let mut file = LogFile::open(&path).unwrap();
    put(&mut file, "a\n").unwrap();
    let rotated = directory.path().join("audit.jsonl.1");
    fs::rename(&path, &rotated).unwrap();
    assert_eq!(put(&mut file, "b\n").unwrap(), Prepared::Moved);
    assert_eq!((text(&rotated).as_str(), text(&path).as_str()), ("a\n", "b\n"));
    fs::remove_file(&path).unwrap();
    assert_eq!(put(&mut file, "c\n").unwrap(), Prepared::Moved);
    assert_eq!(text(&path), "c\n");
    fs::remove_dir_all(directory.path()).unwrap();
    assert_eq!(put(&mut file, "d\n").unwrap_err().error.kind(), io::ErrorKind::NotFound);
    fs::create_dir(directory.path()).unwrap();
    assert_eq!(put(&mut file, "d\n").unwrap(), Prepared::Moved, "what was left is told once there is another");
    assert_eq!(put(&mut file, "e\n").unwrap(), Prepared::Same);
}

#[test]
fn a_file_that_was_cut_is_gone_on_with() {
    let (_directory, path) = place();
    let disk = Disk::default();
    let mut file = disk.file(&path);
    put(&mut file, "aaaa\n").unwrap();
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    file.prepare().unwrap();
    disk.set(Manners { room: Some(1), ..Manners::default() });
    assert!(!file.append(b"bb\n").unwrap_err().stays);
    assert_eq!(text(&path), "", "nothing is made up where something was taken away");
}

#[test]
fn a_write_that_ends_at_any_byte_leaves_nothing_behind() {
    for room in 0..6 {
        let (_directory, path) = place();
        fs::write(&path, "a\ntorn").unwrap();
        let disk = Disk::default();
        let mut file = disk.file(&path);
        disk.set(Manners { room: Some(room), ..Manners::default() });
        let failure = put(&mut file, "bcdef\n").unwrap_err();
        assert_eq!((failure.error.kind(), failure.stays, failure.rewrite), (io::ErrorKind::StorageFull, false, false));
        assert_eq!(text(&path), "a\ntorn", "after {room} bytes");
        disk.set(Manners::default());
        put(&mut file, "bcdef\n").unwrap();
        assert_eq!(text(&path), "a\ntorn\nbcdef\n");
    }
}

#[test]
fn what_cannot_be_taken_back_spoils_no_other_line() {
    let (_directory, path) = place();
    let disk = Disk::default();
    let mut file = disk.file(&path);
    disk.set(Manners { room: Some(3), cut_fails: true, ..Manners::default() });
    assert!(put(&mut file, "abcdef\n").unwrap_err().stays);
    disk.set(Manners { bite: Some(1), ..Manners::default() });
    put(&mut file, "ghi\n").unwrap();
    assert_eq!(text(&path), "abc\nghi\n");
}

#[test]
fn what_was_not_synced_is_taken_back() {
    let (_directory, path) = place();
    let disk = Disk::default();
    let mut file = disk.file(&path);
    put(&mut file, "a\n").unwrap();
    file.append(b"b\n").unwrap();
    disk.set(Manners { room: Some(1), ..Manners::default() });
    assert!(put(&mut file, "c\n").is_err());
    assert_eq!(text(&path), "a\nb\n", "what was written before stays where only the room was missing");
    disk.set(Manners { sync_fails: true, ..Manners::default() });
    let failure = put(&mut file, "c\n").unwrap_err();
    assert_eq!((failure.rewrite, failure.stays), (true, false));
    assert_eq!(text(&path), "a\n");
    disk.set(Manners::default());
    put(&mut file, "b\nc\n").unwrap();
    assert_eq!(text(&path), "a\nb\nc\n");
}

#[test]
fn a_file_that_another_writes_to_is_refused_and_so_is_what_keeps_nothing() {
    let (directory, path) = place();
    let _first = LogFile::open(&path).unwrap();
    let said = |path: &Path| LogFile::open(path).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said(&path).contains("another process writes to it"), "{}", said(&path));
    assert!(said(Path::new("/dev/null")).contains("keeps nothing"));
    let socket = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(!said(&socket).is_empty());
    assert!(!said(directory.path()).is_empty());
}
