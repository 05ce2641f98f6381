"""Where the bytes of data versions are kept: a content-addressed store at any fsspec address.

The layout is DVC's: ``files/md5/aa/rest``, and ``.dir`` behind the listing of a folder. So a store of ours is a DVC
cache and a DVC remote, and theirs are ours. MD5 only says where an object lies: what comes back is held against
BLAKE3 as well, where a pointer of ours tells it.

Bytes go to ``tmp/`` first and are moved when they are whole and known, so that a crash leaves nothing that looks
like an object. Two processes that keep the same bytes write the same object.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import posixpath
import re
import secrets
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from nbship import names
from nbship.digests import Algorithm, Digests, copied, copied_by, digest_bytes, reading
from nbship.errors import DataError, InputError, NbshipError, StoreError

#: What brings the usual schemes; of the others fsspec says it in its own words.
_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), "adlfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    **dict.fromkeys(("http", "https"), "requests aiohttp"),
    "webdav": "webdav4",
    "smb": "smbprotocol",
    "oci": "ocifs",
}
#: A copy that is under way is written to all the time.
_WRECK_S = 3600
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::|://)")


class Store:
    """Objects by their MD5 below one address. Every failure of the address is a StoreError that says which."""

    def __init__(self, url: str, *, home: Path | None = None) -> None:
        self.shown = shown(url, home)
        with self._speaking("opened"):
            self._fs, self._root = filesystem(url)
            self._fs.invalidate_cache()  # another process may have written since
        self.is_local = "file" in protocols(self._fs)

    def has(self, md5: str, size: int | None = None) -> bool:
        """Tell whether an object is there; one of another size is a wreck and counts as missing."""
        with self._speaking("asked"):
            try:
                found = self._fs.info(self._address(md5))
            except FileNotFoundError:
                return False
        return found.get("type") != "directory" and (size is None or found.get("size") in (None, size))

    def put_file(self, path: Path, digests: Digests) -> bool:
        """Keep a file whose digests are known; False if it is there already.

        Raises InputError where the file cannot be read, DataError where it has changed since.
        """
        if self.has(digests.md5, digests.size):
            return False
        with reading(path) as source:
            self.put(source, digests.md5, blake3=digests.blake3)
        return True

    def put_bytes(self, content: bytes, md5: str) -> bool:
        """Keep bytes in memory under their name; False if they are there already."""
        if self.has(md5, len(content)):
            return False
        self.put(io.BytesIO(content), md5)
        return True

    def put(self, source: BinaryIO, md5: str, *, blake3: str | None = None) -> None:
        """Keep a stream. Raises DataError if it is not what it should be: then nothing is kept.

        ``blake3`` is its hash, where that is known to belong to ``md5``; else the MD5 is computed, which takes longer.
        """
        target = self._address(md5)
        scratch = posixpath.join(self._root, "tmp", secrets.token_hex(8))
        with self._speaking("written to"):
            if self.is_local:
                clear_wrecks(Path(scratch).parent, "*")
            for folder in (posixpath.dirname(target), posixpath.dirname(scratch)):
                self._fs.makedirs(folder, exist_ok=True)
            try:
                self._copy(source, scratch, md5, blake3)
                self._move(scratch, target, md5)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._fs.rm_file(scratch)
                raise

    def open(self, md5: str) -> BinaryIO | None:
        """Open an object to read it, None where there is none."""
        with self._speaking("read"):
            try:
                file: BinaryIO = self._fs.open(self._address(md5), "rb")
            except FileNotFoundError:
                return None
            return file

    def fetch(self, md5: str, target: Path) -> Digests | None:
        """Copy an object into a new file and give its digests; None, and no file, where there is none.

        Raises StoreError where reading or writing fails; the caller compares, and takes the file away.
        """
        source = self.open(md5)
        if source is None:
            return None
        with self._speaking("read"), source, writing(target) as file:
            return copied(source, file)

    def read(self, md5: str) -> bytes | None:
        """Give a small object, None where there is none. Raises DataError where it is not what its name says."""
        source = self.open(md5)
        if source is None:
            return None
        with self._speaking("read"), source:
            content = source.read()
        if digest_bytes(content).md5 != md5.partition(".")[0]:
            raise DataError(f"object {md5[:12]}… is damaged in the store", where=self.shown)
        return content

    def _address(self, md5: str) -> str:
        return posixpath.join(self._root, "files", "md5", md5[:2], md5[2:])

    def _copy(self, source: BinaryIO, address: str, md5: str, blake3: str | None) -> None:
        algorithm: Algorithm = "blake3" if blake3 else "md5"
        with self._fs.open(address, "wb") as target:
            found = copied_by(algorithm, source, target)
            if self.is_local:
                target.flush()
                os.fsync(target.fileno())  # the move must not reach the disk before the bytes
        if found != (blake3 or md5.partition(".")[0]):
            raise DataError(
                "the data has changed while it was copied", help="try again when nothing writes to it"
            )

    def _move(self, scratch: str, target: str, md5: str) -> None:
        if self.is_local:
            Path(scratch).chmod(0o444)  # as DVC has it: an object is never edited
            Path(scratch).replace(target)
            return
        try:
            self._fs.mv(scratch, target)
        except Exception:
            if not self.has(md5):  # another was quicker
                raise
            self._fs.rm_file(scratch)

    @contextlib.contextmanager
    def _speaking(self, doing: str) -> Generator[None]:
        """Turn what a file system raises into one error of ours that shows no password and no path."""
        try:
            yield
        except NbshipError:
            raise
        except ImportError as error:
            raise _uninstalled(self.shown, error) from error
        except Exception as error:  # botocore's, paramiko's, aiohttp's: there is no common class
            raise StoreError(
                f"the data store cannot be {doing}: {_reason(error)}",
                where=self.shown,
                help="--to and --from name another; [tool.nbship.data] store, or NBSHIP_DATA_URL, is the usual one",
            ) from error


def shown(url: str, home: Path | None = None) -> str:
    """Give an address as it may be shown: no user, password or query, and no path of the machine.

    >>> shown("s3://key:secret@bucket/data?token=x"), shown("/srv/team/data")
    ('s3://bucket/data', '…/data')
    """
    if is_url(url) and not url.startswith(("file:", "local:")):
        return "::".join(_shown_part(part) for part in url.split("::"))
    path = Path(local_path(url)).expanduser().absolute()
    if home is not None and path.is_relative_to(home.absolute()):
        return f"{names.ENV_HOME}/{path.relative_to(home.absolute()).as_posix()}"
    if path.is_relative_to(Path.cwd()):
        return path.relative_to(Path.cwd()).as_posix()
    return f"…/{path.name}"


def is_url(text: str) -> bool:
    """Tell an address from a path."""
    return bool(_SCHEME.match(text))


def is_local(url: str) -> bool:
    """Tell whether an address means a folder of this machine."""
    return not is_url(url) or url.startswith(("file:", "local:"))


def local_path(url: str) -> str:
    """Give the path that a local address means."""
    return re.sub(r"^(file|local):(//)?", "", url)


def clear_wrecks(folder: Path, pattern: str) -> None:
    """Delete what a process that was killed half-way has left: what nobody has written to for an hour."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _WRECK_S:
                path.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Generator[BinaryIO]:
    """Make a new file and have it on the disk when it is closed. Raises InputError where that fails."""
    try:
        with path.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.filename != str(path) and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise InputError(f"{path.parent.name} cannot be written to: {_reason(error)}") from error


def put_whole(fs: Any, target: str, content: bytes) -> None:
    """Write a file at an address, whole or not at all: on a disk beside its place first, then renamed."""
    if "file" not in protocols(fs):
        fs.pipe_file(target, content)
        return
    place = Path(target)
    scratch = place.with_name(f".unfinished-{secrets.token_hex(4)}-{place.name}")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with writing(scratch) as file:
            file.write(content)
        scratch.replace(place)
    finally:
        scratch.unlink(missing_ok=True)


def filesystem(url: str) -> tuple[Any, str]:
    """Give the file system of an address, and the path in it. Raises InputError where nothing knows the scheme."""
    import fsspec

    if is_local(url):
        path = Path(local_path(url)).expanduser().absolute()
        return fsspec.filesystem("file"), path.as_posix()
    scheme = url.partition(":")[0]
    if scheme not in fsspec.available_protocols():
        raise InputError(
            f"nothing here knows addresses that begin with {scheme}:",
            help="a folder, or one of fsspec's: s3://, gs://, az://, sftp://, …",
        )
    fs, root = fsspec.core.url_to_fs(url)
    return fs, str(root)


def protocols(fs: Any) -> tuple[str, ...]:
    """Give the schemes of a file system."""
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _uninstalled(where: str, error: ImportError) -> InputError:
    scheme = where.partition(":")[0]
    package = _PACKAGES.get(scheme)
    return InputError(
        f"addresses that begin with {scheme}: need a package that is not installed",
        where=where,
        help=f"pip install {package}" if package else str(error),
    )


def _reason(error: Exception) -> str:
    """Say in one line what went wrong, without the paths and addresses that errors carry."""
    if isinstance(error, OSError) and error.errno is not None:
        return {errno.ENOSPC: "no space is left"}.get(error.errno, error.strerror or type(error).__name__)
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return re.sub(
        r"//[^/\s@]+@", "//", re.sub(r"\?\S+", "", re.sub(r"(?<![\w/:])/(?:[^\s/]+/)+", "…/", said))
    )


def _shown_part(part: str) -> str:
    split = urlsplit(part)
    return split._replace(netloc=split.netloc.rpartition("@")[2], query="", fragment="").geturl()
