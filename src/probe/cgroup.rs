//! CPU quotas of control groups (versions 1 and 2): the number of cores they allow, and how long they throttled this
//! process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The groups with a quota that contain this process, from the innermost outwards.
#[derive(Debug, Default)]
pub(super) struct Quotas(Vec<Group>);

#[derive(Debug)]
struct Group {
    /// In cores.
    quota: f64,
    folder: PathBuf,
    version: CgroupVersion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CgroupVersion {
    V1,
    V2,
}

impl Quotas {
    pub(super) fn of_this_process() -> Self {
        Self::of(Path::new("/proc/self"))
    }

    /// Reads the groups of the process with this folder in `/proc`.
    fn of(process: &Path) -> Self {
        let read = |name: &str| fs::read_to_string(process.join(name)).unwrap_or_default();
        let groups = read("cgroup");
        let mounts = read("mountinfo");
        let mounts = mounts.lines().filter_map(Mount::parse);
        let found = mounts.flat_map(|mount| mount.groups(&groups));
        Self(found.collect())
    }

    /// The smallest quota, in cores; `None` without a quota.
    pub(super) fn cores(&self) -> Option<f64> {
        let quotas = self.0.iter().map(|group| group.quota);
        quotas.min_by(f64::total_cmp)
    }

    /// The total time for which the quotas have throttled the process so far, summed over its cores.
    pub(super) fn throttled(&self) -> Duration {
        self.0.iter().map(Group::throttled).sum()
    }
}

/// The mount points of groups that can have a CPU quota.
#[derive(Debug)]
struct Mount<'a> {
    version: CgroupVersion,
    /// The group at the root of the mount.
    root: &'a str,
    point: &'a Path,
}

impl<'a> Mount<'a> {
    /// Parses a line of `mountinfo`: `36 35 0:31 ROOT POINT OPTIONS … - TYPE SOURCE SUPER_OPTIONS`.
    fn parse(line: &'a str) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let version = match (kind.next()?, kind.nth(1)?) {
            ("cgroup2", _) => CgroupVersion::V2,
            ("cgroup", options) if options.split(',').any(|option| option == "cpu") => {
                CgroupVersion::V1
            }
            _ => return None,
        };
        let mut place = place.split(' ').skip(3);
        Some(Self {
            version,
            root: place.next()?,
            point: Path::new(place.next()?),
        })
    }

    /// Finds groups with a quota, from the process's own up to the mount's root; `groups` is its `cgroup` file.
    fn groups(&self, groups: &str) -> Vec<Group> {
        let own = groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            let is_ours = match self.version {
                CgroupVersion::V1 => controllers.split(',').any(|name| name == "cpu"),
                CgroupVersion::V2 => controllers.is_empty(),
            };
            is_ours.then_some(path)
        });
        let Some(own) = own else {
            return Vec::new();
        };
        // In a container the path may be that of the host, and the mount shows only the end of it.
        let shown = own.strip_prefix(self.root).unwrap_or(own);
        let own = self.point.join(shown.trim_start_matches('/'));
        let folder = if own.is_dir() { &own } else { self.point };
        let up = folder.ancestors();
        up.take_while(|folder| folder.starts_with(self.point))
            .filter_map(|folder| Group::with_quota(folder, self.version))
            .collect()
    }
}

impl Group {
    /// The group in this folder, if it has a quota.
    fn with_quota(folder: &Path, version: CgroupVersion) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let (quota, period) = match version {
            CgroupVersion::V1 => (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?),
            CgroupVersion::V2 => {
                let limit = read("cpu.max")?;
                let (quota, period) = limit.trim().split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
        };
        // `max` or -1 means no quota.
        let quota: u64 = quota.trim().parse().ok()?;
        let period: u64 = period.trim().parse().ok()?;
        (quota > 0 && period > 0).then(|| Self {
            quota: quota as f64 / period as f64,
            folder: folder.to_owned(),
            version,
        })
    }

    fn throttled(&self) -> Duration {
        let (key, unit) = match self.version {
            CgroupVersion::V1 => (
                "throttled_time",
                Duration::from_nanos as fn(u64) -> Duration,
            ),
            CgroupVersion::V2 => (
                "throttled_usec",
                Duration::from_micros as fn(u64) -> Duration,
            ),
        };
        let text = fs::read_to_string(self.folder.join("cpu.stat")).unwrap_or_default();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
        value.map_or(Duration::ZERO, unit)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A process in `/a/b`, its groups mounted below a folder as a line of `mountinfo` says.
    fn process(mount: &str, groups: &str, files: &[(&str, &str)]) -> (TempDir, Quotas) {
        let folder = tempfile::tempdir().expect("a folder");
        let point = folder.path().join("groups");
        let mountinfo = mount.replace("POINT", &point.display().to_string());
        fs::write(folder.path().join("mountinfo"), mountinfo).expect("written");
        fs::write(folder.path().join("cgroup"), groups).expect("written");
        for (name, text) in files {
            let path = point.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let quotas = Quotas::of(folder.path());
        (folder, quotas)
    }

    const V2: &str = "30 23 0:26 / POINT rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1: &str = "33 23 0:29 / POINT rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";
    const MEMORY: &str = "34 23 0:30 / POINT rw shared:9 - cgroup cgroup rw,memory\n";

    #[test]
    fn the_smallest_quota_up_the_tree_counts_and_each_throttles() {
        let (_folder, quotas) = process(
            V2,
            "0::/a/b\n",
            &[
                ("a/b/cpu.max", "150000 100000\n"),
                (
                    "a/b/cpu.stat",
                    "usage_usec 5\nnr_throttled 2\nthrottled_usec 1500000\n",
                ),
                ("a/cpu.max", "50000 100000\n"),
                ("a/cpu.stat", "throttled_usec 250000\n"),
                ("cpu.max", "max 100000\n"),
            ],
        );
        assert_eq!(quotas.cores(), Some(0.5));
        assert_eq!(quotas.throttled(), Duration::from_millis(1_750));
    }

    #[test]
    fn the_first_version_says_it_in_other_words() {
        let (_folder, quotas) = process(
            &[MEMORY, V1].concat(),
            "8:memory:/a/b\n7:cpu,cpuacct:/a/b\n0::/\n",
            &[
                ("a/b/cpu.cfs_quota_us", "25000\n"),
                ("a/b/cpu.cfs_period_us", "100000\n"),
                (
                    "a/b/cpu.stat",
                    "nr_periods 9\nnr_throttled 3\nthrottled_time 2000000000\n",
                ),
                ("a/cpu.cfs_quota_us", "-1\n"),
                ("a/cpu.cfs_period_us", "100000\n"),
            ],
        );
        assert_eq!(quotas.cores(), Some(0.25));
        assert_eq!(quotas.throttled(), Duration::from_secs(2));
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let mount = V2.replace("0:26 / ", "0:26 /docker/1f ");
        let files = [("cpu.max", "75000 50000\n")];
        for groups in ["0::/docker/1f\n", "0::/\n", "0::/../elsewhere\n"] {
            let (_folder, quotas) = process(&mount, groups, &files);
            assert_eq!(quotas.cores(), Some(1.5), "{groups}");
        }
    }

    #[test]
    fn without_a_quota_there_is_none() {
        let (_folder, quotas) = process(V2, "0::/a\n", &[("a/cpu.max", "max 100000\n")]);
        assert_eq!((quotas.cores(), quotas.throttled()), (None, Duration::ZERO));
        let nowhere = Quotas::of(Path::new("/no/such/process"));
        assert_eq!(
            (nowhere.cores(), nowhere.throttled()),
            (None, Duration::ZERO)
        );
    }
}
