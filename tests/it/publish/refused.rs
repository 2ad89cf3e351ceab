//! What `gander publish` refuses, and what it tells.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::commands::{command, content, id, ids, publish, recorded};

#[test]
fn a_folder_without_a_run_is_refused_and_nothing_is_published() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    fs::create_dir(folder.join("empty")).expect("a folder");
    let told = publish(folder, &["runs/1", "empty", "--site", "site"], 104);
    assert!(
        told.contains("no run in empty: expected run.json in it"),
        "{told}"
    );
    assert!(!folder.join("site").exists());
    let told = publish(folder, &["missing", "--site", "site"], 104);
    assert!(told.contains("cannot read missing"), "{told}");
    fs::remove_file(folder.join("runs/1/journal.bins.gz")).expect("removed");
    let told = publish(folder, &["runs/1", "--site", "site"], 104);
    assert!(told.contains("no run can be read from runs/1"), "{told}");
}

#[test]
fn a_run_that_goes_on_is_not_published() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    // As `gander run` does.
    let lock = File::open(folder.join("runs/1")).expect("a folder");
    lock.lock().expect("a lock");
    let told = publish(folder, &["runs/1", "--site", "site"], 104);
    assert!(
        told.contains("the run in runs/1 has not ended: publish it when it has"),
        "{told}"
    );
    drop(lock);
    publish(folder, &["runs/1", "--site", "site"], 0);
}

#[test]
fn a_run_id_is_no_path() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    let header = folder.join("runs/1/run.json");
    let text = fs::read_to_string(&header).expect("a header");
    fs::write(&header, text.replace(&id(1), "../../escaped")).expect("written");
    let told = publish(folder, &["runs/1", "--site", "site"], 104);
    assert!(
        told.contains("\"../../escaped\", which is no name of a folder"),
        "{told}"
    );
    assert!(!folder.join("escaped").exists());
}

#[test]
fn a_run_is_published_with_one_content() {
    let folder = recorded(&[0.0, 0.0]);
    let folder = folder.path();
    publish(folder, &["runs/1", "--site", "site"], 0);
    let header = folder.join("runs/2/run.json");
    let text = fs::read_to_string(&header).expect("a header");
    fs::write(&header, text.replace(&id(2), &id(1))).expect("written");
    let before = content(&folder.join("site"));
    let told = publish(folder, &["runs/2", "--site", "site"], 104);
    for part in [
        "has another content than run",
        "in the site",
        &format!("add `--remove {}`", id(1)),
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(content(&folder.join("site")), before);
    let told = publish(folder, &["runs/1", "runs/2", "--site", "new"], 104);
    assert!(told.contains("in runs/1"), "{told}");
    // The way out that the message names.
    publish(folder, &["runs/2", "--site", "site", "--remove", &id(1)], 0);
    assert_eq!(ids(folder), [id(1)]);
    let after = content(&folder.join("site"));
    let report = format!("runs/{}/report.html", id(1));
    assert_ne!(after[&report].0, before[&report].0);
}

#[test]
fn a_site_of_a_newer_version_stays_as_it_is() {
    let folder = recorded(&[0.0, 0.0]);
    let folder = folder.path();
    publish(folder, &["runs/1", "--site", "site"], 0);
    let index = folder.join("site/index.json");
    let newer =
        fs::read_to_string(&index)
            .expect("an index")
            .replacen("gander.site/1", "gander.site/2", 1);
    fs::write(&index, newer).expect("written");
    let before = content(&folder.join("site"));
    let told = publish(folder, &["runs/2", "--site", "site"], 104);
    assert!(
        told.contains("\"gander.site/2\"") && told.contains("publish with a newer Gander"),
        "{told}"
    );
    assert_eq!(content(&folder.join("site")), before);
    fs::write(&index, "[1]").expect("written");
    let told = publish(folder, &["runs/2", "--site", "site"], 104);
    assert!(told.contains("it is not the index of a site"), "{told}");
}

#[test]
fn no_file_of_someone_else_is_replaced() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    for name in ["index.html", "feed.xml", "runs", "badges", "scenarios"] {
        let site = folder.join(format!("of-{name}"));
        fs::create_dir(&site).expect("a folder");
        fs::write(site.join(name), "mine").expect("written");
        let told = publish(folder, &["runs/1", "--site", &format!("of-{name}")], 104);
        assert!(
            told.contains("is no site that `gander publish` made: choose another folder"),
            "{told}"
        );
        assert_eq!(
            fs::read_to_string(site.join(name)).expect("the file"),
            "mine"
        );
        assert_eq!(fs::read_dir(&site).expect("a folder").count(), 1);
    }
    // A branch of pages has files that are no site's.
    let site = folder.join("pages");
    fs::create_dir_all(site.join(".git")).expect("a folder");
    fs::write(site.join("CNAME"), "load.example.com").expect("written");
    publish(folder, &["runs/1", "--site", "pages"], 0);
    assert_eq!(
        fs::read_to_string(site.join("CNAME")).expect("the file"),
        "load.example.com"
    );
    fs::write(folder.join("file"), "mine").expect("written");
    let told = publish(folder, &["runs/1", "--site", "file"], 104);
    assert!(told.contains("is a file: name a folder"), "{told}");
}

#[test]
fn no_link_in_a_site_is_followed() {
    let folder = recorded(&[0.0, 0.0]);
    let folder = folder.path();
    let run = format!("runs/{}", id(1));
    for name in [
        &run,
        "runs",
        "badges",
        "scenarios",
        "index.html",
        "index.json",
        ".gander.lock",
        "scenarios/simulated.html",
    ] {
        publish(folder, &["runs/1", "--site", "site"], 0);
        let inside = folder.join("site").join(name);
        let outside = folder.join("outside");
        fs::rename(&inside, &outside).expect("moved");
        symlink(&outside, &inside).expect("a link");
        let before = content(folder);
        for words in [
            &["runs/2", "--site", "site"][..],
            &["--site", "site", "--remove", &id(1)],
        ] {
            let told = publish(folder, words, 104);
            assert!(
                told.contains(&format!(
                    "site/{name} is a link, and links are not followed"
                )),
                "{told}"
            );
            if !name.ends_with("simulated.html") {
                assert_eq!(content(folder), before, "{name}: {words:?}");
            }
        }
        assert!(outside.exists(), "{name}");
        fs::remove_dir_all(folder.join("site")).expect("removed");
        fs::remove_dir_all(&outside)
            .or_else(|_| fs::remove_file(&outside))
            .expect("removed");
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    let site = folder.join("site");
    fs::create_dir(&site).expect("a folder");
    fs::set_permissions(&site, fs::Permissions::from_mode(0o555)).expect("allowed");
    if File::create(site.join("probe")).is_ok() {
        // As root, who may write everywhere: a place where nobody can.
        let told = publish(folder, &["runs/1", "--site", "/proc/site"], 104);
        assert!(
            told.contains("cannot create the site folder /proc/site"),
            "{told}"
        );
        return;
    }
    let told = publish(folder, &["runs/1", "--site", "site"], 104);
    assert!(
        told.contains("cannot write to the site folder site"),
        "{told}"
    );
}

#[test]
fn options_without_a_meaning_are_refused() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    for (words, part) in [
        (&["--site", "site"][..], "RUN"),
        (&["runs/1"], "--site"),
        (&["--site", "site", "--keep", "0"], "--keep"),
        (
            &["--site", "site", "--keep", "3"],
            "there is no site in site",
        ),
        (
            &["runs/1", "--site", "site", "--label", ""],
            "expected a text",
        ),
        (
            &["runs/1", "--site", "site", "--link", "javascript:alert(1)"],
            "expected a URL",
        ),
        (
            &["runs/1", "--site", "site", "--remove", "none"],
            "the site has no such run",
        ),
    ] {
        let told = publish(folder, words, 104);
        assert!(told.contains(part), "{words:?}: {told}");
    }
    let output = command(
        folder,
        &[
            "runs/1",
            "--site",
            "site",
            "--link",
            "https://me:canary@ci.test/",
        ],
    )
    .output();
    let told = String::from_utf8_lossy(&output.expect("gander runs").stderr).into_owned();
    assert!(!told.contains("canary"), "{told}");
    // A refused command may have made the folder, but no page.
    assert!(!folder.join("site/index.html").exists());
}
