"""The sample recordings that the demo plays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of audio/ and what the demo says of it. `column` None makes it an ident."""

    file_name: str
    id: str
    title: str
    column: str | None


RECORDINGS = (
    Recording("dai-hieu.wav", "dai-hieu", "Đài hiệu Triệu Sơn", None),
    Recording("Bản tin chuyển đổi số.mp3", "ban-tin", "Bản tin Ngày Chuyển đổi số quốc gia", "thoi-su"),
    Recording("thong-bao-qua-to.mp3", "thong-bao", "Thông báo của bộ phận một cửa", "thoi-su"),
    Recording("phong-su-lop-hoc-so.mp4", "phong-su", "Phóng sự: lớp học kỹ năng số", "chuyen-doi-so"),
)
