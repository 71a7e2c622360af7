#!/usr/bin/env python3
"""Makes the small fonts of crates/engine/tests/cases/text/fonts: one for each way in which a font can have colours, one with
a weight axis, and two that ask for more than can be done. Needs fontTools and Pillow from PyPI. Run it to change them; the result is committed.
"""

import io
from pathlib import Path

from fontTools.colorLib.builder import buildCOLR, buildCPAL
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import newTable
from fontTools.ttLib.tables import otTables
from fontTools.ttLib.tables.BitmapGlyphMetrics import SmallGlyphMetrics
from fontTools.ttLib.tables.C_B_D_T_ import cbdt_bitmap_format_17
from fontTools.ttLib.tables.E_B_L_C_ import SbitLineMetrics, Strike, eblc_index_sub_table_1
from fontTools.ttLib.tables.sbixGlyph import Glyph as SbixGlyph
from fontTools.ttLib.tables.sbixStrike import Strike as SbixStrike
from fontTools.ttLib.tables.TupleVariation import TupleVariation
from PIL import Image, ImageDraw

FONTS = Path(__file__).resolve().parent.parent / "crates/engine/tests/cases/text/fonts"
FACE, HEART, STAR, WATCH = "face", "heart", "star", "watch"
LETTERS = {0x1F600: FACE, 0x2764: HEART, 0x2B50: STAR, 0x231A: WATCH}
PALETTE = [(1.0, 0.8, 0.0, 1.0), (0.9, 0.1, 0.2, 1.0), (0.1, 0.3, 0.9, 1.0), (0.1, 0.1, 0.1, 1.0)]


def polygon(*points):
    pen = TTGlyphPen(None)
    pen.moveTo(points[0])
    for point in points[1:]:
        pen.lineTo(point)
    pen.closePath()
    return pen.glyph()


def box(left, bottom, right, top):
    return polygon((left, bottom), (left, top), (right, top), (right, bottom))


SHAPES = {
    ".notdef": box(100, 0, 900, 800),
    "square": box(50, -100, 950, 800),
    "left": box(200, 400, 350, 600),
    "right": box(650, 400, 800, 600),
    "diamond": polygon((500, -100), (50, 350), (500, 800), (950, 350)),
}


def start(name, shapes, letters):
    order = [".notdef", *[glyph for glyph in shapes if glyph != ".notdef"]]
    order += [glyph for glyph in letters.values() if glyph not in order]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(letters)
    empty = TTGlyphPen(None).glyph()
    builder.setupGlyf({glyph: shapes.get(glyph, empty) for glyph in order})
    left = {glyph: getattr(builder.font["glyf"][glyph], "xMin", 0) for glyph in order}
    builder.setupHorizontalMetrics({glyph: (1000, left[glyph]) for glyph in order})
    builder.setupHorizontalHeader(ascent=900, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=900, sTypoDescender=-200)
    builder.setupPost()
    return builder


def finish(builder, name):
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    builder.save(FONTS / name)


def solid(index, alpha=1.0):
    return {"Format": otTables.PaintFormat.PaintSolid, "PaletteIndex": index, "Alpha": alpha}


def filled(glyph, paint):
    return {"Format": otTables.PaintFormat.PaintGlyph, "Glyph": glyph, "Paint": paint}


def line(*stops):
    return {"ColorStop": [(offset, index) for offset, index in stops], "Extend": "pad"}


def flat():
    builder = start("Flat", SHAPES, LETTERS)
    layers = {FACE: [("diamond", 0), ("left", 3), ("right", 0xFFFF)], HEART: [("square", 1)]}
    builder.font["COLR"] = buildCOLR(layers, version=0)
    builder.font["CPAL"] = buildCPAL([PALETTE])
    finish(builder, "colr0.ttf")


def drawn():
    paint = otTables.PaintFormat
    linear = {"Format": paint.PaintLinearGradient, "ColorLine": line((0, 0), (1, 1))}
    linear |= {"x0": 500, "y0": 800, "x1": 500, "y1": -100, "x2": 600, "y2": 800}
    radial = {"Format": paint.PaintRadialGradient, "ColorLine": line((0, 0), (1, 2))}
    radial |= {"x0": 400, "y0": 500, "r0": 0, "x1": 500, "y1": 350, "r1": 450}
    # Counter-clockwise from the right: yellow at 0 degrees, red a half turn on, blue at the end.
    sweep = {"Format": paint.PaintSweepGradient, "ColorLine": line((0, 0), (0.5, 1), (1, 2))}
    sweep |= {"centerX": 500, "centerY": 350, "startAngle": 0, "endAngle": 360}
    turned = {"Format": paint.PaintRotateAroundCenter, "angle": 45, "centerX": 500, "centerY": 350}
    layers = [filled("diamond", linear), filled("left", solid(3)), filled("right", solid(0xFFFF))]
    cut = {"Format": paint.PaintComposite, "CompositeMode": "src_out"}
    cut |= {"SourcePaint": filled("square", solid(2)), "BackdropPaint": filled("diamond", solid(1))}
    glyphs = {
        FACE: {"Format": paint.PaintColrLayers, "Layers": layers},
        HEART: filled("square", radial),
        STAR: filled("diamond", sweep),
        WATCH: {**turned, "Paint": cut},
    }
    builder = start("Drawn", SHAPES, LETTERS)
    builder.font["COLR"] = buildCOLR(glyphs, version=1, clipBoxes={FACE: (50, -100, 950, 800)})
    builder.font["CPAL"] = buildCPAL([PALETTE])
    finish(builder, "colr1.ttf")


def picture(size):
    """A yellow disc with a hole to its lower right, and a red corner at its upper left."""
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    draw.ellipse((0, 0, size - 1, size - 1), fill=(255, 204, 0, 255))
    draw.ellipse((size // 2, size // 2, size * 3 // 4, size * 3 // 4), fill=(0, 0, 0, 0))
    draw.rectangle((0, 0, size // 4, size // 4), fill=(230, 26, 51, 255))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def bitmaps():
    builder = start("Bitmaps", {".notdef": SHAPES[".notdef"]}, {0x1F600: FACE})
    metrics = SmallGlyphMetrics()
    metrics.height = metrics.width = 64
    metrics.BearingX, metrics.BearingY, metrics.Advance = 4, 56, 72
    glyph = cbdt_bitmap_format_17.__new__(cbdt_bitmap_format_17)
    glyph.metrics, glyph.imageData = metrics, picture(64)
    data, places = newTable("CBDT"), newTable("CBLC")
    data.version = places.version = 3.0
    data.strikeData = [{FACE: glyph}]
    strike = Strike()
    table = strike.bitmapSizeTable
    for direction in ("hori", "vert"):
        line = SbitLineMetrics()
        for field in ("ascender", "descender", "widthMax", "caretSlopeNumerator", "caretSlopeDenominator", "caretOffset"):
            setattr(line, field, 0)
        for field in ("minOriginSB", "minAdvanceSB", "maxBeforeBL", "minAfterBL", "pad1", "pad2"):
            setattr(line, field, 0)
        line.ascender, line.descender, line.widthMax = 56, -8, 72
        setattr(table, direction, line)
    table.colorRef, table.flags, table.bitDepth = 0, 1, 32
    table.ppemX = table.ppemY = 72
    index = eblc_index_sub_table_1.__new__(eblc_index_sub_table_1)
    index.indexFormat, index.imageFormat, index.names = 1, 17, [FACE]
    index.firstGlyphIndex = index.lastGlyphIndex = 1
    strike.indexSubTables = [index]
    places.strikes = [strike]
    builder.font["CBDT"], builder.font["CBLC"] = data, places
    finish(builder, "cbdt.ttf")

    builder = start("Strikes", {".notdef": SHAPES[".notdef"]}, {0x1F600: FACE})
    table = newTable("sbix")
    table.version, table.flags = 1, 1
    strike = SbixStrike(ppem=72, resolution=72)
    strike.glyphs[FACE] = SbixGlyph(
        glyphName=FACE, graphicType="png ", imageData=picture(64), originOffsetX=4, originOffsetY=-8
    )
    table.strikes = {72: strike}
    builder.font["sbix"] = table
    finish(builder, "sbix.ttf")


def variable():
    builder = start("Weights", {".notdef": SHAPES[".notdef"], "I": box(400, 0, 500, 700)}, {ord("I"): "I"})
    builder.setupFvar([("wght", 400, 400, 700, "Weight")], [])
    wider = [(-150, 0), (-150, 0), (150, 0), (150, 0), (0, 0), (0, 0), (0, 0), (0, 0)]
    builder.setupGvar({"I": [TupleVariation({"wght": (0.0, 1.0, 1.0)}, wider)]})
    finish(builder, "weights.ttf")


def endless():
    """Thirty glyphs, each made of the next one twice; and paints in the same way."""
    names = [f"level{number}" for number in range(30)]
    shapes = {".notdef": SHAPES[".notdef"], "leaf": SHAPES["square"]}
    for name, below in reversed(list(zip(names, [*names[1:], "leaf"]))):
        pen = TTGlyphPen(shapes)
        pen.addComponent(below, (1, 0, 0, 1, 0, 0))
        pen.addComponent(below, (1, 0, 0, 1, 10, 0))
        shapes[name] = pen.glyph()
    builder = start("Endless", shapes, {ord("I"): "level0"})
    # Or fontTools counts the points.
    builder.font.recalcBBoxes = False
    finish(builder, "endless.ttf")

    paint = otTables.PaintFormat
    names = [f"level{number}" for number in range(30)]
    glyphs = {}
    for name, below in zip([FACE, *names], [*names, None]):
        part = {"Format": paint.PaintColrGlyph, "Glyph": below} if below else filled("square", solid(1))
        glyphs[name] = {"Format": paint.PaintComposite, "CompositeMode": "src_over", "SourcePaint": part, "BackdropPaint": part}
    builder = start("Endless colours", SHAPES | {name: SHAPES["left"] for name in names}, {0x1F600: FACE})
    builder.font["COLR"] = buildCOLR(glyphs, version=1)
    builder.font["CPAL"] = buildCPAL([PALETTE])
    finish(builder, "endless-colr.ttf")


if __name__ == "__main__":
    FONTS.mkdir(parents=True, exist_ok=True)
    flat()
    drawn()
    bitmaps()
    variable()
    endless()
