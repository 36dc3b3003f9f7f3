from connector._speedups.encoder import OrderEncoder
from connector._speedups.signer import HmacSigner

class BinanceUsdmEncoder(OrderEncoder):
    def __init__(
        self, signer: HmacSigner, key: str, host: str, prefix: str = "", window_ms: int = 5000
    ) -> None: ...

class BinanceUsdmApiEncoder(OrderEncoder):
    def __init__(self, signer: HmacSigner, key: str, window_ms: int = 5000) -> None: ...
