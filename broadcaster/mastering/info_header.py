"""The Info header: a silent first frame that tells a player how many frames follow and which samples to leave out.

With it ffmpeg and mpv play a master to the sample: LAME's delay at the beginning and the padding at the end are cut
off. The checksum of the whole music, which no player looks at, is left at zero.

Sources: Xing header as LAME writes it (Mp3 Info Tag revision 1).
"""

from __future__ import annotations

from broadcaster.mastering.mpeg_frames import match_frame

ENCODER_DELAY = 576
DECODER_DELAY = 529
FRAME_SAMPLES = 1152
_SIDE_BYTES = 32
_SMALLEST_KBPS = 64  # a smaller frame has no room for it
_HAS_ALL = 0x0F
_TOC = bytes(n * 256 // 100 for n in range(100))
_CBR = 0x01
_TAG = b"LAME3.100"


def count_frames(samples: int) -> int:
    """Give how many frames hold so many samples and the delays of encoder and decoder. Pure."""
    return -(-(samples + ENCODER_DELAY + DECODER_DELAY) // FRAME_SAMPLES)


def plan_info_header(first_frame: bytes, bitrate_kbps: int, samples: int, audio_bytes: int) -> bytes:
    """Make the header frame for a stream of `count_frames(samples)` stereo frames at a constant bit rate. Pure.

    Args:
        first_frame: The stream's first frame, whose four header bytes it takes over.
        bitrate_kbps: Of the stream.
        samples: How many are meant to sound.
        audio_bytes: Of the stream, without this frame.
    """
    rates = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    rate = rates.index(max(bitrate_kbps, _SMALLEST_KBPS))
    head = bytes((first_frame[0], first_frame[1] | 1, rate << 4 | first_frame[2] & 0x0C, first_frame[3] & 0xCF))
    frame = match_frame(head, 0)
    size = frame.size_bytes if frame else 0
    frames = count_frames(samples)
    padding = frames * FRAME_SAMPLES - ENCODER_DELAY - samples
    body = head + bytes(_SIDE_BYTES) + b"Info" + _HAS_ALL.to_bytes(4, "big") + frames.to_bytes(4, "big")
    body += (size + audio_bytes).to_bytes(4, "big") + _TOC + (57).to_bytes(4, "big")
    body += _TAG + bytes((_CBR, 0)) + bytes(8) + bytes((0, min(bitrate_kbps, 255)))
    body += (ENCODER_DELAY << 12 | padding).to_bytes(3, "big") + bytes(4)
    body += (size + audio_bytes).to_bytes(4, "big") + bytes(2)
    return (body + _sum_crc(body).to_bytes(2, "big")).ljust(size, b"\0")


def _sum_crc(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc
