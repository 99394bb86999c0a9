"""The checklist of a new box: what a commune's officer does, step by step, and what the centre does then."""

from __future__ import annotations

from broadcaster.wire.enrolment import Enrolment


def write_vietnamese(enrolment: Enrolment) -> str:
    """Write the checklist in Vietnamese."""
    station, phone = enrolment.station, "..............................."
    tunnel = (
        f"""
    Hộp tự gọi ra trung tâm ({enrolment.tunnel.host}, cổng {enrolment.tunnel.port}): không phải mở cổng nào ở xã."""
        if enrolment.tunnel is not None
        else ""
    )
    still = " `tunnel` còn `wrong` đến khi xong bước 7." if enrolment.tunnel is not None else ""
    address = (
        ""
        if enrolment.tunnel is not None
        else f"""
       Nếu trong schedules/stations.yaml, {station} chưa có `host` (địa chỉ của hộp) thì ghi vào.
       Hộp không có đường truyền thì dùng USB thay bước 8: broadcaster usb export THƯ_MỤC --to {station}"""
    )
    return f"""\
CÀI ĐẶT HỘP TRUYỀN THANH: {enrolment.name} ({station})
{enrolment.centre}

Mang theo: USB có thư mục `broadcaster` (phần mềm) và tệp `{station}.json` (không chứa bí mật).
Hộp chạy Debian 12 hoặc Raspberry Pi OS, đã có mạng Internet.

Tại hộp
[ ] 1. Nối tiếng ra của hộp vào amply, cắm mạng, cắm điện, bật máy.{tunnel}
[ ] 2. Cắm USB, mở cửa sổ lệnh trong USB, gõ đúng một dòng (mất vài phút):
           sudo bash broadcaster/install-station.sh {station}.json
[ ] 3. Chép vân tay của hộp, dòng bắt đầu bằng SHA256:
           SHA256:____________________________________________
[ ] 4. Bật amply nhỏ tiếng, gõ:
           sudo broadcaster-station check --sound
       Nghe ba tiếng cao dần ra loa: [ ] có. Không còn dòng nào là `wrong`: [ ] đúng.
       Dòng `wrong` nào cũng ghi phải làm gì; làm xong gõ lại lệnh.{still}
[ ] 5. Gọi trung tâm ({phone}), đọc vân tay ở bước 3.
[ ] 6. Gửi hoặc đem USB có tệp `{station}-reply.json` về trung tâm (tệp không chứa bí mật).

Tại trung tâm
[ ] 7. broadcaster station enrol {station} --reply {station}-reply.json
       So vân tay trên màn hình với vân tay nghe qua điện thoại; chỉ xác nhận khi giống hệt.{address}
[ ] 8. broadcaster push --station {station}
       Hộp nhận chương trình và trả biên nhận.

Người cài đặt: ........................................  Ngày: ....../....../..........
"""


def write_english(enrolment: Enrolment) -> str:
    """Write the checklist in English."""
    station, phone = enrolment.station, "..............................."
    tunnel = (
        f"""
    The box calls the centre by itself ({enrolment.tunnel.host}, port {enrolment.tunnel.port}): open no port here."""
        if enrolment.tunnel is not None
        else ""
    )
    still = " `tunnel` stays `wrong` until step 7 is done." if enrolment.tunnel is not None else ""
    address = (
        ""
        if enrolment.tunnel is not None
        else f"""
       Where schedules/stations.yaml has no `host` (the box's address) for {station} yet, write it there.
       A box without any line gets a stick instead of step 8: broadcaster usb export FOLDER --to {station}"""
    )
    return f"""\
SETTING UP THE BOX OF {enrolment.name} ({station})
{enrolment.centre}

To bring: a USB stick with the folder `broadcaster` (the program) and the file `{station}.json` (it holds no secret).
The box runs Debian 12 or Raspberry Pi OS and has the Internet.

At the box
[ ] 1. Sound output to the amplifier, network, power; switch on.{tunnel}
[ ] 2. Put in the stick, open a terminal in it, type exactly one line (it takes some minutes):
           sudo bash broadcaster/install-station.sh {station}.json
[ ] 3. Copy the box's fingerprint, the line that begins with SHA256:
           SHA256:____________________________________________
[ ] 4. Amplifier on, low; type:
           sudo broadcaster-station check --sound
       Three rising notes from the loudspeakers: [ ] yes. No line says `wrong` any more: [ ] true.
       Each `wrong` says what to do; then type the command again.{still}
[ ] 5. Telephone the centre ({phone}) and read out the fingerprint of step 3.
[ ] 6. Send or bring the stick's file `{station}-reply.json` to the centre (it holds no secret).

At the centre
[ ] 7. broadcaster station enrol {station} --reply {station}-reply.json
       Compare the fingerprint on the screen with the one on the telephone; confirm only the very same.{address}
[ ] 8. broadcaster push --station {station}
       The box receives the programmes and sends its receipts.

Set up by: ........................................  Date: ....../....../..........
"""


CHECKLISTS = {"vi": write_vietnamese, "en": write_english}
