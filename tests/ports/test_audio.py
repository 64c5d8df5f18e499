import base64
import re
import struct

import numpy as np
import pytest

from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports import Audio, Blob, Encoding, to_json, wav

TONE = np.sin(np.arange(4410) * 2 * np.pi * 440 / 44_100).astype(np.float32) / 2  # a tenth of a second of a'


def sound(sample: str, data: bytes, rate: int = 44_100, channels: int = 1) -> bytes:
    return wav.head(sample, rate, channels, len(data)) + data


def sixteen(found: np.ndarray) -> bytes:
    return (found * 32767).round().astype("<i2").tobytes()


def loaded(raw: object, port: Audio | None = None) -> np.ndarray:
    port = port or Audio()
    found = port.load(port.parse(raw, "sound"), "sound")
    assert found.dtype == np.float32
    assert found.flags.writeable
    return found


@pytest.mark.parametrize(
    "raw",
    [
        sound("i16", sixteen(TONE)),
        sound("u8", (TONE * 128 + 128).round().astype("u1").tobytes()),
        sound("i24", b"".join(struct.pack("<i", int(value * 2**31))[1:] for value in TONE)),
        sound("i32", (TONE.astype("f8") * 2**31).astype("<i4").tobytes()),
        sound("f32", TONE.astype("<f4").tobytes()),
        sound("f64", TONE.astype("<f8").tobytes()),
        "data:audio/wav;base64," + base64.b64encode(sound("i16", sixteen(TONE))).decode(),
        memoryview(sound("i16", sixteen(TONE))),
        Blob("f32", TONE.tobytes(), {"rate": 44_100, "channels": 1}),
        Blob("f32", memoryview(TONE.tobytes())),
        TONE,
        (TONE * 32767).astype(np.int16),
        TONE.astype(np.float64)[:, None],
    ],
)
def test_the_model_gets_the_samples(raw):
    found = loaded(raw)
    assert found.shape == (4410,)
    assert np.abs(found - TONE).max() < 0.01


def test_heads_with_more_in_them_are_read():
    data = sixteen(TONE)
    shape = struct.pack("<HHIIHH", 0xFFFE, 1, 44_100, 88_200, 2, 16) + struct.pack("<HHIH14s", 22, 16, 4, 1, bytes(14))
    parts = b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"fmt " + struct.pack("<I", len(shape)) + shape
    extensible = b"RIFF\xff\xff\xff\xffWAVE" + parts + b"data\xff\xff\xff\xff" + data
    assert np.abs(loaded(extensible) - TONE).max() < 0.001


def test_what_breaks_off_is_as_long_as_it_is():
    assert loaded(sound("i16", sixteen(TONE))[:-2001]).shape == (3409,)


def test_channels_are_the_ports():
    both = np.stack([TONE, -TONE], axis=1)
    stereo = Blob("f32", both.tobytes(), {"rate": 44_100, "channels": 2})
    assert np.abs(loaded(stereo)).max() < 1e-6
    assert (loaded(stereo, Audio(channels=2)) == both).all()
    assert (loaded(TONE, Audio()) == TONE).all()
    mono = Blob("f32", TONE.tobytes(), {"rate": 44_100, "channels": 1})
    assert (loaded(mono, Audio(channels=3)) == TONE[:, None]).all()
    assert loaded(stereo, Audio(channels=4))[:, 2:].any() is np.False_


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000, 96_000])
def test_another_rate_keeps_the_tone(rate):
    seconds = np.arange(rate) / rate
    tone = np.sin(seconds * 2 * np.pi * 440).astype(np.float32)
    found = loaded(Blob("f32", tone.tobytes(), {"rate": rate, "channels": 1}))
    assert len(found) == 44_100
    wanted = np.sin(np.arange(44_100) / 44_100 * 2 * np.pi * 440)
    assert np.abs(found - wanted)[2000:-2000].max() < 0.01


def test_a_lower_rate_leaves_out_what_does_not_fit():
    high = np.sin(np.arange(48_000) / 48_000 * 2 * np.pi * 10_000).astype(np.float32)
    found = loaded(Blob("f32", high.tobytes(), {"rate": 48_000, "channels": 1}), Audio(rate=8_000))
    assert len(found) == 8_000
    assert np.abs(found[500:-500]).max() < 0.01


@pytest.mark.parametrize("frames", [1, 2, 3, 160])
def test_the_shortest_sounds_come_through_another_rate(frames):
    assert len(loaded(Blob("f32", bytes(4 * frames), {"rate": 22_050, "channels": 1}))) == 2 * frames


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "sound takes a WAV sound; an empty file came"),
        (b"ID3\x04", "sound takes a WAV sound; an MP3 sound came"),
        (b"fLaC", "sound takes a WAV sound; a FLAC sound came"),
        (b"\x1aE\xdf\xa3", "sound takes a WAV sound; a WebM or Matroska video came"),
        ("hi there", "sound takes a WAV sound; the text 'hi there' came"),
        (7, "sound takes a WAV sound; 7 came"),
        ([0.5], "sound takes a WAV sound; a list of 1 came"),
        (b"RIFF\0\0\0\0WAVE", "sound is a WAV that can't be read: it ends before its sound begins"),
        (sound("i16", b""), "sound takes a WAV sound; one without any sound in it came"),
        (sound("i16", b"ab", rate=0), "sound is a WAV that can't be read: its head is broken"),
        (sound("i16", b"ab", channels=0), "sound is a WAV that can't be read: its head is broken"),
        (b"RIFF\0\0\0\0WAVEdata\2\0\0\0ab", "sound is a WAV that can't be read: its head is broken"),
        (
            sound("i16", b"ab", rate=10),
            "sound takes up to 32 channels at 1000 to 384000 samples a second; 1 at 10 came",
        ),
        (
            sound("i16", b"ab").replace(b"\x01\x00\x01\x00", b"\x06\x00\x01\x00"),
            "sound is a WAV that can't be read: its samples are of a kind that is not taken (code 6, 16 bits)",
        ),
        (Blob("f32", b"abc"), "sound takes float32 samples with a whole rate and channels"),
        (Blob("f32", b"abcd", {"rate": 1.5}), "sound takes float32 samples with a whole rate and channels"),
        (np.zeros((2, 2, 2), np.float32), "sound takes a WAV sound; an array of 2 × 2 × 2 came"),
    ],
)
def test_refuses_in_words(raw, message):
    with pytest.raises(InputError) as caught:
        Audio().parse(raw, "sound")
    assert (caught.value.message, caught.value.field) == (message, "sound")


def test_what_is_too_long_is_refused_before_it_is_decoded():
    with pytest.raises(TooLarge, match=r"sound takes up to 0\.05 seconds; 0\.1 came"):
        Audio(max_seconds=0.05).parse(sound("i16", sixteen(TONE)), "sound")
    with pytest.raises(TooLarge, match=r"sound takes up to 600 seconds; 700\.0 came"):
        Audio().parse(sound("u8", bytes(700_000), rate=1000), "sound")


def test_nan_is_refused_by_load():
    port = Audio()
    with pytest.raises(InputError, match="sound takes finite samples") as caught:
        port.load(port.parse(sound("f32", struct.pack("<2f", 0, float("nan"))), "sound"), "sound")
    assert caught.value.field == "sound"
    with pytest.raises(InputError, match="sound takes finite samples"):
        port.load(port.parse(sound("f64", struct.pack("<2d", 0, 1e300)), "sound"), "sound")


@pytest.mark.parametrize("given", [TONE, TONE[:, None], TONE.astype(np.float64), (TONE * 32768).astype(np.int16)])
def test_dumps_as_wav_or_float32(given):
    port = Audio()
    blob = port.dump(given, port.encoding(None, "sound"), "sound")
    assert (blob.format, blob.meta) == ("wav", {"rate": 44_100, "channels": 1})
    assert np.abs(loaded(blob) - TONE).max() < 0.001
    plain = port.dump(given, port.encoding(Encoding("f32"), "sound"), "sound")
    assert np.abs(np.frombuffer(plain.data, "<f4") - TONE).max() < 0.001


def test_what_is_too_loud_is_cut_off():
    data = Audio().dump(np.array([-2.0, 2.0]), Encoding("wav"), "sound").data
    assert struct.unpack("<2h", data[44:]) == (-32767, 32767)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (None, "holds no numbers"),
        (np.zeros((2, 4410)), "it has 4410 channels, its port has 2: turn it with .T"),
        (np.zeros(0), "its shape is 0"),
        (np.array([np.nan]), "it has 1 channels, its port has 2"),
        (np.full((4, 2), np.nan), "there is NaN or infinity in it"),
        (np.zeros((4, 2), np.int32), "it is an array of int32; samples are float from -1 to 1, or int16"),
    ],
)
def test_bad_outputs_are_the_models_fault(given, hint):
    with pytest.raises(ModelFailed, match=r"the model gave out .* for sound") as caught:
        Audio(channels=2).dump(given, Encoding("wav"), "sound")
    assert hint in caught.value.hint


@pytest.mark.parametrize("format", ["wav", "f32"])
def test_json_and_back(format):
    blob = Audio().dump(TONE, Encoding(format), "sound")
    assert to_json(blob).startswith("data:audio/wav;base64,")
    assert np.abs(loaded(to_json(blob)) - TONE).max() < 0.001


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Audio(rate=10), "Audio: rate is 10; it takes a whole number from 1000 to 384000"),
        (lambda: Audio(channels=0), "Audio: channels is 0; it takes a whole number from 1 to 32"),
        (lambda: Audio(max_seconds=-1), "Audio: max_seconds is -1; it is above 0 and up to 600"),
    ],
)
def test_wrong_parameters_are_told_to_the_author(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()
