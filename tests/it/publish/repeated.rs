//! `gander publish` on runs and folders that were published before.

use std::fs;

use super::commands::{content, id, ids, index, publish, recorded};

#[test]
fn missing_files_of_a_run_that_is_given_again_are_written_again() {
    let folder = recorded(&[0.0; 3]);
    let folder = folder.path();
    publish(folder, &["runs", "--site", "site"], 0);
    let before = content(&folder.join("site"));
    let summary = format!("runs/{}/summary.json", id(2));
    fs::remove_dir_all(folder.join("site/runs").join(id(1))).expect("removed");
    fs::remove_file(folder.join("site").join(summary)).expect("removed");
    let told = publish(folder, &["runs", "--site", "site"], 0);
    assert!(
        told.contains(
            "0 runs added, 3 there already, 2 of these written again, as files were missing; 3 runs"
        ),
        "{told}"
    );
    let after = content(&folder.join("site"));
    let bytes =
        |files: &std::collections::BTreeMap<String, (Vec<u8>, _)>| -> Vec<(String, Vec<u8>)> {
            let files = files.iter();
            files
                .map(|(name, (bytes, _))| (name.clone(), bytes.clone()))
                .collect()
        };
    assert!(bytes(&after) == bytes(&before), "{:?}", after.keys());
}

#[test]
fn folders_and_pages_that_the_index_does_not_know_are_told() {
    let folder = recorded(&[0.0; 3]);
    let folder = folder.path();
    let told = publish(folder, &["runs/1", "runs/2", "--site", "site"], 0);
    assert!(!told.contains("warning"), "{told}");
    fs::remove_file(folder.join("site/index.json")).expect("removed");
    fs::write(folder.join("site/badges/old.svg"), "<svg/>").expect("written");
    let told = publish(folder, &["runs/3", "--site", "site"], 0);
    for part in [
        format!(
            "warning: site/runs has 2 folders of runs that index.json does not list, such as {}: publish these runs again",
            id(1)
        ),
        "warning: site has 1 file of no run in index.json, such as badges/old.svg: remove"
            .to_owned(),
    ] {
        assert!(told.contains(&part), "{part}: {told}");
    }
    // The way out that the warnings name.
    fs::remove_file(folder.join("site/badges/old.svg")).expect("removed");
    let told = publish(folder, &["runs", "--site", "site"], 0);
    assert!(!told.contains("warning"), "{told}");
    assert_eq!(ids(folder).len(), 3);
}

#[test]
fn runs_that_would_be_removed_at_once_are_not_added() {
    let folder = recorded(&[0.0; 5]);
    let folder = folder.path();
    let words = ["runs", "--site", "site", "--keep", "2"];
    let told = publish(folder, &words, 0);
    assert!(
        told.contains("2 runs added, 3 not added, as they are older than the kept ones; 2 runs of"),
        "{told}"
    );
    assert_eq!(ids(folder), [id(4), id(5)]);
    let before = content(&folder.join("site"));
    let told = publish(folder, &words, 0);
    assert!(
        told.contains("0 runs added, 2 there already, 3 not added"),
        "{told}"
    );
    assert!(!told.contains("removed"), "{told}");
    assert_eq!(content(&folder.join("site")), before);

    // Each label has runs of its own.
    publish(
        folder,
        &["runs/1", "--site", "site", "--keep", "2", "--label", "main"],
        0,
    );
    assert_eq!(ids(folder), [id(4), id(5), id(1)]);
}

#[test]
fn removed_runs_are_told_by_their_start() {
    let folder = recorded(&[0.0; 4]);
    let folder = folder.path();
    publish(folder, &["runs/3", "runs/2", "--site", "site"], 0);
    publish(folder, &["runs/1", "runs/4", "--site", "site"], 0);
    let told = publish(folder, &["--site", "site", "--keep", "1"], 0);
    let removed: Vec<&str> = told
        .lines()
        .filter_map(|line| line.trim().strip_prefix("removed ")?.split(' ').next())
        .collect();
    assert_eq!(removed, [id(1), id(2), id(3)]);
}

#[test]
fn a_run_keeps_its_label_and_the_command_says_so() {
    let folder = recorded(&[0.0; 2]);
    let folder = folder.path();
    publish(folder, &["runs", "--site", "site", "--label", "main"], 0);
    let again = ["runs", "--site", "site", "--label", "dev"];
    let told = publish(folder, &again, 0);
    let first = id(1);
    let expected = format!(
        "{first} keeps the label `main`, and 1 more like it: publish it with `--remove {first} --label …` to change that"
    );
    assert!(told.contains(&expected), "{told}");
    let link = ["runs/1", "--site", "site", "--link", "https://ci.test/7"];
    let told = publish(folder, &link, 0);
    assert!(told.contains("keeps no link: publish it with"), "{told}");
    let same = ["runs", "--site", "site", "--label", "main"];
    assert!(!publish(folder, &same, 0).contains("keeps"));

    // The way out that the message names.
    let changed = [
        "runs/1", "--site", "site", "--remove", &first, "--label", "dev",
    ];
    publish(folder, &changed, 0);
    let runs = &index(folder)["runs"];
    assert_eq!(
        (&runs[0]["label"], &runs[1]["label"]),
        (&"main".into(), &"dev".into())
    );
}

#[test]
fn a_commit_is_a_revision() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    for commit in ["<b>abc</b>", "a b", "", "1f3c5a9\n"] {
        let words = ["runs/1", "--site", "site", "--commit", commit];
        let told = publish(folder, &words, 104);
        assert!(told.contains("expected the hash of a commit"), "{told}");
    }
    let words = ["runs/1", "--site", "site", "--commit", "release/v1.2-rc_3"];
    publish(folder, &words, 0);
    assert_eq!(index(folder)["runs"][0]["commit"], "release/v1.2-rc_3");
}
