from typing import final

@final
class Words:
    def __init__(self, what: str) -> None: ...
    @property
    def what(self) -> str: ...
    numbers: dict[str, int]
