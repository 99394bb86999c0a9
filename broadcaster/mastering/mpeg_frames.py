"""MPEG audio frames: enough of them to know an MP3 by its content and to see whether it was cut off. Pure.

Sources: ISO/IEC 11172-3 clause 2.4 and 13818-3 (frame header); the Xing and Info header as LAME writes it.
"""

from __future__ import annotations

from dataclasses import dataclass

_BITRATES_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_ENDINGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"3DI", b"ID3")
_CHAIN = 3


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What the four bytes of a frame header say."""

    size_bytes: int
    samples: int
    rate_hz: int
    is_low_rate: bool
    is_mono: bool
    layer: int
    bitrate_kbps: int


def match_frame(data: bytes, at: int) -> FrameHeader | None:
    """Read the frame header at an offset; None when none stands there (free-format frames are not taken)."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    is_low_rate = version != 3
    kbps = _BITRATES_KBPS[(2, min(layer, 2)) if is_low_rate else (1, layer)][bitrate - 1]
    rate_hz = _RATES_HZ[version][rate]
    samples = 384 if layer == 1 else 576 if layer == 3 and is_low_rate else 1152
    if layer == 1:
        size_bytes = (12_000 * kbps // rate_hz + padding) * 4
    else:
        size_bytes = samples // 8 * 1000 * kbps // rate_hz + padding
    return FrameHeader(size_bytes, samples, rate_hz, is_low_rate, head[3] >> 6 == 3, layer, kbps)


def match_adts(data: bytes, at: int) -> int | None:
    """Give the size of the AAC frame with an ADTS header at an offset; None when none stands there."""
    head = data[at : at + 7]
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return None
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size > 7 else None


def has_frame_chain(data: bytes, at: int, *, is_adts: bool = False) -> bool:
    """Tell whether frames follow each other at an offset: three of them, or fewer that end where the data ends."""
    for count in range(_CHAIN):
        if count and at == len(data):
            return True
        frame = match_frame(data, at)
        size = match_adts(data, at) if is_adts else frame and frame.size_bytes
        if not size:
            return False
        at += size
    return True


def find_frame(data: bytes, start: int = 0) -> int | None:
    """Find the first chain of MPEG audio frames; None when the data holds none."""
    at = data.find(b"\xff", start)
    while at >= 0:
        if has_frame_chain(data, at):
            return at
        at = data.find(b"\xff", at + 1)
    return None


def match_announced_frames(data: bytes, at: int = 0) -> int | None:
    """Give the number of frames that the Xing or Info header in the frame at an offset announces; None without one."""
    frame = match_frame(data, at)
    if frame is None:
        return None
    side = (9 if frame.is_mono else 17) if frame.is_low_rate else (17 if frame.is_mono else 32)
    xing = data[at + 4 + side : at + 16 + side]
    if len(xing) < 12 or xing[:4] not in (b"Xing", b"Info") or not xing[7] & 1:
        return None
    return int.from_bytes(xing[8:12], "big")


def match_announced_s(data: bytes, at: int) -> float | None:
    """Give the length (s) that the Xing or Info header in the frame at an offset announces; None without one."""
    frame, frames = match_frame(data, at), match_announced_frames(data, at)
    return None if frame is None or frames is None else frames * frame.samples / frame.rate_hz


def is_cut_in_frame(tail: bytes) -> bool:
    """Tell whether the end of an MP3 file lies inside a frame, as where copying broke off.

    Args:
        tail: The file's last bytes, some frames long.

    Returns:
        False when the last frame is whole, be it followed by a tag or by zeros; True too when no frame is found.
    """
    at = find_frame(tail)
    if at is None:
        return True
    while (frame := match_frame(tail, at)) is not None:
        at += frame.size_bytes
    return at > len(tail) or not is_ending(tail[at:])


def is_ending(rest: bytes) -> bool:
    """Tell whether what follows the last frame is a tag, zeros, or nothing."""
    return rest.startswith(_ENDINGS) or not rest.strip(b"\0")
