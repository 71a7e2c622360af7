# The two servers of deploy/compose.yaml.
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
    .host = "tintype-one";
    .port = "8080";
    .first_byte_timeout = 120s;
    .between_bytes_timeout = 60s;
    .probe = ready;
}

backend two {
    .host = "tintype-two";
    .port = "8080";
    .first_byte_timeout = 120s;
    .between_bytes_timeout = 60s;
    .probe = ready;
}

sub vcl_init {
    new tintype = directors.shard();
    tintype.add_backend(one);
    tintype.add_backend(two);
    tintype.reconfigure();
}
