from collections.abc import Collection

from connector._speedups.encoder import OrderEncoder
from connector._speedups.signer import HmacSigner

class PhemexEncoder(OrderEncoder):
    def __init__(
        self,
        signer: HmacSigner,
        key: str,
        host: str,
        prefix: str = "",
        window_ms: int = 10_000,
        *,
        hedged: Collection[str],
    ) -> None: ...
