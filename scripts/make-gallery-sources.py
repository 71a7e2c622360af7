#!/usr/bin/env python3
"""Makes the pictures in docs/gallery/sources. Needs Pillow, as in tests/python/.venv."""

import io
import math
import pathlib

from PIL import Image, ImageDraw, ImageFilter

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCES = ROOT / "docs" / "gallery" / "sources"
SOURCES.mkdir(parents=True, exist_ok=True)


def smooth(width, height, draw, scale=4):
    """Draws large and scales down, so that edges are smooth."""
    image = Image.new("RGBA", (width * scale, height * scale))
    draw(ImageDraw.Draw(image), scale)
    return image.resize((width, height), Image.LANCZOS)


def lantern(draw, s):
    draw.arc((70 * s, 6 * s, 130 * s, 70 * s), 180, 360, fill=(90, 70, 60, 255), width=5 * s)
    draw.polygon([(p[0] * s, p[1] * s) for p in ((60, 60), (140, 60), (124, 38), (76, 38))], fill=(60, 70, 90, 255))
    draw.rounded_rectangle((66 * s, 60 * s, 134 * s, 166 * s), 10 * s, fill=(248, 200, 90, 255))
    for x in (66, 98, 130):
        draw.rectangle((x * s, 60 * s, (x + 4) * s, 166 * s), fill=(60, 70, 90, 255))
    draw.ellipse((84 * s, 90 * s, 118 * s, 150 * s), fill=(255, 240, 190, 255))
    draw.rounded_rectangle((54 * s, 160 * s, 146 * s, 182 * s), 8 * s, fill=(60, 70, 90, 255))


def mark(draw, s):
    draw.rounded_rectangle((20 * s, 14 * s, 100 * s, 46 * s), 16 * s, fill=(226, 60, 70, 255))
    draw.ellipse((26 * s, 18 * s, 50 * s, 42 * s), fill=(255, 255, 255, 255))
    draw.polygon([(x * s, y * s) for x, y in ((60, 40), (72, 20), (84, 40))], fill=(255, 255, 255, 255))


def portrait():
    """A head and shoulders left of the middle, before a plain wall."""
    image = Image.new("RGB", (360, 240), (196, 204, 200))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 165, 170, 330), fill=(64, 84, 130))
    draw.ellipse((65, 60, 137, 160), fill=(222, 172, 140))
    draw.pieslice((58, 44, 144, 140), 180, 360, fill=(70, 44, 30))
    for x in (84, 112):
        draw.ellipse((x, 104, x + 9, 110), fill=(40, 30, 30))
    draw.arc((86, 118, 118, 142), 20, 160, fill=(150, 70, 70), width=3)
    return image.filter(ImageFilter.GaussianBlur(0.8))


def waves():
    frames = []
    for step in range(8):
        frame = Image.new("RGB", (180, 120), (24, 60, 110))
        draw = ImageDraw.Draw(frame)
        draw.ellipse((120, 16, 150, 46), fill=(250, 220, 120))
        for row, blue in ((70, 150), (86, 180), (102, 210)):
            points = [(x, row + 6 * math.sin((x + row) / 14 + step * math.pi / 4)) for x in range(0, 181, 3)]
            draw.polygon([(0, 120), *points, (180, 120)], fill=(30, 90, blue))
        frames.append(frame)
    return frames


def pdf(path):
    """Two pages of plain drawing operators; no library writes them this small."""
    pages = [
        b"1 1 1 rg 0 0 200 140 re f 0.15 0.35 0.7 rg 20 80 160 40 re f 0.9 0.6 0.2 rg 20 20 70 50 re f 0.2 0.6 0.4 rg 110 20 70 50 re f",
        b"1 0.97 0.9 rg 0 0 200 140 re f 0.75 0.2 0.25 rg 30 20 m 100 120 l 170 20 l f",
    ]
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 2 /Kids [3 0 R 5 0 R] >>"]
    for number, page in enumerate(pages):
        content = 4 + 2 * number
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 140] /Resources << >> /Contents %d 0 R >>" % content)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page))
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, 2)
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    path.write_bytes(out.getvalue())


scene = Image.open(ROOT / "docs" / "sample.jpg").resize((360, 240), Image.LANCZOS)
scene.save(SOURCES / "scene.jpg", quality=92)
faint = scene.point(lambda v: 90 + v * 60 // 255)
faint.save(SOURCES / "faint.jpg", quality=92)
exif = Image.Exif()
exif[0x0112] = 6
scene.rotate(90, expand=True).save(SOURCES / "lying.jpg", quality=90, exif=exif)
smooth(200, 200, lantern).save(SOURCES / "lantern.png", optimize=True)
smooth(120, 60, mark).save(SOURCES / "mark.png", optimize=True)
framed = Image.new("RGB", (300, 220), (250, 250, 250))
framed.paste(scene.resize((210, 140)), (45, 40))
framed.save(SOURCES / "framed.jpg", quality=92)
portrait().save(SOURCES / "portrait.jpg", quality=92)
bulge = Image.new("RGB", (120, 120), (128, 128, 128))
for y in range(120):
    for x in range(120):
        bulge.putpixel((x, y), (128 + int(90 * math.sin(x / 9)), 128 + int(90 * math.sin(y / 9)), 128))
bulge.save(SOURCES / "ripple.png")
frames = waves()
frames[0].save(SOURCES / "waves.gif", save_all=True, append_images=frames[1:], duration=120, loop=0)
pdf(SOURCES / "pages.pdf")
(SOURCES / "badge.svg").write_text(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><defs><linearGradient id="g" x2="0" y2="1">'
    '<stop stop-color="#2a9d8f"/><stop offset="1" stop-color="#264653"/></linearGradient></defs>'
    '<circle cx="50" cy="50" r="44" fill="url(#g)"/><path d="M28 52l15 15 30-34" fill="none" stroke="#fff" stroke-width="9" '
    'stroke-linecap="round" stroke-linejoin="round"/></svg>\n'
)
