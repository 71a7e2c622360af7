"""Delivered bytes as Pillow, a decoder that is not ours, sees them."""

import io

from PIL import Image


def opened(body):
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def seen(answer):
    """`(format, width, height)` of a delivered picture, whose Content-Type must name the same format."""
    assert answer.status == 200, answer
    image = opened(answer.body)
    assert answer.headers["Content-Type"] == f"image/{image.format.lower()}", answer
    return (image.format, *image.size)
