# Lines of accounts and positions of Phemex's private messages, as the reader of the messages found them.
from libc.stdint cimport int64_t

from .scalars cimport Token

cdef enum:                        # of a line of accounts; of a position the first is the currency, too
    CURRENCY_OF = 0
    BALANCE = 1
    USED
    ACCOUNT_FIELDS

cdef enum:
    HELD = 1                      # the symbol
    SIDE
    SIZE
    ENTRY_PRICE
    LEVERAGE
    UNREALISED
    REALISED
    HELD_TIME
    POSITION_SIDE
    POSITION_FIELDS

# In 10^-8; of the contract API an integer in the scale of its currency. False: the other reader has to look.
cdef bint money(const Token* token, const Token* currency, bint hedged, int64_t* out) noexcept nogil
# The event of a row, as `positions.balance` and `positions.position`; None: it is none, NotImplemented: the other reader has
# to look. `scales` gives the instrument of a symbol, None: there is none.
cdef object balance_of(const Token* row, bint hedged, int64_t venue_ns, bint filled)
cdef object position_of(const Token* row, bint hedged, scales)
