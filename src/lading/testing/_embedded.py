"""What every embedded store is: a server with a folder of its own."""

from __future__ import annotations

import shutil
import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from lading.testing.server import Server


class EmbeddedStore(Server):
    """A server that is started once, with a temporary folder that goes when it ends."""

    _kind: ClassVar[str]
    _folder: Path | None = None

    @abstractmethod
    def _use(self, folder: Path) -> None:
        """Keep files in *folder* from now on."""

    def start(self) -> None:
        """Listen; connections are accepted when this returns. ``with`` does it for you."""
        if self._folder is not None:
            raise RuntimeError(f"an {type(self).__name__} is started once: make another one")
        self._folder = Path(tempfile.mkdtemp(prefix=f"lading-{self._kind}-"))
        self._use(self._folder)
        try:
            super().start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise

    def stop(self) -> None:
        """End everything and wait until it has ended; more than once does no harm."""
        super().stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
