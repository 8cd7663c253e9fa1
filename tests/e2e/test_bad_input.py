"""What cannot be pushed, published or pulled: a clear answer, the documented exit code, and nothing half done."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from galleria_client import Client
from tests.support.e2e import GENERALIZED, KIND, PLACE, Proxy, make_definition
from tests.support.images import MIB, assert_same, noise, noise_file, sha256_of, sparse_file
from tests.support.processes import GALLERIA, Galleria, Server

pytestmark = pytest.mark.xdist_group("bad-input")

TIB = 1 << 40
GROUP = "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/bad"
TO = ("-g", "bad", "-l", "eastus")


@pytest.fixture(scope="module")
def good(shared_server: Server, module_folder: Path) -> Path:
    """An image that is published as 1.0.0 in eastus."""
    image = noise_file(module_folder / "good.raw", 8 * MIB)
    make_definition(shared_server.galleria)
    shared_server.galleria.ok("disk", "push", str(image), "good", "-g", "images", "-l", "eastus")
    shared_server.galleria.ok("image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "good")
    return image


@pytest.fixture
def refuse(galleria: Galleria) -> Iterator[Refusals]:
    """Pushes that must be refused; at the end no disk may be there."""
    yield Refusals(galleria)
    with Client(galleria.endpoint) as client:
        assert list(client.disks.list(GROUP)) == []


class Refusals:
    def __init__(self, galleria: Galleria) -> None:
        self._galleria = galleria

    def push(self, file: Path | str, *flags: str, code: int = 1, prefix: Sequence[str] = ()) -> str:
        return self._galleria.refused(code, "disk", "push", str(file), "refused", *TO, *flags, prefix=prefix)


def test_an_empty_file(refuse: Refusals, tmp_path: Path) -> None:
    assert "is empty" in refuse.push(sparse_file(tmp_path / "empty.raw", 0, {}))


def test_a_directory(refuse: Refusals, tmp_path: Path) -> None:
    assert f"{tmp_path} is a directory" in refuse.push(tmp_path)


def test_a_named_pipe_and_a_character_device(refuse: Refusals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "is a named pipe" in refuse.push(tmp_path / "fifo")
    assert "is a character device" in refuse.push("/dev/zero")


def test_a_file_that_is_not_there(refuse: Refusals, tmp_path: Path) -> None:
    assert f"{tmp_path / 'none.raw'} does not exist" in refuse.push(tmp_path / "none.raw")


def test_a_file_that_may_not_be_read(refuse: Refusals, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "secret.raw", MIB)
    image.chmod(0)
    assert "cannot be read: Permission denied" in refuse.push(image, prefix=without_privilege())


def without_privilege() -> list[str]:
    """What runs `galleria` so that permissions count for it, as they do not for root."""
    if os.geteuid() != 0:
        return [str(GALLERIA)]
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root reads everything, and there is no setpriv to take that from it")
    return [setpriv, "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search", str(GALLERIA)]


@pytest.mark.parametrize("size", [1, 511, 513, MIB + 256])
def test_a_size_that_no_disk_has(refuse: Refusals, tmp_path: Path, size: int) -> None:
    told = refuse.push(noise_file(tmp_path / "odd.raw", size))
    assert f"has {size} bytes" in told
    assert f"missing {-size % 512}" in told


@pytest.mark.parametrize("over", [1, 512])
def test_more_than_two_tebibytes_are_refused_before_a_byte_is_read(refuse: Refusals, tmp_path: Path, over: int) -> None:
    image = sparse_file(tmp_path / "large.raw", 2 * TIB + over, {0: MIB})
    trace = tmp_path / "trace"
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", trace, "true"], check=False).returncode:
        pytest.skip("no strace here that may trace")
    reads = "trace=read,readv,pread64,preadv,preadv2,mmap,copy_file_range,sendfile,splice"
    told = refuse.push(image, prefix=[strace, "-f", "-e", reads, "-P", str(image), "-o", str(trace), str(GALLERIA)])
    assert f"{2 * TIB + over} bytes" in told
    assert f"at most {2 * TIB}" in told
    # "???(" is what strace knows of a thread that the end of its process ended.
    assert [line for line in trace.read_text().splitlines() if "(" in line and "???(" not in line] == []


@pytest.mark.usefixtures("refuse")
def test_a_file_that_grows_while_it_is_read(held: Held) -> None:
    with held.image.open("ab") as file:
        file.write(noise(2, MIB))
    assert f"size was {held.size}, now {held.size + MIB}" in held.told()


@pytest.mark.usefixtures("refuse")
def test_a_file_that_shrinks_while_it_is_read(held: Held) -> None:
    os.truncate(held.image, held.size - MIB)
    assert re.search(rf"now ends at {held.size - MIB}|now {held.size - MIB}\)", held.told())


@pytest.mark.usefixtures("refuse")
def test_a_file_that_is_written_to_while_it_is_read(held: Held) -> None:
    held.overwrite(0)
    assert "time of change" in held.told()


@pytest.mark.usefixtures("refuse")
def test_a_file_that_is_written_to_unseen_while_it_is_read(held: Held) -> None:
    before = held.image.stat()
    held.overwrite(held.size - 4 * MIB)
    os.utime(held.image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "bytes read twice were not the same" in held.told()


@pytest.mark.usefixtures("refuse")
def test_a_file_that_is_replaced_while_it_is_read(held: Held) -> None:
    noise_file(held.image.with_name("new.raw"), held.size).replace(held.image)
    assert "changed while it was read" in held.told()


@pytest.mark.usefixtures("refuse")
def test_a_file_that_is_removed_while_it_is_read(held: Held) -> None:
    held.image.unlink()
    assert "it is no longer there" in held.told()


class Held:
    """A push of bytes that the server has never seen, in its midst: it goes on when it is asked what it told."""

    size = 40 * MIB
    seeds = itertools.count(100)

    def __init__(self, proxy: Proxy, image: Path) -> None:
        self.image = noise_file(image, self.size, next(self.seeds))
        self._proxy = proxy
        proxy.hold_after(up=8 * MIB)
        self.command = proxy.galleria.begin("disk", "push", str(image), "refused", *TO)
        proxy.wait_until_held()

    def overwrite(self, offset: int) -> None:
        with self.image.open("r+b") as file:
            file.seek(offset)
            file.write(noise(3, 4 * MIB))

    def told(self) -> str:
        self._proxy.release()
        done = self.command.finish()
        assert done.code == 1, done
        assert "changed while it was read" in done.err, done
        return done.err


@pytest.fixture
def held(shared_server: Server, tmp_path: Path) -> Iterator[Held]:
    with Proxy(shared_server.port) as proxy:
        held = Held(proxy, tmp_path / "changing.raw")
        with held.command:
            yield held


def test_what_is_named_must_exist(galleria: Galleria, good: Path, tmp_path: Path) -> None:
    push, create = ("disk", "push", str(good), "new", "-g", "bad"), ("image-version", "create", "--os-disk", "none")
    pull = ("image-version", "pull", "--output", str(tmp_path / "out.raw"))
    in_prod = ("-g", "images", "-r", "prod")
    for arguments, word in (
        ((*push, "-l", "mars"), "mars"),
        (("gallery", "create", "new", "-g", "bad", "-l", "mars"), "mars"),
        (("image-definition", "create", "-g", "images", "-r", "none", "-i", "a", *KIND, *GENERALIZED), "none"),
        ((*create, *PLACE, "-e", "2.0.0"), "disks/none"),
        ((*create, *in_prod, "-i", "none", "-e", "2.0.0"), "images/none"),
        ((*create[:2], *PLACE, "-e", "2.0.0", "--os-disk", "good", "--target-regions", "mars"), "mars"),
        ((*pull, *PLACE, "-e", "9.9.9", "--region", "eastus"), "9.9.9"),
        ((*pull, *PLACE, "-e", "latest", "--region", "mars"), "mars"),
        (("disk", "show", "none", "-g", "bad"), "disks/none"),
        (("disk", "delete", "none", "-g", "bad", "-y"), "disks/none"),
        (("operation", "show", "5ca1ab1e-0000-4000-8000-000000000000"), "5ca1ab1e"),
        (("volume", "show", "none", "-l", "eastus"), "none"),
    ):
        assert word in galleria.refused(3, *arguments), arguments
    assert list(tmp_path.iterdir()) == []
    assert galleria.json("disk", "list", "-g", "bad") == []


@pytest.mark.usefixtures("good")
def test_a_version_is_pulled_only_where_it_is(galleria: Galleria, tmp_path: Path) -> None:
    pull = ("image-version", "pull", *PLACE, "-e", "1.0.0", "--region", "westus", "--output", str(tmp_path / "out.raw"))
    assert "westus" in galleria.refused(4, *pull)
    assert list(tmp_path.iterdir()) == []


def test_bad_names(galleria: Galleria, good: Path) -> None:
    for arguments, field in (
        (("gallery", "create", "with-dash", "-g", "bad", "-l", "eastus"), "gallery_id"),
        (("gallery", "create", "a" * 81, "-g", "bad", "-l", "eastus"), "gallery_id"),
        (("image-definition", "create", *PLACE[:4], "-i", "-a", *KIND, *GENERALIZED), "image_definition_id"),
        (("image-definition", "create", *PLACE[:4], "-i", "a!", *KIND, *GENERALIZED), "image_definition_id"),
        (("disk", "push", str(good), "semi;colon", *TO), "disk_id"),
        (("disk", "push", str(good), "ends-in-dash-", *TO), "disk_id"),
        (("disk", "push", str(good), "a/b/c", *TO), "a/b/c"),
        (("image-version", "create", *PLACE, "-e", "1.0", "--os-disk", "good"), "image_version_id"),
        (("image-version", "create", *PLACE, "-e", "1.0.2147483648", "--os-disk", "good"), "image_version_id"),
        (("image-version", "create", *PLACE, "-e", "latest", "--os-disk", "good"), "image_version_id"),
        (("image-version", "create", *PLACE, "-e", "3.0.0", "--os-disk", "good", "--target-regions", "a=b=c"), "a=b=c"),
        (("image-version", "show", "-g", "images", "-r", "prod", "-e", "1.0.0"), "-i missing"),
    ):
        assert field in galleria.refused(2, *arguments), arguments


@pytest.mark.usefixtures("good")
def test_a_version_is_created_once(galleria: Galleria) -> None:
    before = galleria.json("image-version", "show", *PLACE, "-e", "1.0.0")
    assert "exists" in galleria.refused(4, "image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "good")
    assert galleria.json("image-version", "show", *PLACE, "-e", "1.0.0") == before


@pytest.mark.usefixtures("good")
def test_a_disk_is_pushed_once(galleria: Galleria, tmp_path: Path) -> None:
    before = galleria.json("disk", "show", "good", "-g", "images")
    other = noise_file(tmp_path / "other.raw", MIB, seed=9)
    assert "exists" in galleria.refused(4, "disk", "push", str(other), "good", "-g", "images", "-l", "eastus")
    assert galleria.json("disk", "show", "good", "-g", "images") == before


PULL = ("image-version", "pull", *PLACE, "-e", "1.0.0", "--region", "eastus", "--output")


def test_an_output_that_exists_is_kept_unless_forced(galleria: Galleria, good: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.raw"
    out.write_bytes(b"precious")
    assert "--force" in galleria.refused(4, *PULL, str(out))
    assert [out.read_bytes(), *tmp_path.iterdir()] == [b"precious", out]
    galleria.ok(*PULL, str(out), "--force")
    assert_same(good, out)
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.usefixtures("good")
def test_an_output_that_cannot_be_written(galleria: Galleria, tmp_path: Path) -> None:
    assert "neither a regular file" in galleria.refused(1, *PULL, str(tmp_path))
    told = galleria.refused(1, *PULL, str(tmp_path / "none" / "out.raw"))
    assert "cannot be written: No such file or directory" in told
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_part_for_the_next_try(galleria: Galleria, good: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    with mounted("tmpfs", "tmpfs", small, "-o", "size=3m"):
        told = galleria.refused(1, *PULL, str(small / "out.raw"))
        assert "no room left" in told
        assert [path.name for path in small.iterdir()] == ["out.raw.part"]
        subprocess.run(["mount", "-o", "remount,size=20m", small], check=True)
        report = galleria.run(*PULL, str(small / "out.raw")).json
        assert_same(good, small / "out.raw")
        assert 0 < report["keptBytes"] < report["occupiedBytes"]


class mounted:  # noqa: N801 - reads as what it does
    """Something mounted on a folder, or a skipped test where that is not allowed."""

    def __init__(self, kind: str, what: str, folder: Path, *options: str) -> None:
        self._command = ["mount", "-t", kind, *options, what, str(folder)]
        self._folder = folder

    def __enter__(self) -> None:
        tried = subprocess.run(self._command, check=False, capture_output=True, text=True)
        if tried.returncode:
            pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", self._folder], check=True)


def test_a_limit_on_the_size_of_files_is_told(galleria: Galleria, good: Path, tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 4096 && exec "$0" "$@"', str(GALLERIA)]
    told = galleria.refused(1, *PULL, str(tmp_path / "out.raw"), prefix=limited)
    assert "cannot be written: File too large" in told
    assert not (tmp_path / "out.raw").exists()
    galleria.ok(*PULL, str(tmp_path / "out.raw"))
    assert_same(good, tmp_path / "out.raw")


def test_a_wrong_server_address(tmp_path: Path, good: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = Galleria(f"127.0.0.1:{unused.getsockname()[1]}")
        for arguments in (
            ("gallery", "list", "-g", "images"),
            ("disk", "push", str(good), "new", *TO),
            (*PULL, str(tmp_path / "out.raw")),
        ):
            assert "is the server running?" in nobody.refused(7, *arguments), arguments
    assert "is the server running?" in Galleria("no-such-host.invalid:1").refused(7, "region", "list")
    assert list(tmp_path.iterdir()) == []


def test_a_promised_checksum_that_does_not_hold(refuse: Refusals, good: Path) -> None:
    promised = "0" * 64
    told = refuse.push(good, "--sha256", promised)
    assert f"has SHA-256 {sha256_of(good)}, not {promised}" in told
    assert "64 hexadecimal digits" in refuse.push(good, "--sha256", "beef", code=2)


def test_a_promised_checksum_that_holds_is_kept_as_provenance(galleria: Galleria, tmp_path: Path) -> None:
    image = sparse_file(tmp_path / "sparse.raw", 200 * MIB, {MIB: 3 * MIB, 150 * MIB: 5000})
    checksum = sha256_of(image)
    push = ("disk", "push", str(image), "sworn", "-g", "images", "-l", "eastus", "--sha256", checksum.upper())
    assert galleria.json(*push)["disk"]["sha256"] == checksum
    assert galleria.json("disk", "show", "sworn", "-g", "images")["sha256"] == checksum


def test_a_pipe_is_pushed_as_its_bytes_would_be(galleria: Galleria, tmp_path: Path) -> None:
    image = sparse_file(tmp_path / "image.raw", 130 * MIB + 512, {0: 5 * MIB, 64 * MIB - 5: 10, 129 * MIB: MIB + 512})
    push = ("disk", "push", "-", "piped", "-g", "images", "-l", "eastus", "--sha256", sha256_of(image))
    with image.open("rb") as file:
        cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
    with cat, galleria.begin(*push, stdin=cat.stdout) as command:
        piped = command.finish().json["disk"]
    filed = galleria.json("disk", "push", str(image), "filed", "-g", "images", "-l", "eastus")
    assert filed["push"]["chunksSent"] == 0
    for key in ("digest", "sizeBytes", "occupiedBytes"):
        assert filed["disk"][key] == piped[key]


@pytest.mark.usefixtures("refuse")
def test_a_pipe_that_is_no_disk(galleria: Galleria, tmp_path: Path) -> None:
    odd = noise_file(tmp_path / "odd.raw", MIB + 100)
    for source, word in ((odd, "no multiple of 512"), (Path(os.devnull), "is empty")):
        with source.open("rb") as file, galleria.begin("disk", "push", "-", "refused", *TO, stdin=file) as command:
            done = command.finish()
        assert done.code == 1, done
        assert word in done.err, done


def test_a_block_device_is_pushed_and_pulled_to(galleria: Galleria, good: Path, tmp_path: Path) -> None:
    target = sparse_file(tmp_path / "target.raw", 16 * MIB, {0: 16 * MIB}, seed=3)
    with loop_device(good) as source, loop_device(target) as device:
        pushed = galleria.json("disk", "push", source, "device", "-g", "images", "-l", "eastus")
        assert "--force" in galleria.refused(4, *PULL, device)
        galleria.ok(*PULL, device, "--force", "--fsync")
    assert pushed["disk"]["digest"] == galleria.json("disk", "show", "good", "-g", "images")["digest"]
    assert target.read_bytes()[: 8 * MIB] == good.read_bytes()
    assert target.read_bytes()[8 * MIB :] == noise(3, 16 * MIB)[8 * MIB :]


@pytest.mark.usefixtures("good")
def test_a_block_device_that_is_too_small(galleria: Galleria, tmp_path: Path) -> None:
    before = noise_file(tmp_path / "small.raw", 4 * MIB, seed=4).read_bytes()
    with loop_device(tmp_path / "small.raw") as device:
        told = galleria.refused(1, *PULL, device, "--force")
    assert str(4 * MIB) in told
    assert str(8 * MIB) in told
    assert (tmp_path / "small.raw").read_bytes() == before


class loop_device:  # noqa: N801 - reads as what it is
    """A file as a block device, or a skipped test where there are none."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> str:
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        losetup = shutil.which("losetup", path=path)
        if losetup is None:
            pytest.skip("there is no losetup here")
        made = subprocess.run([losetup, "-f", "--show", self._file], check=False, capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"no loop device can be made here: {made.stderr.strip()}")
        self._losetup, self._device = losetup, made.stdout.strip()
        return self._device

    def __exit__(self, *_: object) -> None:
        subprocess.run([self._losetup, "-d", self._device], check=True)
