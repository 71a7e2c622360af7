#!/usr/bin/env python3
"""Makes the pictures in tests/files and the seeds in fuzz/seeds/probe. Needs Pillow with AVIF, as in tests/python/.venv."""

import pathlib
import struct
import zlib

from PIL import Image, ImageDraw

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = ROOT / "tests" / "files"
SEEDS = ROOT / "fuzz" / "seeds" / "probe"


def scene(width, height):
    """A sky, a sun and hills: gradients and edges, as a photograph has them. Top left is dark blue, bottom right green."""
    sky = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", (sky.point(lambda v: v // 2), sky.point(lambda v: 40 + v // 2), sky.point(lambda v: 140 + v // 3)))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.62, height * 0.12, width * 0.78, height * 0.36), fill=(250, 220, 120))
    for i, green in enumerate((70, 95, 120)):
        base = height * (0.55 + 0.14 * i)
        points = [(x, base + height * 0.06 * ((x * (i + 2) // (width // 8)) % 2)) for x in range(0, width + 1, width // 16)]
        draw.polygon([(0, height), *points, (width, height)], fill=(30, green, 50))
    return image


def quadrants(width, height):
    """Red, green, blue, white: which corner is where tells how a picture was turned."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill="red")
    draw.rectangle((width // 2, 0, width, height // 2 - 1), fill="lime")
    draw.rectangle((0, height // 2, width // 2 - 1, height), fill="blue")
    return image


def with_orientation(path, image, value):
    exif = Image.Exif()
    exif[0x0112] = value
    image.save(path, quality=90, exif=exif)


def png_header(width, height):
    """A PNG that declares a size and holds almost nothing."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def alpha(width, height):
    image = scene(width, height).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return image


FILES.mkdir(parents=True, exist_ok=True)
SEEDS.mkdir(parents=True, exist_ok=True)

scene(1200, 800).save(FILES / "photo.jpg", quality=85)
with_orientation(FILES / "on-its-side.jpg", quadrants(300, 200), 6)
alpha(240, 160).save(FILES / "alpha.png")
frames = [Image.new("P", (64, 48), i) for i in range(3)]
for frame in frames:
    frame.putpalette([200, 30, 30, 30, 200, 30, 30, 30, 200] + [0] * 759)
frames[0].save(FILES / "three-frames.gif", save_all=True, append_images=frames[1:], duration=100, loop=0)
scene(300, 200).save(FILES / "photo.webp", quality=80)
scene(300, 200).save(FILES / "photo.avif", quality=60)
(FILES / "bomb.png").write_bytes(png_header(65535, 65535))
whole = (FILES / "photo.jpg").read_bytes()
(FILES / "truncated.jpg").write_bytes(whole[: len(whole) // 2])

small = scene(16, 16)
small.save(SEEDS / "rgb.jpg")
small.save(SEEDS / "progressive.jpg", progressive=True)
small.convert("CMYK").save(SEEDS / "cmyk.jpg")
with_orientation(SEEDS / "orientation.jpg", small, 8)
small.save(SEEDS / "rgb.png")
alpha(16, 16).save(SEEDS / "rgba.png")
small.convert("P").save(SEEDS / "palette.png")
small.save(SEEDS / "still.gif")
frames[0].save(SEEDS / "animated.gif", save_all=True, append_images=frames[1:])
small.save(SEEDS / "lossy.webp")
alpha(16, 16).save(SEEDS / "lossless.webp", lossless=True)
frames[0].convert("RGB").save(SEEDS / "animated.webp", save_all=True, append_images=[f.convert("RGB") for f in frames[1:]])
small.save(SEEDS / "still.avif")
alpha(16, 16).save(SEEDS / "alpha.avif")
(SEEDS / "bomb.png").write_bytes(png_header(65535, 65535))
