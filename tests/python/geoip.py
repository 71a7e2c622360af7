"""Small files in MaxMind's format, by its published description (MaxMind DB file format specification 2.0)."""

import ipaddress

TEXT, UINT16, UINT32, MAP, UINT64, ARRAY = 2, 5, 6, 7, 9, 11


def control(kind, size):
    assert size < 29
    return bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])


def encoded(value, kind=None):
    if isinstance(value, str):
        return control(TEXT, len(value)) + value.encode()
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(encoded(name) + encoded(item) for name, item in value.items())
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(map(encoded, value))
    number, kind = value
    digits = number.to_bytes(8, "big").lstrip(b"\0")
    return control(kind, len(digits)) + digits


def database(network, facts):
    """A file that knows one network of IPv4."""
    network = ipaddress.IPv4Network(network)
    bits = [int(bit) for bit in f"{int(network.network_address):032b}"[:network.prefixlen]]
    nodes = len(bits)
    tree = b""
    for at, bit in enumerate(bits):
        # "Nothing" is the number of nodes; data begins sixteen further on.
        onwards = at + 1 if at + 1 < nodes else nodes + 16
        records = [nodes, nodes]
        records[bit] = onwards
        tree += b"".join(record.to_bytes(3, "big") for record in records)
    about = {
        "binary_format_major_version": (2, UINT16), "binary_format_minor_version": (0, UINT16), "build_epoch": (1_700_000_000, UINT64),
        "database_type": "Test-Country", "description": {"en": "a test"}, "ip_version": (4, UINT16), "languages": ["en"],
        "node_count": (nodes, UINT32), "record_size": (24, UINT16),
    }
    return tree + bytes(16) + encoded(facts) + b"\xab\xcd\xefMaxMind.com" + encoded(about)
