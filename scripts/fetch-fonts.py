#!/usr/bin/env python3
"""Makes crates/engine/fonts again: the fonts that text layers are set in, from the npm registry, each file as published.

    scripts/fetch-fonts.py [a folder that is kept, to save the downloads]

No font is changed, only compressed, so no reserved name has to be given up. Needs npm and nothing else. Run it to add a
font or to take a newer version; the result is committed, and a build downloads nothing.
"""

import gzip
import io
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FONTS = Path(__file__).resolve().parent.parent / "crates/engine/fonts"

REGULAR, ALL = ["400Regular"], ["400Regular", "400Regular_Italic", "700Bold", "700Bold_Italic"]
STYLES = {"400Regular": "Regular", "400Regular_Italic": "Italic", "700Bold": "Bold", "700Bold_Italic": "BoldItalic"}

# The name of the package, its version, the styles.
FAMILIES = [
    ("abril-fatface", "0.4.1", REGULAR),
    ("amaranth", "0.4.1", ALL),
    ("arvo", "0.4.1", ALL),
    ("audiowide", "0.4.1", REGULAR),
    ("chivo", "0.4.2", ALL),
    ("crimson-text", "0.4.0", ALL),
    ("exo", "0.4.2", ALL),
    ("fredoka-one", "0.2.3", REGULAR),
    ("gravitas-one", "0.4.1", REGULAR),
    ("kanit", "0.4.1", ALL),
    ("lato", "0.4.1", ALL),
    ("lobster", "0.4.1", REGULAR),
    ("lora", "0.4.2", ALL),
    ("monoton", "0.4.1", REGULAR),
    ("montserrat", "0.4.2", ALL),
    ("noto-sans-arabic", "0.4.3", ["400Regular", "700Bold"]),
    ("noto-sans-hebrew", "0.4.1", ["400Regular", "700Bold"]),
    ("old-standard-tt", "0.1.0", ["400Regular", "400Regular_Italic", "700Bold"]),
    ("open-sans", "0.4.2", ALL),
    ("pt-mono", "0.4.1", REGULAR),
    ("pt-serif", "0.4.1", ALL),
    ("roboto", "0.4.3", ALL),
    ("ubuntu", "0.4.1", ALL),
    ("vollkorn", "0.4.1", ALL),
]

# Where the full texts of the licences are taken from.
LICENCES = [("OFL.txt", "@fontsource/open-sans@5.3.0"), ("UFL.txt", "@fontsource/ubuntu@5.3.0")]


def members(package: str, folder: Path) -> dict[str, bytes]:
    """The files of a package of npm, by their paths in it."""
    archive = folder / (package.lstrip("@").replace("/", "-").replace("@", "-") + ".tgz")
    if not archive.exists():
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(archive) as tar:
        return {m.name.removeprefix("package/"): tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}


def names(font: bytes) -> dict[int, str]:
    """The English entries of a font's name table, as the OpenType specification describes it."""
    for index in range(struct.unpack_from(">H", font, 4)[0]):
        tag, _, at, length = struct.unpack_from(">4sLLL", font, 12 + 16 * index)
        if tag == b"name":
            table = font[at : at + length]
    _, count, strings = struct.unpack_from(">HHH", table)
    found = {}
    for index in range(count):
        platform, _, language, name, length, at = struct.unpack_from(">6H", table, 6 + 12 * index)
        text = table[strings + at : strings + at + length]
        if platform == 3 and language == 0x409:
            found[name] = text.decode("utf-16-be")
        elif platform == 1 and language == 0:
            found.setdefault(name, text.decode("mac-roman"))
    return found


def compressed(font: bytes) -> bytes:
    """With gzip, without a date or a name: equal fonts are equal files."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(font)
    return buffer.getvalue()


def licence(package: str) -> str:
    """What the registry states for `@fontsource/<package>`, the same font in another packaging."""
    return "[Ubuntu Font Licence 1.0](UFL.txt)" if package == "ubuntu" else "[SIL Open Font License 1.1](OFL.txt)"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    FONTS.mkdir(parents=True, exist_ok=True)
    for old in FONTS.glob("*.ttf.gz"):
        old.unlink()
    rows = []
    for package, version, styles in FAMILIES:
        files = members(f"@expo-google-fonts/{package}@{version}", folder)
        for style in styles:
            [path] = [path for path in files if re.fullmatch(rf"(.*/)?[A-Za-z]+_{style}\.ttf", path)]
            family = Path(path).name.split("_")[0]
            (FONTS / f"{family}-{STYLES[style]}.ttf.gz").write_bytes(compressed(files[path]))
        about = names(files[path])
        copyright = " ".join(about[0].split())
        rows.append(f"| {family} | {copyright} | {licence(package)} | `{package}` {version} |")
    for name, package in LICENCES:
        text = members(package, folder)["LICENSE"]
        # Above it stands the copyright of that font alone; those of all are in the table.
        (FONTS / name).write_bytes(text[max(0, text.find(b"This Font Software is licensed")) :])
    (FONTS / "LICENSES.md").write_text(
        "# The fonts of text layers\n\n"
        "Made by `scripts/fetch-fonts.py` from packages `@expo-google-fonts/…` of the npm registry. The fonts are as\n"
        "their authors published them; `gzip` is all that was done to the files.\n\n"
        "| font | copyright | licence | package |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    main()
