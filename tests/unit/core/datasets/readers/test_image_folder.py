"""Folders of image files: what Keras reads of them, what else people have, and what is refused."""

from __future__ import annotations

import gc
import io
import os
import tarfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.datasets.files.decode import ANIMATED, TRANSPARENT
from core.datasets.files.folder_layout import NO_LABELS
from core.datasets.files.pixel_form import TO_8, TO_16, TO_GREY, TO_RGB
from core.datasets.location import Location
from core.datasets.readers.image_folder import ImageFolderReader
from core.datasets.source import PIECE_BYTES, BrokenImage, ReadOptions, Source
from core.errors import DataError
from core.registry import READERS


def opened(given: Any, **options: Any) -> Source:
    location = Location.of(str(given))
    assert ImageFolderReader.accepts(location)
    return ImageFolderReader.open(location, ReadOptions(**options))


def images_of(source: Source, rows: Any = None) -> NDArray[Any]:
    """The images at these rows, or all that aren't broken."""
    chosen = np.arange(source.count) if rows is None else np.array(rows)
    return np.concatenate([piece.images for piece in source.pieces(chosen)])


def refused(given: Any, **options: Any) -> str:
    with pytest.raises(DataError) as error:
        images_of(opened(given, **options))
    assert "\n" not in str(error.value)
    return str(error.value)


def pixels(seed: int, shape: tuple[int, ...] = (8, 6, 3)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def save(path: Path, image: Any = None, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels(len(path.name) + sum(path.name.encode())) if image is None else image
    Image.fromarray(image).save(path, **options)
    return path


def make(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        save(folder / name)
    return folder


def test_it_is_registered() -> None:
    assert READERS["image-folder"] is ImageFolderReader


ODD_TREE = ["dog/b.png", "dog/A.PNG", "dog/a-b/c.bmp", "dog/a/z.png", "cat/10.png", "cat/9.jpg", "Zebra/x.jpeg"]


def test_class_folders_are_read_as_keras_reads_them(tmp_path: Path, one_thread: None) -> None:
    import keras

    folder = make(tmp_path, ODD_TREE)
    save(folder / "dog" / "few.gif", pixels(1, (8, 6)) // 64 * 64)
    for name in ("notes.txt", "dog/Thumbs.db"):
        (folder / name).write_text("no image")
    (folder / "emu").mkdir()
    expected = keras.utils.image_dataset_from_directory(
        folder, image_size=(8, 6), shuffle=False, batch_size=None, verbose=False
    )
    source = opened(folder)
    images, labels = images_of(source), source.labels()
    assert labels is not None
    assert list(source.class_names) == expected.class_names == ["Zebra", "cat", "dog", "emu"]
    assert source.count == len(expected.file_paths) == 8
    for path, (image, label), own, number in zip(expected.file_paths, expected, images, labels, strict=True):
        assert number == label
        lossy = path.lower().endswith(("jpg", "jpeg"))  # TensorFlow uses a faster, less exact transform
        np.testing.assert_allclose(own, image, atol=8 if lossy else 0, err_msg=path)
    assert "classes without images: emu" in source.notes
    assert "files of other kinds were left out: .db (1), .txt (1)" in source.notes


@pytest.mark.parametrize("channels", [1, 3])
def test_files_that_keras_wrote(tmp_path: Path, one_thread: None, channels: int) -> None:
    import keras

    written = [pixels(seed, (8, 6, channels)) for seed in range(3)]
    for index, image in enumerate(written):
        keras.utils.save_img(tmp_path / f"{index}.png", image, scale=False)
    found = images_of(opened(tmp_path))
    np.testing.assert_array_equal(found.reshape(3, 8, 6, channels), written)


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    source = opened(make(tmp_path, ["b.png", "a.webp", ".hidden.png"]))
    assert source.labels() is None
    assert source.class_names == ()
    assert source.count == 2
    assert source.notes == [NO_LABELS]
    np.testing.assert_array_equal(images_of(source, [1]), [pixels(5 + sum(b"b.png"))])


def test_a_pattern_and_a_single_file(tmp_path: Path) -> None:
    make(tmp_path, ["a/1.png", "a/2.png", "b/3.png", "a/4.jpg"])
    source = opened(tmp_path / "*" / "*.png")
    assert source.count == 3
    assert source.labels() is None
    np.testing.assert_array_equal(images_of(source)[2], pixels(5 + sum(b"3.png")))
    assert images_of(opened(tmp_path / "a" / "1.png")).shape == (1, 8, 6, 3)
    assert "leave --split out" in refused(tmp_path / "a" / "1.png", split="test")


def test_images_beside_class_folders_have_two_readings(tmp_path: Path) -> None:
    message = refused(make(tmp_path, ["one.png", "cat/two.png", "dog/three.png"]))
    assert "1 images such as one.png, and 2 in folders such as cat/two.png" in message


def test_only_image_files_make_an_image_folder(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    assert not ImageFolderReader.accepts(Location.of(str(tmp_path)))
    assert not ImageFolderReader.accepts(Location.of(str(tmp_path / "a.parquet")))


def test_one_class_that_may_be_a_folder_too_many(tmp_path: Path) -> None:
    source = opened(make(tmp_path, ["data/cat/a.png", "data/dog/b.png"]))
    assert source.class_names == ("data",)
    assert "give that folder if the folders in it are classes" in source.notes[0]


# -- splits ---------------------------------------------------------------------------------


SPLITS = ["test/cat/1.png", "test/dog/2.png", "train/cat/3.png", "val/cat/4.png"]


def test_splits(tmp_path: Path) -> None:
    make(tmp_path, SPLITS)
    (tmp_path / "val" / "dog").mkdir()
    source = opened(tmp_path)
    assert source.count == 2
    assert source.notes == ["the split 'test' was read, of test, train and val"]
    np.testing.assert_array_equal(source.labels(), [0, 1])
    for wanted in ("val", "validation"):
        source = opened(tmp_path, split=wanted)
        assert (source.count, source.class_names) == (1, ("cat", "dog"))
        np.testing.assert_array_equal(images_of(source), [pixels(5 + sum(b"4.png"))])
    assert "a folder of the split 'dev2'; got test, train and val" in refused(tmp_path, split="dev2")


def test_splits_without_test(tmp_path: Path) -> None:
    make(tmp_path, SPLITS[2:])
    assert "the splits train and val; choose one with --split" in refused(tmp_path)
    assert opened(tmp_path, split="train").count == 1
    make(tmp_path / "alone", SPLITS[2:3])
    assert opened(tmp_path / "alone").notes == ["the split 'train' was read, the only one"]


def test_a_split_without_labels(tmp_path: Path) -> None:
    source = opened(make(tmp_path, ["test/1.png", "train/2.png"]))
    assert (source.count, source.labels()) == (1, None)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    source = opened(make(tmp_path, ["bus/1.png", "car/2.png", "train/3.png"]))
    assert source.class_names == ("bus", "car", "train")
    assert source.notes == []
    source = opened(make(tmp_path, ["test/bus/1.png", "test/car/1.png"]))
    assert source.class_names == ("bus", "car", "test", "train")
    assert "give --split test for the other reading" in source.notes[0]
    assert opened(tmp_path, split="test").class_names == ("bus", "car")


# -- metadata.csv ---------------------------------------------------------------------------


def with_metadata(folder: Path, text: str, names: Iterable[str] = ("1.png", "2.png", "3.png")) -> Path:
    make(folder, names)
    (folder / "metadata.csv").write_text(text, encoding="utf-8")
    return folder


def test_metadata(tmp_path: Path) -> None:
    text = "\ufeffindex,file_name,label,class_name\n0,2.png,1,dog\n1,./1.png,0,cat\n"
    source = opened(with_metadata(tmp_path, text))
    np.testing.assert_array_equal(source.labels(), [1, 0])
    assert source.class_names == ("cat", "dog")
    np.testing.assert_array_equal(images_of(source), [pixels(5 + sum(b"2.png")), pixels(5 + sum(b"1.png"))])
    assert source.notes == [
        "images and labels were read from metadata.csv",
        "image files that metadata.csv does not name were left out (1)",
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # datasets leaves the table open
def test_metadata_is_read_as_hugging_face_reads_it(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    with_metadata(tmp_path, "file_name,label\na/1.png,4\nb/2.png,7\n", ["a/1.png", "b/2.png"])
    theirs = datasets.load_dataset("imagefolder", data_dir=str(tmp_path), cache_dir=str(tmp_path / ".cache"))["train"]
    source = opened(tmp_path)
    np.testing.assert_array_equal(source.labels(), theirs["label"])
    np.testing.assert_array_equal(images_of(source), [np.asarray(image) for image in theirs["image"]])
    del theirs
    gc.collect()  # here, where the warning is ignored


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("file_name,label\n1.png,cat\n2.png,dog\n", ["cat", "dog"]),
        ("file_name,labels\n1.png,3\n2.png,5\n", [3, 5]),
        ("file_name,label\n1.png,1_0\n2.png,2\n", ["1_0", "2"]),
        ("file_name,label\n1.png,\n2.png,\n", None),
        ("file_name,caption\n1.png,a cat\n", None),  # nothing that matters here: the folder is read
    ],
)
def test_labels_in_metadata(tmp_path: Path, text: str, labels: Any) -> None:
    found = opened(with_metadata(tmp_path, text)).labels()
    assert (None if found is None else found.tolist()) == labels


def test_metadata_of_a_split_and_chosen_columns(tmp_path: Path) -> None:
    with_metadata(tmp_path / "test", "path,kind\n1.png,b\n3.png,a\n")
    make(tmp_path, ["train/x/9.png"])
    source = opened(tmp_path, keys=("path", "kind"))
    np.testing.assert_array_equal(source.labels(), ["b", "a"])
    assert opened(tmp_path, keys=("path",)).labels() is None
    with_metadata(tmp_path, "file_name,label\ntrain/x/9.png,1\ntest/1.png,2\n", [])
    assert opened(tmp_path).labels().tolist() == [2]  # type: ignore[union-attr]
    assert opened(tmp_path, split="train").labels().tolist() == [1]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file_name,label\n1.png,0\nx.png,1\n", "each once; got 'x.png' in line 3"),
        ("file_name,label\n1.png,0\n./1.png,1\n", "got '1.png' again in line 3"),
        ("file_name,label\n1.png," + ",".join("0" * 2_000_000) + "\n", "2 values in each row"),
        ("file_name,label\n../1.png,0\n", "'../1.png'"),
        ("file_name,label\n/etc/passwd,0\n", "'/etc/passwd'"),
        ("file_name,label\n1.png,0\n2.png,\n", "1 rows without"),
        ("file_name,label\n1.png,0,9\n", "2 values in each row; got 3 in line 2"),
        ("file_name,label\n", "no rows"),
        ("name,label\n1.png,0\n", "a column 'file_name'; got name, label"),
        ("", "no columns"),
        ('file_name,label\n1.png,"0\n', "a CSV table"),
        ("file_name,label\n" + "1" * 200_000, "a CSV table"),
    ],
)
def test_metadata_that_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(with_metadata(tmp_path, text))


def test_metadata_that_is_no_text(tmp_path: Path) -> None:
    make(tmp_path, ["1.png"])
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\0\x81")
    assert "a CSV table in UTF-8" in refused(tmp_path)
    (tmp_path / "metadata.csv").unlink()
    assert "metadata.csv, for --keys" in refused(tmp_path, keys=("a", "b"))


# -- one shape and form ---------------------------------------------------------------------


def test_images_of_different_sizes(tmp_path: Path) -> None:
    make(tmp_path, ["1.png", "2.png", "3.png"])
    save(tmp_path / "4.png", pixels(4, (20, 10, 3)))
    turned = Image.Exif()
    turned[0x0112] = 6
    save(tmp_path / "5.png", pixels(5, (10, 20, 3)), exif=turned)
    message = refused(tmp_path)
    assert "got 5 images of 2 sizes (height x width): 8 x 6 (3), 20 x 10 (2); give --size H W" in message
    images = images_of(opened(tmp_path, size=(4, 5)))
    assert images.shape == (5, 4, 5, 3)
    expected = Image.fromarray(pixels(4, (20, 10, 3))).resize((5, 4), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(images[3], expected)
    assert images_of(opened(tmp_path), [0, 2]).shape == (2, 8, 6, 3)  # those that are read have one size


def test_grey_images_among_colour_become_rgb(tmp_path: Path) -> None:
    save(tmp_path / "1.png", pixels(1, (8, 6)))
    save(tmp_path / "2.png", pixels(2))
    source = opened(tmp_path)
    first = images_of(source, [0])  # what the others are decides, also if they aren't asked for
    np.testing.assert_array_equal(first[0], np.repeat(pixels(1, (8, 6))[..., None], 3, axis=2))
    np.testing.assert_array_equal(images_of(source)[1], pixels(2))
    assert source.notes == [NO_LABELS, f"{TO_RGB} (1)"]


def test_8_bit_images_among_16_bits_lose_nothing(tmp_path: Path) -> None:
    deep = pixels(1, (8, 6)).astype(np.uint16) * 256 + 17
    save(tmp_path / "1.png", pixels(1, (8, 6)))
    save(tmp_path / "2.png", deep)
    source = opened(tmp_path)
    images = images_of(source)
    assert images.dtype == np.uint16
    np.testing.assert_allclose(images[0] / 65535, pixels(1, (8, 6)) / 255)
    np.testing.assert_array_equal(images[1], deep)
    assert f"{TO_16} (1)" in source.notes


def test_an_exception_among_very_many_is_converted_to_the_others_form(tmp_path: Path) -> None:
    for index in range(700):
        save(tmp_path / f"{index:03}.bmp", np.full((2, 2), index % 256, np.uint8))
    save(tmp_path / "001.bmp", np.full((2, 2, 3), (250, 100, 50), np.uint8))
    (tmp_path / "004.bmp").unlink()
    save(tmp_path / "004.png", np.full((2, 2), 33_024, np.uint16))
    source = opened(tmp_path)
    images = images_of(source)
    assert images.shape == (700, 2, 2)
    assert images[1, 0, 0] == round(0.299 * 250 + 0.587 * 100 + 0.114 * 50)
    assert images[4, 0, 0] == round(33_024 / 257)
    assert {f"{TO_GREY} (1)", f"{TO_8} (1)"} <= set(source.notes)


def test_notes_count_images_once_however_often_they_are_read(tmp_path: Path) -> None:
    save(tmp_path / "1.png", pixels(1, (8, 6, 4)))
    save(tmp_path / "2.png")
    first, second = Image.new("RGB", (6, 8), "red"), Image.new("RGB", (6, 8), "blue")
    first.save(tmp_path / "3.gif", save_all=True, append_images=[second])
    source = opened(tmp_path)
    for _ in range(3):
        next(iter(source.pieces(np.array([0]))))
        images_of(source)
    assert sorted(source.notes) == sorted([NO_LABELS, f"{TRANSPARENT} (1)", f"{ANIMATED} (1)"])


def test_pieces_are_bounded_and_in_order(tmp_path: Path) -> None:
    for index in range(9):
        save(tmp_path / f"{index}.png", np.full((2000, 3000), index, np.uint8), compress_level=1)
    pieces = list(opened(tmp_path).pieces(np.array([0, 1, 3, 4, 5, 6, 7, 8])))
    assert [piece.rows.tolist() for piece in pieces] == [[0, 1, 3, 4, 5, 6], [7, 8]]
    assert all((piece.images[:, 0, 0] == piece.rows).all() for piece in pieces)
    assert all(piece.images.nbytes <= PIECE_BYTES + 6_000_000 for piece in pieces)


# -- what can't be read ---------------------------------------------------------------------


def test_broken_files(tmp_path: Path) -> None:
    whole = make(tmp_path, ["1.png", "2.png", "4.png"]) / "4.png"
    (tmp_path / "0.png").write_text("no image")
    (tmp_path / "3.png").write_bytes(whole.read_bytes()[:60])
    message = refused(tmp_path)
    assert message.startswith("expected 0.png: an image that can be decoded; got a file that starts with b'no image';")
    assert "--skip-broken" in message
    source = opened(tmp_path, skip_broken=True)
    for _ in range(2):
        rows = np.concatenate([piece.rows for piece in source.pieces(np.arange(5))])
        np.testing.assert_array_equal(rows, [1, 2, 4])
    assert source.broken[0] == BrokenImage("0.png", "a file that starts with b'no image'")
    assert [each.name for each in source.broken] == ["0.png", "3.png"]
    assert list(source.pieces(np.array([0]))) == []


def test_a_file_that_cannot_be_opened_is_not_a_broken_image(tmp_path: Path) -> None:
    source = opened(make(tmp_path, ["1.png", "2.png"]), skip_broken=True)
    images_of(source)
    (tmp_path / "2.png").unlink()
    with pytest.raises(DataError, match=r"2\.png: a readable file"):
        images_of(source)


def test_links(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", ["cat/1.png"])
    outside = make(tmp_path / "outside", ["secret.png"])
    (folder / "cat" / "2.png").symlink_to("1.png")
    (folder / "cat" / "again").symlink_to("..")
    assert opened(folder).count == 2
    for target in (outside / "secret.png", outside, Path("/etc")):
        (folder / "cat" / "link.png").symlink_to(target)
        with pytest.raises(DataError, match=r"link\.png, a link to"):
            Location.of(str(folder)).files()
        (folder / "cat" / "link.png").unlink()
    (folder / "cat" / "3.png").symlink_to("nothing.png")
    assert "3.png" in refused(folder)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(make(tmp_path, ["1.png"]) / "2.png")
    assert opened(tmp_path).count == 1


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"cl\xe4ss\n")
    (make(tmp_path / name, ["1.png"]) / "2\n\x1b[1m.png").write_text("broken")
    source = opened(tmp_path, skip_broken=True)
    images_of(source)
    assert source.class_names == (r"cl\udce4ss\n",)
    assert source.broken[0].name == r"cl\udce4ss\n/2\n\x1b[1m.png"


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, ["a/1.png"])

    def deny(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    location = Location.of(str(tmp_path))
    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(DataError, match="a folder that can be listed"):
        location.files()


# -- other file systems ---------------------------------------------------------------------


def png(image: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_archives_and_memory(tmp_path: Path) -> None:
    names = [f"{kind}/{index:02}.png" for kind in ("cat", "dog") for index in range(30)]
    memory = fsspec.filesystem("memory")
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for seed, name in enumerate(names):
            archive.write(save(tmp_path / "set" / name, pixels(seed)), f"set/{name}")
            memory.pipe(f"/image-folder-test/{name}", png(pixels(seed)))
        archive.writestr("__MACOSX/set/cat/._00.png", b"no image")
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        tar.add(tmp_path / "set", "set")
    for url in (f"zip://set::{tmp_path}/set.zip", f"tar://set::{tmp_path}/set.tar", "memory://image-folder-test"):
        source = opened(url)
        assert source.class_names == ("cat", "dog")
        np.testing.assert_array_equal(source.labels(), [0] * 30 + [1] * 30)
        np.testing.assert_array_equal(images_of(source), [pixels(seed) for seed in range(60)])
    memory.rm("/image-folder-test", recursive=True)


class Remote:
    """A file system that counts how many files are being opened at the same time."""

    def __init__(self, *, async_impl: bool) -> None:
        self.async_impl = async_impl
        self.now = self.most = 0

    def open(self, path: str, mode: str) -> io.BytesIO:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.01)
        self.now -= 1
        return io.BytesIO(png(pixels(int(path.removesuffix(".png")))))


@pytest.mark.parametrize("parallel", [True, False])
def test_files_are_fetched_together_where_the_file_system_allows(parallel: bool) -> None:
    remote = Remote(async_impl=parallel)
    location = Location("remote", remote, tuple(f"{index}.png" for index in range(40)), is_folder=False)
    images = images_of(ImageFolderReader.open(location, ReadOptions()))
    np.testing.assert_array_equal(images, [pixels(index) for index in range(40)])
    assert (remote.most > 2) == parallel
    assert parallel or remote.most == 1


def test_a_file_in_an_archive_that_unpacks_to_very_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.datasets.files.decode.MAX_BYTES", 10_000)
    monkeypatch.setattr("core.datasets.readers.image_folder.MAX_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.png", b"\0" * 10_000_000)
    assert "1.png: an image file of at most 10,000 bytes" in refused(f"zip://::{tmp_path}/set.zip")
