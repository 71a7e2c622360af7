use std::time::{Duration, Instant};

use clap::{Arg, ArgMatches, Command};
use library::{Library, Timestamp};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use super::{Outcome, read_config};
use crate::app::background::{self, Background};
use crate::app::{App, usage};
use crate::config::{Config, unknown_variables};
use crate::keys::KEY_FILE;
use crate::observe::{self, Meters};
use crate::traces::Traces;
use crate::{router, server};

pub fn command() -> Command {
    Command::new("serve").about("Run the server").arg(
        Arg::new("welcome")
            .long("welcome")
            .value_name("PICTURE")
            .num_args(0..=1)
            .default_missing_value("photo.jpg")
            .help("Print the keys and a first upload to try (shows the private key: for your own terminal)"),
    )
}

/// A thread that may block keeps some of the memory that it used, and a new one is made in less time than any work takes that it is for.
const IDLE_THREADS: Duration = Duration::from_secs(2);

pub fn run(matches: &ArgMatches) -> Outcome {
    let started = Instant::now();
    let config = read_config(matches)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_keep_alive(IDLE_THREADS)
        .enable_all()
        .build()?;
    let traces = Traces::from_environment(runtime.handle())?;
    observe::start_logging(&config, traces.as_ref());
    for (name, meant) in unknown_variables(std::env::vars_os().filter_map(|(n, _)| n.into_string().ok())) {
        tracing::warn!(name, meant, "an environment variable that is not a setting");
    }
    runtime.block_on(async {
        let outcome = serve(config, matches.get_one::<String>("welcome"), started).await;
        if let Some(traces) = traces {
            traces.close().await;
        }
        outcome
    })
}

async fn serve(config: Config, welcome: Option<&String>, started: Instant) -> Outcome {
    let listener = TcpListener::bind(config.listen).await.map_err(|e| {
        format!(
            "can't listen on {}: {e}. Is another server running there? Choose with --listen",
            config.listen
        )
    })?;
    let address = listener.local_addr()?;
    let app = App::open(&config, address).await?;
    let meters = Meters::start()?;
    let stop = server::stop_signal();
    println!(
        "Tintype listens on http://{address}, ready after {} ms",
        started.elapsed().as_millis()
    );
    if let Some(picture) = welcome {
        print_welcome(&app, picture);
    } else if !config.keys.are_complete() {
        println!("Key pair: {}", config.data_dir.join(KEY_FILE).display());
    }
    let background = Background::start(&app, background::kinds(), config.job_workers);
    let sweep = tokio::spawn(sweep_garbage(app.library.clone()));
    let sweep_shared = tokio::spawn(sweep_shared(app.clone(), config.shared_kept));
    let index = tokio::spawn(build_search_index(app.library.clone()));
    let counting = tokio::spawn(usage::keep_writing(app.clone()));
    let countries = {
        let app = app.clone();
        tokio::spawn(async move { app.visitors.keep_countries_new().await })
    };
    let upkeep = tokio::spawn(meters.clone().upkeep());
    let front = router::front(app.clone(), meters);
    server::serve(listener, front, config.max_connections, config.shutdown_timeout, stop).await;
    sweep.abort();
    sweep_shared.abort();
    index.abort();
    counting.abort();
    countries.abort();
    upkeep.abort();
    background.stop(config.shutdown_timeout).await;
    usage::write_all(&app).await;
    app.delivery.close().await;
    app.library.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// What was in the trash for its time goes. Blobs that nothing names any more are removed after a day, so that nothing an upload is just about to name is touched.
async fn sweep_garbage(library: Library) {
    const GRACE: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
    const EVERY: std::time::Duration = std::time::Duration::from_secs(3600);
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = library.sweep_trash(Timestamp::now()).await {
            tracing::warn!(%error, "the trash could not be swept");
        }
        if let Err(error) = library.collect_garbage(GRACE, Timestamp::now()).await {
            tracing::warn!(%error, "blobs that nothing names could not be swept");
        }
    }
}

/// Once a day, each server at a time of its own.
async fn sweep_shared(app: App, kept: std::time::Duration) {
    const EVERY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
    tokio::time::sleep(EVERY.mul_f64(rand::random::<f64>())).await;
    loop {
        let removed = app.delivery.sweep_shared(kept).await;
        tracing::debug!(removed, "swept shared renditions");
        tokio::time::sleep(EVERY).await;
    }
}

/// What an earlier version stored is not in the search index yet. Until it is, searches do not find it.
async fn build_search_index(library: Library) {
    match library.build_search_index().await {
        Ok(0) => {}
        Ok(indexed) => tracing::info!(indexed, "built the search index of what was stored before"),
        Err(error) => tracing::error!(%error, "the search index could not be built; the next start goes on with it"),
    }
}

fn print_welcome(app: &App, picture: &str) {
    let private = app.keys.private_key().expose_secret();
    let endpoint: &str = &app.url_endpoint;
    let base = endpoint.strip_suffix(app.endpoint_path.as_str()).unwrap_or(endpoint);
    println!(
        "\n  Base URL for SDKs   {base}\n  URL endpoint        {endpoint}\n  Public key          {public}\n  \
         Private key         {private}\n\n\
         Upload a photograph:\n\n  \
         curl -u {private}: -F file=@{picture} -F fileName=photo.jpg -F useUniqueFileName=false \\\n       \
         {base}/api/v1/files/upload\n\n\
         See it 400 pixels wide:\n\n  {endpoint}/tr:w-400/photo.jpg\n\n\
         Stop with Ctrl-C.",
        public = app.keys.public_key,
    );
}
