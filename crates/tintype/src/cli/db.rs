use clap::{ArgMatches, Command};
use library::{MigrationState, migrate, migrations};

use super::{Outcome, read_config, with_settings};

pub fn command() -> Command {
    Command::new("db")
        .about("Show or run the migrations of the database")
        .subcommand_required(true)
        .subcommand(with_settings(
            Command::new("status").about("List the migrations and which of them the database has; changes nothing"),
            ["data_dir"],
        ))
        .subcommand(with_settings(
            Command::new("migrate").about("Bring the database up to date, as the server does when it starts"),
            ["data_dir"],
        ))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let Some((action, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let settings = read_config(matches)?.library();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if action == "migrate" {
            migrate(&settings).await?;
        }
        let listed = migrations(&settings).await?;
        println!("{}", settings.database);
        for migration in &listed {
            let state = match migration.state {
                MigrationState::Applied => "applied",
                MigrationState::Pending => "pending",
                MigrationState::Unknown => "unknown: written by a newer version",
            };
            println!("  {:04} {:<24} {state}", migration.version, migration.description);
        }
        Ok(())
    })
}
