/// One setting: its name and what a person reads about it.
#[derive(Debug)]
pub struct Setting {
    /// The name in the file; the other spellings follow from it.
    pub name: &'static str,
    /// The text used where nobody says anything; `None` means "not set".
    pub default: Option<&'static str>,
    /// May hold a secret (database URLs hold passwords): not taken from flags (other users of the machine can read those) and never shown.
    pub secret: bool,
    /// One sentence for `--help`, the docs and `tintype config show`.
    pub help: &'static str,
}

impl Setting {
    /// The environment variable: `TINTYPE_DATA_DIR` for `data_dir`.
    pub fn environment(&self) -> String {
        format!("TINTYPE_{}", self.name.to_uppercase())
    }

    /// The flag: `--data-dir` for `data_dir`.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }
}

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        default: Some(default),
        secret: false,
        help,
    }
}

const fn unset(name: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        default: None,
        secret: false,
        help,
    }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        default: None,
        secret: true,
        help,
    }
}

/// Every setting there is, in the order of the docs page.
pub const SETTINGS: &[Setting] = &[
    setting("listen", "127.0.0.1:8080", "Address and port to listen on"),
    setting(
        "data_dir",
        "data",
        "Folder of the embedded library, the key pair and the cache",
    ),
    secret(
        "private_key",
        "The account's private key, private_...; kept in the data directory if not given",
    ),
    secret(
        "public_key",
        "The account's public key, public_...; kept in the data directory if not given",
    ),
    secret(
        "master_key",
        "Key that seals stored secrets: 32 bytes in base64; several with commas between to change it (the first seals); made and kept in the data directory if not given",
    ),
    setting("account_id", "demo", "First path segment of delivery URLs"),
    unset(
        "public_url",
        "What answers put before paths, such as https://media.example.com; default from the listen address",
    ),
    unset(
        "fetch_allow",
        "Networks (CIDR, comma-separated) that remote fetches may reach although they are private",
    ),
    secret(
        "database_url",
        "Where facts are kept: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE; default inside the data directory",
    ),
    secret(
        "blob_url",
        "Where files are kept: file:PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX; default inside the data directory",
    ),
    setting(
        "trash_days",
        "30",
        "Days that deleted files can be restored; 0 deletes at once",
    ),
    unset(
        "webhook_url",
        "Receiver of all events, such as https://app.example.com/hooks; more are registered by the API (see webhooks.md)",
    ),
    secret(
        "webhook_secret",
        "What messages to it are signed with, whsec_...; also signs the callbacks of extensions",
    ),
    unset(
        "purge_limit",
        "Purges of one month (UTC) that are carried out; no limit if not given",
    ),
    setting(
        "job_workers",
        "4",
        "Jobs (folders copied or moved, purges) done at the same time",
    ),
    setting("upload_max", "1GiB", "Largest file that an upload may bring"),
    setting(
        "anonymous_uploads",
        "64",
        "Uploads without the private key (their signature is known when they have arrived) taken in at the same time; 0 takes none",
    ),
    setting(
        "anonymous_upload_bytes",
        "4GiB",
        "Bytes of such uploads together until their signatures are checked; at least upload_max",
    ),
    setting(
        "source_max",
        "40MiB",
        "Largest stored file that is decoded for a transformation",
    ),
    setting(
        "max_megapixels",
        "100",
        "Largest picture that is decoded or made, in megapixels",
    ),
    setting("cache_memory", "128MiB", "Renditions kept in memory"),
    setting(
        "cache_disk",
        "4GiB",
        "Renditions kept on disk, in the data directory; 0 keeps none",
    ),
    setting(
        "workers",
        "0",
        "Renditions made at the same time; 0 means one for each core",
    ),
    setting(
        "render_memory",
        "1GiB",
        "Memory that renditions in the making may take together",
    ),
    setting("render_timeout", "30", "Seconds after which a rendition is given up"),
    setting(
        "source_memory",
        "256MiB",
        "Decoded sources kept in memory, to make other sizes and formats of them; 0 keeps none",
    ),
    setting("quality", "80", "Quality where a URL names none, 1 to 100"),
    setting(
        "auto_format",
        "true",
        "Choose the format by what the client accepts, also without f-auto",
    ),
    setting(
        "avif",
        "false",
        "Offer AVIF when the client accepts it (slower to make, smaller)",
    ),
    setting(
        "avif_wait",
        "3",
        "Seconds that a request waits for an AVIF it did not ask for by name; then it gets the next best format, and the AVIF is finished for the next one",
    ),
    setting("auto_orient", "true", "Turn pictures upright by their orientation tag"),
    setting(
        "keep_profile",
        "false",
        "Keep embedded colour profiles instead of converting to sRGB, also without cp-true",
    ),
    setting(
        "keep_metadata",
        "false",
        "Keep EXIF, XMP and IPTC, also without md-true",
    ),
    setting(
        "save_data",
        "false",
        "Lower the quality to 60 for clients that send Save-Data: on",
    ),
    setting(
        "resize_light",
        "gamma",
        "In which light pixels are mixed when a picture is scaled: gamma (fast, as browsers do) or linear (physically right)",
    ),
    unset(
        "fonts",
        "Folder of fonts (TTF, OTF, TTC) for scripts and signs that the fonts of the server lack, such as emoji; default the system's",
    ),
    unset(
        "models",
        "Folder of ONNX models for AI operations (see models.md); default models in the data directory",
    ),
    secret("removebg_key", "Key of remove.bg, which then removes backgrounds"),
    setting(
        "removebg_url",
        "https://api.remove.bg/v1.0/removebg",
        "Where remove.bg is asked",
    ),
    secret(
        "google_vision_key",
        "API key of Google Cloud Vision, for the extension google-auto-tagging",
    ),
    setting(
        "google_vision_url",
        "https://vision.googleapis.com",
        "Where Google Cloud Vision is asked",
    ),
    secret(
        "aws_access_key",
        "Access key of AWS with the right to rekognition:DetectLabels, for the extension aws-auto-tagging",
    ),
    secret("aws_secret_key", "Secret key that belongs to aws_access_key"),
    unset("aws_region", "Region of AWS, such as eu-central-1"),
    unset(
        "aws_rekognition_url",
        "Where Amazon Rekognition is asked; default that of the region",
    ),
    unset(
        "vision_url",
        "Server with a model that looks at pictures and speaks OpenAI's chat completions API, such as https://api.openai.com, for the extensions ai-auto-description and ai-tasks",
    ),
    secret("vision_key", "Key of that server, if it needs one"),
    unset("vision_model", "Model of that server"),
    unset(
        "images_url",
        "Server that edits pictures by words and speaks OpenAI's images API, such as https://api.openai.com",
    ),
    secret("images_key", "Key of that server, if it needs one"),
    unset("images_model", "Model of that server, such as gpt-image-1"),
    setting(
        "ai_wait",
        "10",
        "Seconds that a request waits for an AI operation; then it gets a page that says so, and the work goes on",
    ),
    setting(
        "ai_disk",
        "16GiB",
        "Results of AI operations kept on disk, in the data directory; those not used longest go first",
    ),
    setting(
        "origin_disk",
        "4GiB",
        "Files of origins kept on disk, in the data directory; those not used longest go first",
    ),
    setting(
        "origin_ttl",
        "86400",
        "Seconds that a file of an origin is kept before its origin is asked again",
    ),
    unset(
        "domains",
        "Hosts that stand for the account's path, comma-separated; host=prefix stands for that of the URL endpoint with this prefix",
    ),
    setting(
        "svg",
        "clean",
        "How SVG is delivered: clean (without scripts, event handlers and references to anything outside of the file) or as-is",
    ),
    setting(
        "restrict_unsigned",
        "off",
        "What is refused (401) without a signature: off (private files alone), ai (AI operations), transformations (all but stored files and names) or all",
    ),
    unset(
        "restrict_unsigned_videos",
        "The same for videos; default as restrict_unsigned",
    ),
    setting(
        "restrict_unnamed",
        "false",
        "Refuse (400) transformations that are not asked for by their names",
    ),
    unset(
        "trusted_proxies",
        "Addresses and networks (CIDR, comma-separated) of proxies in front, whose word on a client's address and country is taken",
    ),
    setting(
        "address_header",
        "x-forwarded-for",
        "Header in which trusted proxies name the client's address",
    ),
    unset(
        "country_header",
        "Header in which trusted proxies name the client's country, such as cf-ipcountry",
    ),
    unset(
        "geoip_file",
        "File in MaxMind's format (.mmdb) that tells countries by address; a new one in its place is taken within a minute",
    ),
    unset(
        "allowed_addresses",
        "Addresses and networks (CIDR, comma-separated) that files are delivered to; all others are refused (403)",
    ),
    unset(
        "blocked_addresses",
        "Addresses and networks that are refused, also where they are allowed",
    ),
    unset(
        "allowed_countries",
        "Countries (two letters, comma-separated; XX for unknown) that files are delivered to; all others are refused",
    ),
    unset("blocked_countries", "Countries that are refused"),
    unset(
        "allowed_referrers",
        "Hosts of pages (shop.example, *.shop.example, none for no Referer; comma-separated) that may show files; all others are refused",
    ),
    unset("blocked_referrers", "Hosts of pages that are refused"),
    unset(
        "allowed_agents",
        "Parts of User-Agent (comma-separated, in any case) that files are delivered to; all others are refused",
    ),
    unset("blocked_agents", "Parts of User-Agent that are refused"),
    setting(
        "share_restricted",
        "false",
        "Let caches in front keep files although one of these lists is set: they then give them to everybody",
    ),
    unset(
        "browser_max_age",
        "Seconds that browsers may keep public files; default a year",
    ),
    unset(
        "cdn_max_age",
        "Seconds that caches in front may keep public files, told by s-maxage and CDN-Cache-Control; default a year, told by s-maxage alone",
    ),
    setting(
        "cache_tags",
        "off",
        "Names in answers by which caches in front purge: surrogate-key (Fastly, Varnish), cache-tag (Cloudflare), both or off",
    ),
    setting(
        "cdn_purge_changes",
        "false",
        "Tell the caches below of changed and deleted files, too, and not only of purges",
    ),
    unset(
        "varnish_urls",
        "Varnish servers that are told of purges, such as http://varnish:6081, comma-separated; they need deploy/varnish/tintype.vcl",
    ),
    secret(
        "varnish_key",
        "What they ask for, if TINTYPE_VARNISH_KEY is set for them",
    ),
    unset(
        "nginx_urls",
        "nginx servers with the module cache_purge that are told of purges, comma-separated",
    ),
    unset("fastly_service", "Service of Fastly that is told of purges"),
    secret("fastly_key", "Token of Fastly that may purge"),
    setting("fastly_url", "https://api.fastly.com", "Where Fastly's API is"),
    unset("cloudflare_zone", "Zone of Cloudflare that is told of purges"),
    secret(
        "cloudflare_token",
        "Token of Cloudflare with the right to purge the cache",
    ),
    setting(
        "cloudflare_url",
        "https://api.cloudflare.com/client/v4",
        "Where Cloudflare's API is",
    ),
    unset(
        "cloudfront_distribution",
        "Distribution of Amazon CloudFront that is told of purges",
    ),
    secret(
        "cloudfront_access_key",
        "Access key of AWS with the right to cloudfront:CreateInvalidation",
    ),
    secret("cloudfront_secret_key", "Secret key that belongs to it"),
    setting(
        "cloudfront_url",
        "https://cloudfront.amazonaws.com",
        "Where CloudFront's API is",
    ),
    secret(
        "shared_renditions",
        "Where servers keep renditions for each other, such as s3://bucket/renditions, with options as in blob_url; not the place of blobs; none if not given",
    ),
    setting("shared_days", "30", "Days that they are kept there"),
    unset(
        "rate_limit_read",
        "Requests of the management API that only look, for the whole account on one node, such as 40/1s or 5000/15m; default no limit",
    ),
    unset(
        "rate_limit_write",
        "The same for requests that change something; uploads do not count",
    ),
    unset(
        "oauth_issuer",
        "OAuth 2.1 authorization server whose access tokens let agents in (see agents.md), exactly as its tokens name it, such as https://login.example.com/realms/media",
    ),
    unset(
        "oauth_audience",
        "Audience that its tokens for this server have; default public_url with /mcp behind it, or alone",
    ),
    unset("oauth_jwks_url", "Where its keys are; default where its metadata say"),
    setting(
        "strict",
        "false",
        "Answer 400 to unknown parameters instead of ignoring them with a notice",
    ),
    setting(
        "log_format",
        "auto",
        "auto (pretty on a terminal, else JSON), pretty or json",
    ),
    setting(
        "log",
        "info",
        "What is logged: error, warn, info, debug, trace, or a filter such as info,library=debug",
    ),
    setting(
        "shutdown_timeout",
        "30",
        "Seconds that a stopping server waits for requests under way",
    ),
    setting("max_connections", "10000", "Connections served at the same time"),
];
