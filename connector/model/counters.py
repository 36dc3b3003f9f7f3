"""Every counter of the daemon: one id and one sentence each; `top`, exporter and tests read it.

The ids index the counter array of the market segment; ``_speedups`` uses the same numbers (a test
compares).
"""

from connector.model.enums import Word


class Counter(Word):
    FRAMES = 0, "WebSocket data frames received"
    FRAME_BYTES = 1, "bytes of those frames"
    FAST = 2, "frames decoded by the compiled codec"
    FALLBACK = 3, "frames left by the compiled codec to the rare path"
    UNDECODABLE = 4, "frames neither decoder could read"
    UNKNOWN_EVENT = 5, "frames of an event type this version does not know"
    UNKNOWN_SYMBOL = 6, "events of an instrument that is not configured"
    COMPRESSED = 7, "frames refused because they were compressed"
    OVERSIZED = 8, "messages refused because they were larger than the cap"
    FRAGMENTED = 9, "messages joined from fragments"
    PINGS = 10, "pings of a venue answered"
    RECORDS = 11, "records written to the market ring"
    DELTAS = 12, "depth messages applied"
    DUPLICATES = 13, "depth messages dropped because a newer one was already applied"
    GAPS = 14, "gaps found in depth streams"
    RESYNCS = 15, "books made live again after a gap"
    SNAPSHOTS = 16, "snapshots received"
    SNAPSHOTS_LATE = 17, "snapshots dropped: asked under an earlier connection"
    SNAPSHOTS_OLD = 18, "snapshots dropped: older than the first buffered event"
    SNAPSHOT_ERRORS = 19, "snapshot requests that failed"
    BUFFER_OVERFLOWS = 20, "books restarted because their buffer was full"
    VENUE_RESETS = 21, "update ids that went backwards on a line"
    CROSSED = 22, "live books seen with best bid at or above best ask"
    NUMBER_ERRORS = 23, "numbers that do not fit the instrument's scale"
    BBO_OLD = 24, "best bid/ask updates overtaken by a newer one"
    CONNECTS = 25, "WebSocket connections opened"
    DISCONNECTS = 26, "WebSocket connections lost"
    CONNECT_ERRORS = 27, "WebSocket connection attempts that failed"
    SILENT = 28, "streams found silent"
    SUBSCRIBE_ERRORS = 29, "subscriptions the venue refused or never served"
    HTTP_REQUESTS = 30, "HTTP requests sent"
    HTTP_ERRORS = 31, "HTTP requests without a usable answer"
    HTTP_THROTTLED = 32, "HTTP answers 429 or 418"
    ATTACHES = 33, "strategies that attached"
    ATTACH_REFUSED = 34, "attach requests refused"
    SESSIONS_ENDED = 35, "strategy sessions that ended"
    DOORBELLS = 36, "sleeping strategies woken"
    CONTROL_ERRORS = 37, "malformed messages on the control socket"
    INSTRUMENT_CHANGES = 38, "instruments whose rules or status changed"
    STALLS = 39, "loop callbacks longer than 200 us"
    BOOKS_REBUILT = 40, "books rebuilt because the tick or the window changed"
    UNEXPECTED_FRAMES = 41, "binary frames and broken fragment sequences; the connection is dropped"
    RARE_ERRORS = 42, "frames whose handling in Python raised an error"
    TRADES_OLD = 43, "trades dropped because they were seen before"
    MARK_PRICES_OLD = 44, "mark prices dropped because a newer one was seen"
    SNAPSHOTS_UNREACHED = (
        45,
        "snapshots dropped: the stream did not come to their id in ten seconds",
    )
    RESUBSCRIBES = 46, "silent streams asked for anew"
    REPLACEMENTS = 47, "connections replaced because a stream stayed silent"
    HANDOVERS = 48, "connections closed after another one had taken over"
    HTTP_MALFORMED = 49, "HTTP answers that broke the protocol or a size cap"
    PLAIN_SIGNATURES = 50, "signatures made in plain C, for want of a libcrypto to share"
    INSTRUMENTS_OLD = 51, "instrument lists dropped because a newer one was already used"
    MISFITS = 52, "instruments taken down because their numbers fit the scale no longer"
    RESTARTS = 53, "venues started again after a fault of ours"
    LINES_LOST = 54, "log lines dropped because nobody read stderr"
    VENUE_AHEAD = 55, "messages stamped later by the venue than by our wall clock"
    STREAM_GAPS = 56, "private streams renewed because they kept something back"
    RECONCILED = 57, "accounts whose orders, positions and balances were asked for"
    REQUESTS_LOST = 58, "order requests sent whose answer never came"
    REQUESTS_UNSENT = 59, "order requests of which no byte left"
    COMMANDS = 60, "commands read from strategies"
    COMMANDS_REFUSED = 61, "commands refused before anything was sent"
    JOURNAL_MENDED = 62, "faults found in journals and mended at a start"
    JOURNAL_FAULTS = 63, "writes of a journal that the disk refused"
    JOURNAL_BEHIND = 64, "times a journal was too far from the disk for new orders"
    JOURNAL_LOST = 65, "journal entries that neither the disk took nor memory held"
    REPORTS_HELD = 66, "times a strategy had not taken its reports and its ring was full"
    COMMAND_ERRORS = 67, "commands whose handling raised an error"
    COMMANDS_BROKEN = 68, "sessions ended because their command ring cannot be"
    ANSWERS_UNMATCHED = 69, "answers of an order API to nothing that is waited for"
    STRATEGIES_DEAD = 70, "strategies that did not come back within their grace"
    ORDERS_ORPHANED = 71, "orders cancelled because nobody looked after them any more"
    POSITIONS_CLOSED = 72, "orders sent to close positions of strategies that are gone"
    HALTS = 73, "halts that were set, by operators or by a halt file that is not in order"
    REQUESTS_ENCODED = 74, "order requests written by the compiled encoder"
    REQUESTS_RARE = 75, "order requests the compiled encoder left to the other one"
    COUNTDOWN_ERRORS = 76, "countdowns the venue did not confirm to be set"
    RECONCILE_FIXED = 77, "differences the venue's lists showed and its stream had not told"
    RECONCILE_SKIPPED = 78, "looks at the venue's lists left out for want of weight"
    REPORTS_UNPLACED = 79, "old reports whose account or instrument this run does not have"
    PROFITS_UNREADABLE = 80, "files of the day's profits that a start could not read"
    WINDOW_CUTS = 81, "levels cut from books of which the venue keeps only the best up to date"
    BOOKS_DIFFERED = 82, "books found to differ from the venue's whole book of the same id"
    LANE = 83, "commands whose requests left the short way"
    LANE_LEFT = 84, "commands the short way left to the desk"
    HEARD = 85, "private frames of orders that went the short way"
    HEARD_LEFT = 86, "private frames of orders the short way left to the tracker"
    BOOKS_DOUBTED = 87, "books that trades of the same id showed to be wrong"
    BOOKS_BEHIND = 88, "books a second behind a trade of theirs"
    STREAMS_OLD = 89, "messages beside book, trades and mark prices dropped: they came before"
    AUDITS = 90, "times a venue said which streams a connection carries"
    STREAMS_MISSING = 91, "streams granted that the venue did not have: asked for again"
    STREAMS_STRAY = 92, "streams the venue had on a connection though nobody wants them"
    FORMS_SET = 93, "connections that spoke in another form and were told to change"
    AUDIT_ERRORS = 94, "questions about what a connection carries without a usable answer"

    def __new__(cls, index: int, sentence: str) -> "Counter":
        member = object.__new__(cls)
        member._value_ = index
        member.sentence = sentence
        return member

    sentence: str


class Hop(Word):
    """Latency histograms of the market segment, by the hop they measure."""

    RECV_TO_PUBLISH = 0, "frame callback to record readable"
    VENUE_TO_RECV = 1, "venue's event time to frame callback (two clocks)"
    LOOP_CALLBACK = 2, "longest time the loop was away, by turn"
    SNAPSHOT = 3, "snapshot asked to book live"
    COMMAND_TO_TAKE = 4, "command written by a strategy to taken by the daemon"
    TAKE_TO_SENT = 5, "command taken to its request handed to the kernel"
    SENT_TO_ANSWER = 6, "order request handed to the kernel to the venue's answer"
    RECV_TO_REPORT = 7, "private frame callback to reports readable"

    def __new__(cls, index: int, sentence: str) -> "Hop":
        member = object.__new__(cls)
        member._value_ = index
        member.sentence = sentence
        return member

    sentence: str
