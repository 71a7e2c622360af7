use super::*;

fn config(environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Config, String> {
    let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    let flags = flags.iter().map(|(n, v)| (*n, (*v).to_owned()));
    let texts = Texts::gather(None, environment, flags).map_err(|e| e.to_string())?;
    Config::from_texts(&texts).map_err(|e| e.to_string())
}

#[test]
fn defaults_are_valid() {
    let config = config(&[], &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.account_id.as_str(), "demo");
    assert_eq!(config.cache_memory, ByteSize(128 << 20));
    assert!(!config.keys.are_complete() && config.fetch_allow.is_empty());
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tintype.toml");
    std::fs::write(
        &path,
        "listen = \"127.0.0.1:1\"\nquality = 70\naccount_id = \"file\"\nfetch_allow = [\"10.0.0.0/8\", \"::1/128\"]\n",
    )
    .unwrap();
    let environment = [
        ("TINTYPE_LISTEN", "127.0.0.1:2"),
        ("TINTYPE_ACCOUNT_ID", "variable"),
        ("TINTYPE_QUALITY", ""),
    ];
    let texts = Texts::gather(
        Some(&path),
        environment.map(|(n, v)| (n.to_owned(), v.to_owned())),
        [("listen", "127.0.0.1:3".to_owned())],
    )
    .unwrap();
    let config = Config::from_texts(&texts).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.account_id.as_str(), "variable");
    assert_eq!(config.quality.get(), 70, "an empty variable is no value");
    assert_eq!(config.fetch_allow.len(), 2);
}

#[test]
fn wrong_values_are_refused_by_name_and_origin() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "TINTYPE_LISTEN",
            "8080",
            "listen (from TINTYPE_LISTEN): `8080` invalid socket address syntax",
        ),
        (
            "TINTYPE_ACCOUNT_ID",
            "v1",
            "account_id (from TINTYPE_ACCOUNT_ID): `v1` is a path of the API itself: choose another",
        ),
        (
            "TINTYPE_CACHE_MEMORY",
            "1000",
            "cache_memory (from TINTYPE_CACHE_MEMORY): must be at least 1MiB",
        ),
        (
            "TINTYPE_CACHE_DISK",
            "1MiB",
            "cache_disk (from TINTYPE_CACHE_DISK): must be at least 8MiB, or 0 for none",
        ),
        (
            "TINTYPE_RENDER_MEMORY",
            "1MiB",
            "render_memory (from TINTYPE_RENDER_MEMORY): must hold a source: source_max is 40MiB",
        ),
        (
            "TINTYPE_QUALITY",
            "101",
            "quality (from TINTYPE_QUALITY): must be from 1 to 100",
        ),
        (
            "TINTYPE_CACHE_MEMORY",
            "lots",
            "cache_memory (from TINTYPE_CACHE_MEMORY): `lots` is not a size such as 500000, 64MiB or 10GB",
        ),
        (
            "TINTYPE_FETCH_ALLOW",
            "10.0.0.0",
            "fetch_allow (from TINTYPE_FETCH_ALLOW): `10.0.0.0` is not a network such as 10.0.0.0/8 or fd00::/8",
        ),
        (
            "TINTYPE_PUBLIC_URL",
            "media.example.com",
            "public_url (from TINTYPE_PUBLIC_URL): `media.example.com` is not a URL such as https://media.example.com: relative URL without a base",
        ),
        (
            "TINTYPE_STRICT",
            "maybe",
            "strict (from TINTYPE_STRICT): `maybe` provided string was not `true` or `false`",
        ),
        (
            "TINTYPE_CACHE_TAGS",
            "xkey",
            "cache_tags (from TINTYPE_CACHE_TAGS): `xkey` must be off, surrogate-key, cache-tag or both",
        ),
        (
            "TINTYPE_CDN_MAX_AGE",
            "2y",
            "cdn_max_age (from TINTYPE_CDN_MAX_AGE): `2y` is not a number of seconds from 0 to 31536000",
        ),
        (
            "TINTYPE_CDN_PURGE_CHANGES",
            "true",
            "cdn_purge_changes (from TINTYPE_CDN_PURGE_CHANGES): needs a cache: varnish_urls, nginx_urls, fastly_service, \
             cloudflare_zone or cloudfront_distribution",
        ),
        (
            "TINTYPE_FASTLY_SERVICE",
            "abc",
            "fastly_key (default): must be given with fastly_service",
        ),
        (
            "TINTYPE_CLOUDFLARE_ZONE",
            "a/../b",
            "cloudflare_zone (from TINTYPE_CLOUDFLARE_ZONE): must be an id of letters and digits",
        ),
        (
            "TINTYPE_VARNISH_URLS",
            "http://a, b",
            "varnish_urls (from TINTYPE_VARNISH_URLS): `b` is not a URL such as https://media.example.com: relative URL without a base",
        ),
        (
            "TINTYPE_RENDER_TIMEOUT",
            "0",
            "render_timeout (from TINTYPE_RENDER_TIMEOUT): `0` is not a number of seconds from 1 to 86400",
        ),
    ];
    for (name, value, expected) in cases {
        assert_eq!(config(&[(name, value)], &[]).unwrap_err(), *expected);
    }
}

#[test]
fn who_may_have_what() {
    let read = |given: &[(&str, &str)]| config(given, &[]);
    let defaults = read(&[]).unwrap();
    assert!(defaults.clean_svg && !defaults.restrictions.only_named && defaults.visitors.trusted_proxies.is_empty());
    let given = [
        ("TINTYPE_RESTRICT_UNSIGNED", "transformations"),
        ("TINTYPE_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("TINTYPE_COUNTRY_HEADER", "CF-IPCountry"),
        ("TINTYPE_BLOCKED_COUNTRIES", "xx,t1"),
        ("TINTYPE_ALLOWED_REFERRERS", "none, *.shop.example"),
        ("TINTYPE_BLOCKED_AGENTS", "BadBot,"),
        ("TINTYPE_DOMAINS", "images.shop.example, p.shop.example=products"),
        ("TINTYPE_ACCOUNT_ID", "shop"),
    ];
    let config = read(&given).unwrap();
    let restrictions = &config.restrictions;
    assert_eq!(restrictions.unsigned_videos, delivery::Unsigned::Transformations);
    assert_eq!(restrictions.agents.blocked, ["badbot"]);
    assert_eq!(restrictions.countries.blocked.len(), 2);
    assert_eq!(config.visitors.trusted_proxies.len(), 2);
    assert_eq!(config.domains.path("images.shop.example:443"), Some("/shop"));
    assert_eq!(config.domains.path("P.shop.example"), Some("/shop/products"));
    for (name, value, expected) in [
        (
            "restrict_unsigned",
            "some",
            "`some` must be off, ai, transformations or all",
        ),
        ("svg", "raw", "`raw` must be clean or as-is"),
        (
            "allowed_addresses",
            "10.0.0",
            "`10.0.0` is no address and no network such as 192.0.2.0/24 or 2001:db8::/32",
        ),
        (
            "blocked_countries",
            "Germany",
            "`Germany` is not a country by two letters such as DE",
        ),
        (
            "allowed_countries",
            "DE",
            "needs country_header or geoip_file: else nobody's country is known",
        ),
        (
            "country_header",
            "cf-ipcountry",
            "is believed from trusted proxies alone: name them in trusted_proxies",
        ),
        ("geoip_file", "/nowhere.mmdb", "`/nowhere.mmdb` is not a file"),
        (
            "allowed_referrers",
            "https://a.example",
            "`https://a.example` is not a host such as shop.example, *.shop.example or none",
        ),
        ("address_header", "x y", "`x y` is no name of a header"),
        (
            "domains",
            "https://a.example",
            "`https://a.example` must begin with a host name, without scheme, port or path",
        ),
        (
            "domains",
            "a.example=b/c",
            "`a.example=b/c` must have the urlPrefix of a URL endpoint behind `=`",
        ),
        (
            "domains",
            "a.example,A.example",
            "`A.example` names a host a second time",
        ),
    ] {
        let variable = format!("TINTYPE_{}", name.to_uppercase());
        let error = read(&[(variable.as_str(), value)]).unwrap_err();
        assert_eq!(error, format!("{name} (from {variable}): {expected}"));
    }
    let own = [
        ("TINTYPE_PUBLIC_URL", "https://a.example"),
        ("TINTYPE_DOMAINS", "a.example"),
    ];
    assert!(read(&own).unwrap_err().contains("must not name the host of public_url"));
}

#[test]
fn a_wrong_key_is_not_repeated() {
    let error = config(
        &[
            ("TINTYPE_PRIVATE_KEY", "s3cret value"),
            ("TINTYPE_PUBLIC_KEY", "public_x"),
        ],
        &[],
    )
    .unwrap_err();
    assert!(!error.contains("s3cret"), "{error}");
    let config = config(
        &[
            ("TINTYPE_PRIVATE_KEY", "private_s3cret"),
            ("TINTYPE_PUBLIC_KEY", "public_x"),
        ],
        &[],
    )
    .unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn stores_are_told_without_their_passwords() {
    let given = [
        ("TINTYPE_DATABASE_URL", "postgres://me:s3cret@db/tintype"),
        ("TINTYPE_BLOB_URL", "s3://bucket/prefix?secret_access_key=s3cret"),
    ];
    let text = format!("{:?}", config(&given, &[]).unwrap());
    assert!(
        text.contains("postgres://me:***@db/tintype") && text.contains("s3://bucket/prefix"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
    for (name, url) in [
        ("database_url", "mysql://me:s3cret@db/tintype"),
        ("blob_url", "ftp://me:s3cret@host/files"),
        ("shared_renditions", "ftp://me:s3cret@host/files"),
    ] {
        let variable = format!("TINTYPE_{}", name.to_uppercase());
        let error = config(&[(variable.as_str(), url)], &[]).unwrap_err();
        assert!(error.starts_with(&format!("{name} (from {variable}): ")), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tintype.toml");
    std::fs::write(&path, "lisen = \"127.0.0.1:1\"\n").unwrap();
    let error = Texts::gather(Some(&path), [], []).unwrap_err();
    assert_eq!(
        (error.field.as_str(), error.reason.as_str()),
        ("lisen", "there is no such setting; did you mean `listen`?")
    );
    let unknown = unknown_variables([
        "TINTYPE_DATADIR".to_owned(),
        "TINTYPE_LISTEN".to_owned(),
        "TINTYPE_TOKEN".to_owned(),
        "TINTYPE_CONNECT_KEY".to_owned(),
        "TINTYPE_VAULT_KEY".to_owned(),
        "TINTYPE_VAULT_KEY_FILE".to_owned(),
        "TINTYPE_VAULT_PASSPHRASE".to_owned(),
        "TINTYPE_VAULT_FORMER_PASSPHRASE".to_owned(),
        "TINTYPE_TARGET_DATABASE_URL".to_owned(),
        "TINTYPE_TARGET_BLOB_URL".to_owned(),
        "PATH".to_owned(),
    ]);
    assert_eq!(unknown, [("TINTYPE_DATADIR".to_owned(), Some("data_dir"))]);
}

#[test]
fn byte_sizes_read_and_print() {
    let cases = [
        ("1", 1),
        ("64MiB", 64 << 20),
        ("10 GB", 10_000_000_000),
        ("2k", 2048),
        ("1TiB", 1 << 40),
    ];
    for (text, bytes) in cases {
        assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
    }
    for text in ["", "MiB", "-1", "1.5GB", "99999999999TiB", "1 parsec"] {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }
    assert_eq!(ByteSize(64 << 20).to_string(), "64MiB");
    assert_eq!(ByteSize(1000).to_string(), "1000");
}
