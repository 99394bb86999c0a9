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
    "thoại, tra cứu thông tin khám bệnh. Làm quen được một việc, bà con bớt một buổi đi lại, bớt một lần chờ đợi. "
    "Người trẻ trong nhà hãy dành chút thời gian chỉ cho ông bà, cha mẹ. Tổ công nghệ số cộng đồng ở thôn sẵn sàng "
    "đến tận nhà hướng dẫn bà con."
)
FARMING = (
    "Bản tin nông nghiệp. Bà con chú ý thăm đồng thường xuyên, thoát nước kịp thời sau mưa và theo dõi lịch gieo trồng "
    "vụ đông do hợp tác xã thông báo. Khi thấy sâu bệnh, cần báo ngay cho cán bộ khuyến nông, không tự ý tăng liều "
    "lượng thuốc."
)
NOTICE = (
    "Thông báo. Bộ phận một cửa của xã tiếp nhận hồ sơ trực tuyến vào tất cả các ngày làm việc. Bà con cần trợ giúp "
    "xin đến nhà văn hóa thôn."
)
MEETING = (
    "Thông báo họp thôn. Kính mời đại diện các hộ gia đình đến nhà văn hóa thôn để bàn việc chuẩn bị Ngày Chuyển đổi "
    "số quốc gia. Đề nghị bà con đến dự đông đủ, đúng giờ."
)
FILM = (
    "Phóng sự ngắn: lớp học kỹ năng số ở nhà văn hóa thôn, nơi người lớn tuổi học dùng điện thoại thông minh. Mỗi "
    "buổi tối thứ bảy, lớp lại sáng đèn."
)
TALK = (
    "Thưa quý vị và các bạn. Ngày 10 tháng 10 hằng năm là Ngày Chuyển đổi số quốc gia. Trong chương trình hôm nay, "
    "chúng ta cùng tìm hiểu vì sao chuyển đổi số cần bắt đầu từ mỗi gia đình.",
    "Chuyển đổi số không phải là chuyện của riêng cơ quan nhà nước hay của doanh nghiệp. Một gia đình biết dùng điện "
    "thoại để xem dự báo thời tiết, để hỏi giá phân bón, để gọi cho con em làm ăn xa, là gia đình ấy đã bắt đầu rồi.",
    "Thứ nhất là dịch vụ công trực tuyến. Nhiều thủ tục trước đây phải đi lại nhiều lần, nay có thể làm tại nhà vào "
    "bất cứ lúc nào. Bà con chỉ cần chuẩn bị giấy tờ, chụp ảnh rõ ràng và làm theo từng bước trên màn hình. Nếu chưa "
    "quen, xin mời đến bộ phận một cửa của xã, cán bộ sẽ cùng làm với bà con lần đầu.",
    "Thứ hai là thanh toán không dùng tiền mặt. Tiền điện, tiền nước, học phí của con em đều có thể trả bằng điện "
    "thoại. Hãy giữ kín mật khẩu, không đọc mã xác nhận cho bất kỳ ai, kể cả người tự xưng là cán bộ.",
    "Thứ ba là đưa nông sản lên chợ trực tuyến. Ảnh đẹp, thông tin thật, giao hàng đúng hẹn, đó là cách để người mua ở "
    "xa tin vào sản phẩm của quê mình. Hợp tác xã có thể đứng ra lập gian hàng chung, để nhà ít người cũng bán được.",
    "Thứ tư là chăm sóc sức khỏe và học tập. Người bệnh có thể đặt lịch khám trước khi đi, đỡ phải chờ lâu. Học sinh "
    "có thể xem lại bài giảng vào buổi tối. Cha mẹ nên ngồi cùng con, vừa để học, vừa để biết con đang xem những gì.",
    "Có những cụ ngoài bảy mươi tuổi lúc đầu rất ngại cầm chiếc điện thoại thông minh. Nhưng khi tự mình gọi được và "
    "nhìn thấy mặt cháu ở xa, các cụ vui lắm, rồi lại đi chỉ cho hàng xóm. Việc khó mấy, có người cầm tay chỉ việc "
    "thì cũng thành dễ.",
    "Cuối cùng, xin nhắc bà con: không bấm vào đường dẫn lạ, không cài ứng dụng không rõ nguồn gốc, không chuyển tiền "
    "khi chưa gọi điện hỏi lại người thân. Khi cần, hãy hỏi tổ công nghệ số cộng đồng của thôn.",
    "Chương trình đến đây là hết. Cảm ơn quý vị và các bạn đã lắng nghe.",
)


@dataclass(frozen=True)
class Spoken:
    """One spoken sample: text, voice, words a minute, gain in dB, channels, rate, and ffmpeg's codec options."""

    name: str
    text: str
    voice: str
    speed: int
    gain_db: float
    channels: int
    rate_hz: int
    codec: tuple[str, ...]


MP3 = ("-c:a", "libmp3lame", "-b:a", "96k")
SPOKEN = (
    Spoken("Bản tin chuyển đổi số.mp3", GREETING, "vi", 190, -9.0, 2, RATE_HZ, MP3),
    Spoken("Chuyên mục chuyển đổi số.m4a", DIGITAL, "vi-vn-x-south", 185, -12.0, 2, RATE_HZ, ("-c:a", "aac")),
    Spoken("ban-tin-nong-nghiep-qua-nho.flac", FARMING, "vi", 185, -27.0, 2, RATE_HZ, ("-c:a", "flac")),
    Spoken("thong-bao-qua-to.mp3", NOTICE, "vi-vn-x-central", 180, 15.0, 2, RATE_HZ, MP3),
    Spoken("Thông báo một kênh.opus", NOTICE, "vi", 180, -12.0, 1, 48_000, ("-c:a", "libopus", "-b:a", "32k")),
    Spoken("thong-bao-hop-thon-22k.wav", MEETING, "vi", 175, -6.0, 1, 22_050, ("-c:a", "pcm_s16le")),
)


def speak(text: str, voice: str, speed: int, folder: Path) -> Path:
    """Speak a text into a WAV file (mono, 22,050 Hz)."""
    path = folder / "speech.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path), text], check=True)
    return path


def convert(source: Path, target: Path, options: Sequence[str], second: Sequence[str] = ()) -> None:
    """Let ffmpeg make `target` of `source` (and of a `second` input), the same bytes every time."""
    inputs = ["ffmpeg", "-y", "-v", "error", "-nostdin", "-i", str(source), *second]
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


def make_spoken(one: Spoken, folder: Path, work: Path) -> None:
    """Make one spoken sample of the folder; `work` is for the speech that it is made of."""
    speech = speak(one.text, one.voice, one.speed, work)
    # Both channels get the speech as loud as it is: -ac would take 3 dB off, and flat tops would lie under full scale.
    layout = "pan=stereo|c0=c0|c1=c0," if one.channels == 2 else ""
    # As 16-bit samples, so that what is too loud is really clipped.
    loudness = f"volume={one.gain_db}dB,aformat=sample_fmts=s16"
    convert(speech, folder / one.name, ["-af", f"{layout}{loudness}", "-ar", str(one.rate_hz), *one.codec])


def make_film(path: Path, work: Path) -> None:
    """Make the film: a moving test picture of 12 s, and speech that ends before it."""
    picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=12"]
    video = ["-map", "1:v", "-map", "0:a", "-c:v", "libx264", "-crf", "36", "-pix_fmt", "yuv420p", "-threads", "1"]
    convert(speak(FILM, "vi", 180, work), path, [*video, "-c:a", "aac", "-b:a", "64k", "-af", "volume=-10dB"], picture)


def make_talk(path: Path, ident: Path, work: Path) -> None:
    """Make the long programme: ident, talk, ident."""
    same = f"aformat=sample_rates={RATE_HZ}:channel_layouts=mono"
    joined = f"[0:a]{same},volume=-8dB[talk];[1:a]{same},asplit[open][close];[open][talk][close]concat=n=3:v=0:a=1"
    speech = speak("\n\n".join(TALK), "vi", 165, work)
    convert(speech, path, ["-filter_complex", joined, "-c:a", "libmp3lame", "-b:a", "64k"], ["-i", str(ident)])


def make_all(folder: Path) -> None:
    """Make every sample of the folder."""
    ident = folder / "dai-hieu.wav"
    write_wav(ident, make_ident())
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for one in SPOKEN:
            make_spoken(one, folder, work)
        make_film(folder / "phong-su-lop-hoc-so.mp4", work)
        make_talk(folder / "Câu chuyện chuyển đổi số.mp3", ident, work)


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
