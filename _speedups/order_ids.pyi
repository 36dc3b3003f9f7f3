"""Names nobody ever used before: order keys and client order ids of one boot."""

class Numbers:
    """Numbers without end, from ``first`` on."""

    def __init__(self, first: int = 1) -> None: ...
    def __next__(self) -> int: ...

class Ids:
    """Order keys and client order ids of one boot.

    ``boot`` is a number no earlier start of this instance had; keys and ids of two boots never
    meet. A client id is prefix, instance, boot and a sequence in base 32: at most 20 characters.
    Raises ValueError when there is no room for them, or no boot has this number."""

    def __init__(self, boot: int, prefix: str = "c", instance: str = "0") -> None: ...
    @property
    def stem(self) -> str:
        """What every client order id begins with."""

    @property
    def met_to(self) -> int:
        """Sequences below this one may be somebody else's. For tests."""

    def key(self) -> int:
        """A key for an order."""

    def client_order_id(self) -> str:
        """A client order id."""
    def met(self, name: str) -> None:
        """Somebody has this one: it may be one of ours that was not given yet."""
