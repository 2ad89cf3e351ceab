//! Every file of `fixtures/invalid` is refused with the diagnostics that its snapshot shows.
//!
//! The snapshots are the wording of Gander's errors: read them when they change.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gander::plan::{Plan, Segment};
use gander::scenario::{Diagnostics, Overrides, load};
use url::Url;

use crate::scenario::written;

/// The diagnostics of a file.
fn diagnose(path: &Path) -> Result<Plan, Diagnostics> {
    let target = Url::parse("http://127.0.0.1:1").expect("a URL");
    Plan::compile(
        &load(path, &Overrides::default())?,
        &target,
        1,
        Segment::WHOLE,
    )
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/invalid");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the fixtures")
        .map(|entry| entry.expect("a fixture").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_invalid_file_is_refused_with_its_diagnostics() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(root).join("fixtures/invalid/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _guard = settings.bind_to_scope();
    let files = fixtures();
    assert!(files.len() >= 30, "{} fixtures", files.len());
    for path in files {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        let diagnostics = diagnose(&path).expect_err(name);
        assert!(!diagnostics.list.is_empty(), "{name}");
        let shown = diagnostics.to_string().replace(root, "[root]");
        assert!(
            shown.chars().all(|c| c == '\n' || !c.is_control()),
            "{name} shows control characters"
        );
        insta::assert_snapshot!(name, shown);
    }
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let codes = regex::Regex::new("\x1b\\[[0-9;]*m").expect("a pattern");
    for path in fixtures() {
        if let Err(diagnostics) = diagnose(&path) {
            let coloured = diagnostics.in_colour();
            assert!(codes.is_match(&coloured), "{}", path.display());
            assert_eq!(codes.replace_all(&coloured, ""), diagnostics.to_string());
        }
    }
}

fn message_for(path: &Path) -> String {
    diagnose(path).expect_err("an invalid file").to_string()
}

#[test]
fn a_file_of_two_mebibytes_is_refused() {
    let (_folder, path) = written("");
    let mut file = std::fs::File::create(&path).expect("a file");
    for _ in 0..2 << 10 {
        file.write_all(&[b'#'; 1024]).expect("a kibibyte");
    }
    assert!(message_for(&path).contains("is larger than 1 MiB"));
}

#[test]
fn a_folder_a_pipe_and_a_device_are_refused_without_waiting() {
    let (folder, path) = written("");
    assert!(message_for(folder.path()).contains("is a folder"));
    assert!(message_for(&folder.path().join("none.yaml")).contains("there is no such file"));
    assert!(message_for(Path::new("/dev/zero")).contains("is not a regular file"));
    std::fs::remove_file(&path).expect("the file");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    assert!(message_for(&path).contains("is not a regular file"));
}

#[cfg(unix)]
#[test]
fn a_data_file_must_be_a_regular_file_under_the_root() {
    let scenario = "
name: data
target: bundled
load: { users: 1, for: 1s }
data: { rows: { file: rows.csv } }
flows: [ { name: only, steps: [ { get: / } ] } ]
";
    let (folder, path) = written(scenario);
    let rows = folder.path().join("rows.csv");
    let outside = tempfile::tempdir().expect("a temporary folder");
    let secret = outside.path().join("secret.csv");
    std::fs::write(&secret, "a\n1\n").expect("a file");

    std::os::unix::fs::symlink(&secret, &rows).expect("a link");
    assert!(message_for(&path).contains("is outside the root"));

    let wider = Overrides {
        root: Some(PathBuf::from("/")),
        ..Overrides::default()
    };
    assert!(load(&path, &wider).is_ok());

    std::fs::remove_file(&rows).expect("the link");
    std::os::unix::fs::symlink("/dev/zero", &rows).expect("a link");
    let shown = load(&path, &wider).expect_err("a device").to_string();
    assert!(shown.contains("is not a regular file"), "{shown}");

    std::fs::remove_file(&rows).expect("the link");
    let made = Command::new("mkfifo").arg(&rows).status().expect("mkfifo");
    assert!(made.success());
    assert!(message_for(&path).contains("is not a regular file"));
}

#[test]
fn the_root_is_the_nearest_folder_with_a_mark() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inner = folder.path().join("project/scenarios");
    std::fs::create_dir_all(&inner).expect("folders");
    std::fs::write(folder.path().join("project/rows.csv"), "a\n1\n").expect("rows");
    let path = inner.join("one.yaml");
    let text = "
name: data
target: bundled
load: { users: 1, for: 1s }
data: { rows: { file: ../rows.csv } }
flows: [ { name: only, steps: [ { get: '/${rows.a}' } ] } ]
";
    std::fs::write(&path, text).expect("a scenario");
    assert!(message_for(&path).contains("is outside the root"));
    std::fs::write(folder.path().join("project/gander.toml"), "").expect("a mark");
    assert!(diagnose(&path).is_ok());
}

#[test]
fn a_byte_order_mark_is_no_error() {
    let text = "\u{feff}name: marked\ntarget: bundled\nload: { users: 1, for: 1s }\nflows: [ { name: only, steps: [ { get: / } ] } ]\n";
    let (_folder, path) = written(text);
    assert!(diagnose(&path).is_ok());
}
