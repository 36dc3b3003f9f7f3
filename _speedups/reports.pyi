from .bell import Bell
from .journal import Journal
from .renumbering import Renumbering
from .segment import Mapping

CONTROL_OFFSET: int
RING_OFFSET: int
TAKEN: int
HELD: int
DISK: int
ENDED: int

class Reports:
    def __init__(
        self,
        journal: Journal,
        up: Mapping,
        down: Mapping,
        position: int,
        resume: int,
        bell: Bell | None = None,
        earlier: Renumbering | None = None,
        begun: int = 0,
    ) -> None: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def position(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def unplaced(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def why(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def taken(self) -> int: ...
    def pump(self) -> int: ...
    def feed(self, data: bytes) -> int: ...
    def skip(self, position: int) -> None: ...
