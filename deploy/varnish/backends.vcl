# The Tintype servers, each a backend and a line in vcl_init.
import directors;

probe ready {
    .url = "/health/ready";
    .interval = 5s;
    .timeout = 3s;
    .window = 5;
    .threshold = 3;
    .initial = 3;
}

backend one {
    .host = "127.0.0.1";
    .port = "8080";
    .first_byte_timeout = 120s;
    .between_bytes_timeout = 60s;
    .probe = ready;
}

sub vcl_init {
    new tintype = directors.shard();
    tintype.add_backend(one);
    tintype.reconfigure();
}
