# Varnish 6.6 or newer in front of Tintype. Name the servers in backends.vcl, beside this file, and below who may purge; then name this Varnish in
# Tintype's setting `varnish_urls`.
vcl 4.1;

import std;

include "backends.vcl";

# Who may say what is to be forgotten: Tintype's own addresses. Besides, if TINTYPE_VARNISH_KEY is in the environment of varnishd, Tintype's setting
# `varnish_key` has to be the same.
acl purgers {
    "localhost";
    "10.0.0.0"/8;
    "172.16.0.0"/12;
    "192.168.0.0"/16;
    "fd00::"/8;
}

sub vcl_recv {
    # A file goes to the same server as long as that is healthy, so each keeps renditions that the others need not keep.
    set req.backend_hint = tintype.backend(by=URL);

    if (req.method == "BAN") {
        if (client.ip !~ purgers) {
            return (synth(403, "Not allowed"));
        }
        if (std.getenv("TINTYPE_VARNISH_KEY") && req.http.X-Tintype-Key != std.getenv("TINTYPE_VARNISH_KEY")) {
            return (synth(403, "Not allowed"));
        }
        # Bans on what is stored with an object, so that Varnish can carry them out before anybody asks for it.
        if (req.http.X-Tintype-Ban-Url && !std.ban("obj.http.X-Tintype-Url ~ " + req.http.X-Tintype-Ban-Url)) {
            return (synth(400, std.ban_error()));
        }
        if (req.http.X-Tintype-Ban-Tag && !std.ban("obj.http.Surrogate-Key ~ " + req.http.X-Tintype-Ban-Tag)) {
            return (synth(400, std.ban_error()));
        }
        return (synth(200, "Banned"));
    }

    # For operators, not for the public.
    if (req.url ~ "^/+(?i)(metrics|health)(/|\?|$)") {
        return (synth(404));
    }

    # The API is not cached.
    if (req.url ~ "^/+(?i)(v1|api)(/|\?|$)") {
        return (pass);
    }

    # Files depend on neither, and nothing is cached for those who send them.
    if (req.method == "GET" || req.method == "HEAD") {
        unset req.http.Cookie;
        unset req.http.Authorization;
    }

    # Files vary by what a client accepts. Browsers say that in many ways, and only these formats count.
    if (req.http.Accept) {
        set req.http.X-Accept = "*/*";
        if (req.http.Accept ~ "(?i)image/webp(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
            set req.http.X-Accept = "image/webp," + req.http.X-Accept;
        }
        if (req.http.Accept ~ "(?i)image/avif(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
            set req.http.X-Accept = "image/avif," + req.http.X-Accept;
        }
        set req.http.Accept = req.http.X-Accept;
        unset req.http.X-Accept;
    }
}

sub vcl_hash {
    hash_data(req.url);
    # A host may stand for a URL endpoint (Tintype's setting `domains`), and an origin may be told it. So each has a cache of its own.
    if (req.http.host) {
        hash_data(std.tolower(req.http.host));
    }
    return (lookup);
}

sub vcl_backend_response {
    # What bans look at.
    set beresp.http.X-Tintype-Url = bereq.url;

    # Large files go through, so that a client that wants a part is not kept waiting for the whole.
    if (beresp.status == 200 && std.integer(beresp.http.Content-Length, 0) > 52428800) {
        return (pass(1h));
    }

    # What is a little too old is still good while a new one is fetched; what was purged is gone.
    if (beresp.ttl > 0s) {
        set beresp.grace = 1m;
    }

    # A URL that ends is not served beyond its end.
    if (bereq.url ~ "[?&]ik-t=") {
        set beresp.grace = 0s;
    }
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
    unset resp.http.X-Tintype-Url;
    # With another cache in front that purges by these, leave them.
    unset resp.http.Surrogate-Key;
    unset resp.http.Cache-Tag;
}
