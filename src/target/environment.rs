//! What the environment says to Folio: switches, where the services are, and the token of its administration.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use target_app::{Secret, Settings, SettingsError, Stack};

use super::TargetError;

/// What stands before Folio's own variables.
const PREFIX: &str = "FOLIO_";

/// The variables that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `FOLIO_CACHE_MODE=off` and the like, in the order of their names.
    pub switches: Vec<(String, String)>,
    /// `FOLIO_CONFIG`: a YAML file of switches.
    pub config: Option<PathBuf>,
    /// `FOLIO_ADMIN_TOKEN`
    pub admin_token: Option<Secret>,
    /// `DATABASE_URL`
    pub database_url: Option<Secret>,
    /// `DATABASE_REPLICA_URL`
    pub replica_url: Option<Secret>,
    /// `REDIS_URL`
    pub redis_url: Option<Secret>,
}

/// Everything that is wrong with what was asked for; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self::from_variables(std::env::vars_os())
    }

    fn from_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else {
                continue;
            };
            // A variable set to nothing is the shell's way to leave it out.
            let secret = || {
                let text = value.to_string_lossy();
                (!text.is_empty()).then(|| Secret::new(text))
            };
            match name.as_str() {
                "DATABASE_URL" => environment.database_url = secret(),
                "DATABASE_REPLICA_URL" => environment.replica_url = secret(),
                "REDIS_URL" => environment.redis_url = secret(),
                "FOLIO_ADMIN_TOKEN" => environment.admin_token = secret(),
                "FOLIO_CONFIG" if value.is_empty() => {}
                "FOLIO_CONFIG" => environment.config = Some(value.into()),
                _ if name.starts_with(PREFIX) => {
                    let value = value.to_string_lossy().into_owned();
                    environment.switches.push((name, value));
                }
                _ => {}
            }
        }
        environment.switches.sort_unstable();
        environment
    }

    /// Lays `file`, else `FOLIO_CONFIG`, then the variables, then `assignments` over the side of the stack.
    ///
    /// Fails with the faults of every one of them.
    pub fn settings(
        &self,
        stack: Stack,
        file: Option<PathBuf>,
        assignments: &[String],
    ) -> Result<Settings, Faults> {
        let mut faults = Faults(Vec::new());
        let text = file.or_else(|| self.config.clone()).and_then(|path| {
            std::fs::read_to_string(&path)
                .map_err(|error| faults.add(format!("{}: {error}", path.display())))
                .ok()
        });
        let (file, variables) = (text.as_deref(), || self.switches.iter().cloned());
        let settings = Settings::layered(stack, file, variables(), assignments);
        match settings {
            Ok(settings) if faults.0.is_empty() => return Ok(settings),
            Ok(_) => {}
            Err(error) => {
                // It has those of one layer only; each by itself tells the rest.
                for layer in [
                    Settings::layered(stack, file, [], &[]),
                    Settings::layered(stack, None, variables(), &[]),
                    Settings::layered(stack, None, [], assignments),
                    Err(error),
                ] {
                    faults.add_all(layer);
                }
            }
        }
        Err(faults)
    }
}

impl Faults {
    /// Adds one, unless it is known.
    pub fn add(&mut self, fault: String) {
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    fn add_all(&mut self, layer: Result<Settings, SettingsError>) {
        let faults = layer.err().into_iter().flat_map(|error| error.faults);
        for fault in faults {
            self.add(format!("{}: {}", fault.setting, fault.message));
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("; "))
    }
}

impl From<Faults> for TargetError {
    fn from(faults: Faults) -> Self {
        Self::Arguments(faults)
    }
}

#[cfg(test)]
mod tests {
    use target_app::CacheMode;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Environment::from_variables(variables)
    }

    #[test]
    fn each_variable_goes_where_it_belongs_and_empty_ones_nowhere() {
        let read = environment(&[
            ("PATH", "/bin"),
            ("FOLIO_POOL_SIZE", "7"),
            ("FOLIO_CACHE_MODE", "off"),
            ("FOLIO_ADMIN_TOKEN", "canary"),
            ("FOLIO_CONFIG", ""),
            ("DATABASE_URL", "postgres://canary@db/folio"),
            ("REDIS_URL", ""),
        ]);
        assert_eq!(
            read,
            Environment {
                switches: vec![
                    ("FOLIO_CACHE_MODE".to_owned(), "off".to_owned()),
                    ("FOLIO_POOL_SIZE".to_owned(), "7".to_owned()),
                ],
                admin_token: Some(Secret::new("canary")),
                database_url: Some(Secret::new("postgres://canary@db/folio")),
                ..Environment::default()
            }
        );
        assert!(!format!("{read:?}").contains("canary"));
        assert_eq!(environment(&[("FOLIO_ADMIN_TOKEN", "")]).admin_token, None);
    }

    #[test]
    fn assignments_win_over_variables_and_those_over_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("folio.yaml");
        std::fs::write(
            &file,
            "cache: { mode: l1, l1_items: 5 }\npool: { size: 5 }\n",
        )
        .expect("written");
        let mut variables = environment(&[("FOLIO_POOL_SIZE", "6"), ("FOLIO_CACHE_L1_ITEMS", "6")]);
        let assignments = ["pool.size=7".to_owned()];
        for named in [Some(file.clone()), None] {
            let settings = variables
                .settings(Stack::After, named, &assignments)
                .expect("valid");
            assert_eq!(settings.cache.mode, CacheMode::L1);
            assert_eq!((settings.cache.l1_items, settings.pool.size), (6, 7));
            variables.config = Some(file.clone());
        }
    }

    #[test]
    fn the_faults_of_every_source_are_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("folio.yaml");
        std::fs::write(&file, "cache: { mode: l3 }\n").expect("written");
        let variables = environment(&[("FOLIO_POOL_SIZE", "many")]);
        let assignments = ["edge=3".to_owned(), "db.indexes".to_owned()];
        let faults = variables
            .settings(Stack::After, Some(file), &assignments)
            .expect_err("four faults");
        let starts: Vec<_> = faults
            .0
            .iter()
            .map(|fault| fault.split(':').next().expect("a setting"))
            .collect();
        assert_eq!(
            starts,
            ["cache.mode", "FOLIO_POOL_SIZE", "edge", "db.indexes"]
        );

        let gone = folder.path().join("gone.yaml");
        let faults = variables
            .settings(Stack::After, Some(gone), &[])
            .expect_err("two faults");
        assert!(
            faults.to_string().contains("gone.yaml")
                && faults.to_string().contains("FOLIO_POOL_SIZE"),
            "{faults}"
        );
    }
}
