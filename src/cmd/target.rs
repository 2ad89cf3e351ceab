//! `gander target serve`: runs Folio in this process.

use target_app::Settings;

use crate::bundled::{
    self, Config, Environment, Faults, LabMode, ProfileName, ServeOptions, ServiceConfig,
    TargetError, Until,
};
use crate::cli::ServeArgs;
use crate::exit::Exit;

use super::CommandError;

pub(super) fn serve(args: &ServeArgs) -> Result<Exit, CommandError> {
    let served = options(args, &Environment::of_process())
        .map_err(TargetError::from)
        .and_then(|options| bundled::serve(&options));
    match served {
        Ok(()) => Ok(Exit::Passed),
        Err(
            error @ (TargetError::Arguments(_)
            | TargetError::Services(_)
            | TargetError::Listen { .. }
            | TargetError::Start(_)),
        ) => Err(CommandError::Argument(error.into())),
        Err(error @ TargetError::Hurried) => Err(CommandError::Stopped(error.into())),
        Err(error) => Err(CommandError::Internal(error.into())),
    }
}

/// All errors in the arguments and the environment are reported at once.
fn options(args: &ServeArgs, environment: &Environment) -> Result<ServeOptions, Faults> {
    let mut faults = Faults(Vec::new());
    let settings = environment
        .settings(args.stack.into(), args.config.clone(), &args.set)
        .unwrap_or_else(|found| {
            faults = found;
            Settings::default()
        });
    let config = Config {
        documents: args.documents,
        users: args.users,
        seed: args.seed,
        lab: if args.lab {
            LabMode::Open
        } else {
            LabMode::Closed
        },
        admin_token: args
            .admin_token
            .clone()
            .or_else(|| environment.admin_token.clone()),
        settings,
        ..Config::default()
    };
    if let Err(error) = config.validate() {
        faults.add(error.to_string());
    }
    let services = services(args, environment, &mut faults);
    if !faults.0.is_empty() {
        return Err(faults);
    }
    Ok(ServeOptions {
        port: args.port,
        config,
        services,
        until: if args.until_input_ends {
            Until::SignalOrInputEnd
        } else {
            Until::Signal
        },
    })
}

fn services(args: &ServeArgs, environment: &Environment, faults: &mut Faults) -> ServiceConfig {
    match args.profile {
        ProfileName::Embedded => ServiceConfig::Embedded {
            directory: args.data.clone(),
        },
        ProfileName::Full => {
            if args.data.is_some() {
                faults.add("--data is only for --profile embedded; the full profile stores its documents in the \
                    database at DATABASE_URL".to_owned());
            }
            if environment.replica_url.is_some() && environment.database_url.is_none() {
                faults.add("DATABASE_REPLICA_URL is set but DATABASE_URL is not: set the URL of the primary too".to_owned());
            }
            ServiceConfig::Full {
                database_url: environment.database_url.clone(),
                replica_url: environment.replica_url.clone(),
                redis_url: environment.redis_url.clone(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use target_app::{CacheMode, Secret};

    use super::*;
    use crate::cli::{Cli, Command, TargetCommand};

    fn args(more: &[&str]) -> ServeArgs {
        let words = ["gander", "target", "serve"].iter().chain(more);
        match Cli::try_parse_from(words).expect("valid words").command {
            Command::Target(TargetCommand::Serve(args)) => args,
            other => panic!("expected target serve, found {other:?}"),
        }
    }

    #[test]
    fn what_is_not_said_is_the_optimised_stack_on_the_embedded_profile() {
        let options = options(&args(&[]), &Environment::default()).expect("valid");
        assert_eq!(options.config, Config::default());
        assert_eq!(
            options.services,
            ServiceConfig::Embedded { directory: None }
        );
    }

    #[test]
    fn words_win_over_the_environment_and_both_over_the_side_of_the_stack() {
        let environment = Environment {
            switches: vec![
                ("FOLIO_POOL_SIZE".to_owned(), "7".to_owned()),
                ("FOLIO_CACHE_MODE".to_owned(), "l1".to_owned()),
            ],
            admin_token: Some(Secret::new("of the environment")),
            database_url: Some(Secret::new("postgres://db/folio")),
            ..Environment::default()
        };
        let words = args(&["--profile=full", "--stack=before", "--set=cache.mode=l2"]);
        let found = options(&words, &environment).expect("valid");
        let settings = &found.config.settings;
        assert_eq!(
            (settings.cache.mode, settings.pool.size),
            (CacheMode::L2, 7)
        );
        assert!(!settings.edge.enabled, "as the unoptimised side has it");
        assert_eq!(found.config.admin_token, environment.admin_token);
        assert_eq!(
            found.services,
            ServiceConfig::Full {
                database_url: environment.database_url.clone(),
                replica_url: None,
                redis_url: None,
            }
        );
        let words = args(&["--admin-token", "of the words"]);
        let found = options(&words, &environment).expect("valid");
        assert_eq!(found.config.admin_token, Some(Secret::new("of the words")));
        assert_eq!(
            found.services,
            ServiceConfig::Embedded { directory: None },
            "DATABASE_URL is for the full profile"
        );
    }

    #[test]
    fn all_faults_are_told_together() {
        let environment = Environment {
            switches: vec![("FOLIO_EDGE_ENABLED".to_owned(), "perhaps".to_owned())],
            replica_url: Some(Secret::new("postgres://replica/folio")),
            ..Environment::default()
        };
        let words = args(&[
            "--profile=full",
            "--data=/tmp/kept",
            "--documents=0",
            "--set=cache.mod=off",
        ]);
        let faults = options(&words, &environment).expect_err("five faults");
        let told = faults.to_string();
        for part in [
            "FOLIO_EDGE_ENABLED: ",
            "cache.mod: unknown setting; did you mean cache.mode?",
            "documents is 0, expected 1 to 1000000",
            "--data is only for --profile embedded",
            "DATABASE_REPLICA_URL is set",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert_eq!(faults.0.len(), 5);
    }
}
