from collections.abc import Callable, Mapping, Sequence

class Renumbering:
    def __init__(
        self,
        accounts: Mapping[str, tuple[int, int]],
        names: Callable[[bytes], Sequence[str]],
        place: Callable[[bytes], int | None],
        describe: Callable[[int], bytes],
    ) -> None: ...
    def forget(self) -> None: ...
