"""What is wrong with a recording is told, and nothing is changed by it; clean recordings are left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadcaster.core.errors import SilentProgrammeError
from broadcaster.core.model import LoudspeakerProfile, MasteringTarget, SoundFault, SoundWarning
from broadcaster.core.time import SystemClock
from broadcaster.mastering.load import check_source
from broadcaster.mastering.master import make_master, measure_source
from broadcaster.mastering.picture import draw_picture
from tests.audio.test_mastering import SPEECH, TAGS, TARGET, make_sound, run_ffmpeg

LOUD = "sine=300:d=8,volume=24dB,aformat=sample_fmts=s16:channel_layouts=stereo"
AUDIO = Path(__file__).parents[2] / "audio"
NOISE = "anoisesrc=d=12:c=pink:a=0.1"


def find_warnings(source: Path) -> tuple[SoundWarning, ...]:
    return measure_source(check_source(source, SystemClock()), lambda _: None).warnings


@pytest.mark.parametrize(
    "path", sorted(path for path in AUDIO.iterdir() if path.suffix not in (".md", ".py")), ids=lambda path: path.name
)
def test_real_recordings_give_no_warning_but_the_one_that_was_recorded_too_loud(path: Path) -> None:
    expected = [SoundFault.CLIPPED] if path.stem == "thong-bao-qua-to" else []  # "announcement, too loud"
    assert [one.fault for one in find_warnings(path) if one.fault is not SoundFault.SHORT] == expected


@pytest.mark.parametrize(("graph", "fault", "told"), [
    (LOUD, SoundFault.CLIPPED, "it was recorded too loud: clipped in about"),
    (f"{NOISE},pan=stereo|c0=c0|c1=0*c0", SoundFault.SILENT_CHANNEL, "the right channel is silent"),
    (f"{NOISE},pan=stereo|c0=0*c0|c1=c0", SoundFault.SILENT_CHANNEL, "the left channel is silent"),
    (f"{NOISE},pan=stereo|c0=c0|c1=-0.9*c0", SoundFault.OUT_OF_PHASE, "left and right cancel each other"),
    (f"{NOISE},volume='if(between(t,3,9),0,1)':eval=frame", SoundFault.SILENCE, "silent for 6 s inside, from 0:03"),
    (f"{NOISE},volume='if(lt(t,4),0,1)':eval=frame", SoundFault.SILENCE, "it begins with 4 s of silence"),
    (f"{NOISE},volume='if(gt(t,8),0,1)':eval=frame", SoundFault.SILENCE, "it ends with 4 s of silence, from 0:08"),
    (f"{NOISE}[a];sine=50:d=12,volume=0.1[b];[a][b]amix=inputs=2", SoundFault.HUM, "it hums at 50 Hz"),
    (f"{NOISE}[a];sine=100:d=12,volume=0.1[b];[a][b]amix=inputs=2", SoundFault.HUM, "it hums at 100 Hz"),
    ("anoisesrc=d=2:c=pink:a=0.1", SoundFault.SHORT, "it is only 2.0 s long"),
])  # fmt: skip
def test_fault_is_told_with_its_place(tmp_path: Path, graph: str, fault: SoundFault, told: str) -> None:
    source = tmp_path / "Bản tin hỏng.wav"
    run_ffmpeg("-f", "lavfi", "-i", graph, "-ac", "2", source)
    (warning,) = find_warnings(source)
    assert warning.fault is fault
    assert told in warning.message


def test_clipping_is_still_heard_behind_an_mp3(tmp_path: Path) -> None:
    source = tmp_path / "a.mp3"
    run_ffmpeg("-f", "lavfi", "-i", f"{SPEECH},volume=30dB,aformat=sample_fmts=s16", "-b:a", "128k", source)
    assert SoundFault.CLIPPED in {one.fault for one in find_warnings(source)}


def test_track_that_was_taken_is_told(tmp_path: Path) -> None:
    film = tmp_path / "two.mkv"
    run_ffmpeg("-f", "lavfi", "-i", "sine=200:d=4", "-f", "lavfi", "-i", "sine=900:d=4", "-map", "0", "-map", "1",
               "-disposition:a:0", "0", "-disposition:a:1", "default", "-c:a", "flac", film)  # fmt: skip
    master = make_master(film, tmp_path, TARGET, TAGS)
    assert master.track_note == "sound track 2 of 2 was taken (marked as default in the file)"
    assert make_master(make_sound(tmp_path / "a.wav"), tmp_path, TARGET, TAGS).track_note == ""


def test_loudspeaker_profile_takes_off_the_bass_and_makes_one_of_two_channels(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    graph = "sine=60:d=8[a];sine=1000:d=8[b];[a][b]amix=inputs=2,pan=stereo|c0=c0|c1=0.2*c0"
    run_ffmpeg("-f", "lavfi", "-i", graph, source)
    profile = LoudspeakerProfile(is_mono=True, highpass_hz=240)
    plain = make_master(source, tmp_path, TARGET, TAGS)
    horn = make_master(source, tmp_path, MasteringTarget(profile=profile), TAGS)
    assert horn.profile == profile
    assert abs(horn.after.integrated_lufs - TARGET.loudness_lufs) <= TARGET.tolerance_lu
    bass = [measure_bass(tmp_path / f"{one.sha256}.mp3") for one in (plain, horn)]
    # Two poles two octaves above the tone: 24 dB.
    assert bass[0] - bass[1] == pytest.approx(24, abs=3)
    sides = tmp_path / "sides.wav"
    run_ffmpeg("-i", tmp_path / f"{horn.sha256}.mp3", "-af", "pan=mono|c0=0.5*c0-0.5*c1", sides)
    assert measure_level(sides, "anull") < -60
    again = make_master(tmp_path / f"{horn.sha256}.mp3", tmp_path, MasteringTarget(profile=profile), TAGS)
    assert not again.is_kept


def test_faults_are_heard_in_front_of_the_loudspeaker_profile(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    run_ffmpeg("-f", "lavfi", "-i", f"{NOISE},pan=stereo|c0=c0|c1=-0.9*c0", source)
    plain = make_master(source, tmp_path, TARGET, TAGS)
    horn = make_master(source, tmp_path, MasteringTarget(profile=LoudspeakerProfile(is_mono=True)), TAGS)
    assert [one.fault for one in horn.warnings] == [SoundFault.OUT_OF_PHASE]
    assert horn.before == plain.before
    assert horn.gain_db - plain.gain_db == pytest.approx(25.6, abs=0.3)  # 0.05 is left of 1 and -0.9, at equal power


@pytest.mark.parametrize(("graph", "profile"), [
    (f"{NOISE},pan=stereo|c0=c0|c1=-1*c0", LoudspeakerProfile(is_mono=True)),
    ("sine=30:d=8,volume=-35dB,aformat=channel_layouts=stereo", LoudspeakerProfile(highpass_hz=500)),
])  # fmt: skip
def test_recording_of_which_the_profile_leaves_nothing_is_refused(
    tmp_path: Path, graph: str, profile: LoudspeakerProfile
) -> None:
    source, folder = tmp_path / "a.wav", tmp_path / "masters"
    folder.mkdir()
    run_ffmpeg("-f", "lavfi", "-i", graph, source)
    with pytest.raises(SilentProgrammeError, match="loudspeaker profile"):
        make_master(source, folder, MasteringTarget(loudness_lufs=-31, profile=profile), TAGS)
    assert not list(folder.iterdir())


def measure_level(source: Path, chain: str) -> float:
    words = run_ffmpeg("-i", source, "-af", f"{chain},volumedetect", "-f", "null", "-")
    line = next(line for line in words.splitlines() if "mean_volume" in line)
    return float(line.split("mean_volume:")[1].split()[0])


def measure_bass(source: Path) -> float:
    """Give the level of 60 Hz against that of 1 kHz (dB)."""
    low = measure_level(source, "lowpass=f=100:poles=2,lowpass=f=100:poles=2")
    return low - measure_level(source, "highpass=f=800:poles=2")


def test_picture_shows_waveform_curves_target_and_ceiling(tmp_path: Path) -> None:
    source = make_sound(tmp_path / "a.wav", graph=SPEECH + ",volume='if(lt(t,4),0.1,1)':eval=frame")
    master = make_master(source, tmp_path, TARGET, TAGS)
    assert len(master.before_curve_lufs) == 6  # seconds 3 to 8: a window of 3 s ends in each
    path = tmp_path / f"{master.sha256}.mp3"
    drawn = draw_picture(path, master, master.before_curve_lufs, TARGET, "Bản tin <1> & 2", "Thời sự")
    for part in ("Bản tin &lt;1&gt; &amp; 2", "Thời sự · 0:08", "target -16 LUFS", "-1 dBTP", "polygon", "polyline"):
        assert part in drawn
    assert drawn.count("<polyline") == 2
    assert "nan" not in drawn
    assert "inf" not in drawn
