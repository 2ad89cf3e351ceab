//! The environment variables of Folio: settings, addresses of services, and the admin token.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use target_app::{Secret, Settings, Stack};

use super::TargetError;

/// The variable with the token for administration.
pub const ADMIN_TOKEN: &str = "FOLIO_ADMIN_TOKEN";

/// The prefix of Folio's own variables.
const PREFIX: &str = "FOLIO_";

/// The variables that Folio reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `FOLIO_CACHE_MODE=off` and the like, sorted by name.
    pub switches: Vec<(String, String)>,
    /// `FOLIO_CONFIG`: a YAML file of settings.
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

/// Every error in the configuration; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self::from_variables(std::env::vars_os())
    }

    fn from_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            // An empty variable counts as unset, as in a shell.
            let (Ok(name), false) = (name.into_string(), value.is_empty()) else {
                continue;
            };
            let secret = || Some(Secret::new(value.to_string_lossy()));
            match name.as_str() {
                "DATABASE_URL" => environment.database_url = secret(),
                "DATABASE_REPLICA_URL" => environment.replica_url = secret(),
                "REDIS_URL" => environment.redis_url = secret(),
                ADMIN_TOKEN => environment.admin_token = secret(),
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

    /// Applies `file` (else `FOLIO_CONFIG`), then the variables, then `assignments` to the defaults of the stack.
    ///
    /// On failure it returns the errors of all of them.
    pub fn settings(
        &self,
        stack: Stack,
        file: Option<PathBuf>,
        assignments: &[String],
    ) -> Result<Settings, Faults> {
        let mut faults = Faults(Vec::new());
        let file = file.or_else(|| self.config.clone()).and_then(|path| {
            let name = path.display().to_string();
            match std::fs::read_to_string(&path) {
                Ok(text) => Some((name, text)),
                Err(error) => {
                    faults.add(format!("{name}: cannot read the settings file: {error}"));
                    None
                }
            }
        });
        let file = file.as_ref().map(|(name, text)| (&**name, &**text));
        let variables = self.switches.iter().cloned();
        match Settings::layered(stack, file, variables, assignments) {
            Ok(settings) if faults.0.is_empty() => return Ok(settings),
            Ok(_) => {}
            Err(error) => {
                let told = error.faults.into_iter();
                told.for_each(|fault| faults.add(format!("{}: {}", fault.setting, fault.message)));
            }
        }
        Err(faults)
    }
}

impl Faults {
    /// Adds one error.
    pub fn add(&mut self, fault: String) {
        self.0.push(fault);
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults = self.0.iter();
        faults.try_for_each(|fault| write!(out, "\n  {fault}"))
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
            ("FOLIO_CACHE_TTL", ""),
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
            .settings(Stack::After, Some(file.clone()), &assignments)
            .expect_err("four faults");
        let expected = [
            &*format!("{}:1: cache.mode: ", file.display()),
            "FOLIO_POOL_SIZE: ",
            "edge: ",
            "db.indexes: ",
        ];
        assert_eq!(faults.0.len(), expected.len());
        for (fault, expected) in faults.0.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}");
        }

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
