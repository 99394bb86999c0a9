"""Make the sample recordings of this folder: speech by espeak-ng, an ident by arithmetic, formats by ffmpeg.

    python audio/make_samples.py [FOLDER]

Needs espeak-ng, ffmpeg and numpy. The samples are faulty on purpose: too quiet, too loud, mono, a film.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 44_100
Samples = npt.NDArray[np.float64]

GREETING = (
    "Đây là Đài truyền thanh huyện Triệu Sơn. Kính chào quý vị và các bạn. Hôm nay, ngày 10 tháng 10, cả nước hưởng "
    "ứng Ngày Chuyển đổi số quốc gia. Mời bà con cùng nghe những tin chính trong ngày."
)
DIGITAL = (
    "Chuyên mục Chuyển đổi số. Chuyển đổi số bắt đầu từ những việc nhỏ: nộp hồ sơ qua mạng, trả tiền điện bằng điện "
    "thoại, tra cứu thông tin khám bệnh. Tổ công nghệ số cộng đồng ở thôn sẵn sàng đến tận nhà hướng dẫn bà con."
)
FARMING = (
    "Bản tin nông nghiệp. Bà con chú ý thăm đồng thường xuyên, thoát nước kịp thời sau mưa và theo dõi lịch gieo trồng "
    "vụ đông do hợp tác xã thông báo."
)
NOTICE = (
    "Thông báo. Bộ phận một cửa của xã tiếp nhận hồ sơ trực tuyến vào tất cả các ngày làm việc. Bà con cần trợ giúp "
    "xin đến nhà văn hóa thôn."
)
FILM = (
    "Phóng sự ngắn: lớp học kỹ năng số ở nhà văn hóa thôn, nơi người lớn tuổi học dùng điện thoại thông minh. Mỗi "
    "buổi tối thứ bảy, lớp lại sáng đèn."
)
TALK = (
    "Thưa quý vị và các bạn. Trong chương trình hôm nay chúng ta cùng tìm hiểu vì sao chuyển đổi số cần bắt đầu từ mỗi "
    "gia đình.",
    "Thứ nhất là dịch vụ công trực tuyến. Nhiều thủ tục trước đây phải đi lại nhiều lần, nay có thể làm tại nhà vào "
    "bất cứ lúc nào. Bà con chỉ cần chuẩn bị giấy tờ, chụp ảnh rõ ràng và làm theo từng bước trên màn hình.",
    "Thứ hai là thanh toán không dùng tiền mặt. Tiền điện, tiền nước, học phí của con em đều có thể trả bằng điện "
    "thoại. Hãy giữ kín mật khẩu, không đọc mã xác nhận cho bất kỳ ai, kể cả người tự xưng là cán bộ.",
    "Thứ ba là đưa nông sản lên chợ trực tuyến. Ảnh đẹp, thông tin thật, giao hàng đúng hẹn, đó là cách để người mua ở "
    "xa tin vào sản phẩm của quê mình.",
    "Cuối cùng, xin nhắc bà con: không bấm vào đường dẫn lạ, không cài ứng dụng không rõ nguồn gốc. Khi cần, hãy hỏi "
    "tổ công nghệ số cộng đồng của thôn. Cảm ơn quý vị và các bạn đã lắng nghe.",
)


@dataclass(frozen=True)
class Spoken:
    """One spoken sample: text, voice, words a minute, gain in dB, and what ffmpeg makes of it."""

    name: str
    text: str
    voice: str
    speed: int
    gain_db: float
    encode: tuple[str, ...]


SPOKEN = (
    Spoken("Bản tin chuyển đổi số.mp3", GREETING, "vi", 190, -6.0, ("-c:a", "libmp3lame", "-b:a", "96k", "-ac", "2")),
    Spoken(
        "Chuyên mục chuyển đổi số.m4a", DIGITAL, "vi-vn-x-south", 185, -9.0, ("-c:a", "aac", "-b:a", "96k", "-ac", "2")
    ),
    Spoken("ban-tin-nong-nghiep-qua-nho.flac", FARMING, "vi", 185, -24.0, ("-c:a", "flac", "-ac", "2")),
    Spoken(
        "thong-bao-qua-to.mp3", NOTICE, "vi-vn-x-central", 180, 24.0, ("-c:a", "libmp3lame", "-b:a", "96k", "-ac", "2")
    ),
    Spoken("Thông báo một kênh.opus", NOTICE, "vi", 180, -12.0, ("-c:a", "libopus", "-b:a", "32k", "-ac", "1")),
)


def speak(text: str, voice: str, speed: int, folder: Path) -> Path:
    """Speak a text into a WAV file (mono, 22,050 Hz)."""
    path = folder / "speech.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path), text], check=True)
    return path


def convert(source: Path, target: Path, options: Sequence[str], picture: Sequence[str] = ()) -> None:
    """Let ffmpeg make `target` of `source` (and of a second input), the same bytes every time."""
    inputs = ["ffmpeg", "-y", "-v", "error", "-nostdin", "-i", str(source), *picture]
    subprocess.run([*inputs, "-map_metadata", "-1", "-bitexact", *options, f"file:{target}"], check=True)


def make_note(frequency_hz: float, length_s: float, pan: float) -> Samples:
    """Make one plucked note as stereo samples; `pan` goes from 0 (left) to 1 (right)."""
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    tone = sum(np.sin(2 * np.pi * frequency_hz * n * t) / n**1.6 for n in range(1, 6))
    envelope = np.minimum(t / 0.008, 1.0) * np.exp(-t * 2.4) * np.minimum((length_s - t) / 0.2, 1.0)
    mono = np.asarray(tone * envelope)
    return np.column_stack((mono * (1 - pan), mono * pan))


def make_ident() -> Samples:
    """Make the ident: five notes of the pentatonic scale that the monochord plays in, 4 s."""
    melody = ((0.0, 392.0, 0.5), (0.35, 440.0, 0.35), (0.7, 523.25, 0.65), (1.05, 587.33, 0.4), (1.5, 783.99, 0.5))
    sound = np.zeros((round(4.0 * RATE_HZ), 2))
    for start_s, frequency_hz, pan in melody:
        note = make_note(frequency_hz, 4.0 - start_s, pan)
        begin = round(start_s * RATE_HZ)
        sound[begin : begin + len(note)] += note
    return np.asarray(0.5 * sound / np.abs(sound).max())


def write_wav(path: Path, sound: Samples) -> None:
    """Write stereo samples as 16-bit WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((sound * 32_767).astype("<i2").tobytes())


def make_all(folder: Path) -> None:
    """Make every sample of the folder."""
    write_wav(folder / "dai-hieu.wav", make_ident())
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for one in SPOKEN:
            # As 16-bit samples, so that what is too loud is really clipped.
            loudness = f"volume={one.gain_db}dB,aformat=sample_fmts=s16"
            rate_hz = 48_000 if one.name.endswith("opus") else RATE_HZ
            speech = speak(one.text, one.voice, one.speed, work)
            convert(speech, folder / one.name, ["-af", loudness, "-ar", str(rate_hz), *one.encode])
        picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10"]
        video = ["-shortest", "-map", "1:v", "-map", "0:a", "-c:v", "libx264", "-crf", "36", "-pix_fmt", "yuv420p"]
        sound = ["-threads", "1", "-c:a", "aac", "-b:a", "64k", "-af", "volume=-10dB"]
        film = speak(FILM, "vi", 180, work)
        convert(film, folder / "phong-su-lop-hoc-so.mp4", [*video, *sound], picture)
        talk = ["-c:a", "libmp3lame", "-b:a", "64k", "-ac", "1", "-ar", str(RATE_HZ), "-af", "volume=-8dB"]
        convert(speak("\n\n".join(TALK), "vi", 170, work), folder / "Câu chuyện chuyển đổi số.mp3", talk)


def main() -> None:
    """Read the command line and make the samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    make_all(folder)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>9} {path.name}")


if __name__ == "__main__":
    main()
