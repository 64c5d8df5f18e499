"""Every limit in one place. Errors tell the limit they enforce; settings may lower or raise the ones marked (s)."""

MIB = 1024 * 1024

# What may come in
BODY_BYTES = 64 * MIB  # (s) one HTTP body or WebSocket message
JSON_DEPTH = 32  # nesting of a JSON value
JSON_ITEMS = 1_000_000  # items in one value, at all depths together
TEXT_CHARS = 1_000_000  # one text input
PIXELS = 50_000_000  # one picture, looked up in its header before it is decoded
IMAGE_BYTES = 48 * MIB  # one picture as it comes
IMAGE_SIDE = 16_384  # longest side of a picture
AUDIO_SECONDS = 600
FILE_BYTES = 48 * MIB
FOLDER_FILES = 10_000  # files in one archive
FOLDER_BYTES = 512 * MIB  # of one archive, unpacked
FOLDER_DEPTH = 16  # folders in folders
POINTS = 10_000  # of one set of landmarks
VECTOR_LENGTH = 1_000_000
NUMBERED_INPUTS = 64  # inputs that one `**name` of a model stands for

FAVOURITES = 2_000
WORKSPACES = 100
CHAINS = 64
MAPPINGS = 256
MAPPED_ARGUMENTS = 64  # of one message, that can be mapped
MAPPED_NUMBER = 1e9
ADDRESS_CHARS = 256  # of a controller's message
GUESTS = 256  # of one session, that are remembered
GUEST_SECONDS = 60.0  # since somebody was heard of, who is then no longer told of
NAME_CHARS = 100  # of a favourite
WORKSPACE_BYTES = 64 * MIB  # the file of what is saved

# What waits
RUNS_WAITING = 64  # (s) runs of one session that wait or run, those it works on at once as one; one more is refused
WAITING_BYTES = 256 * MIB  # of inputs of such runs; one run alone may be larger
PEEKS_WAITING = 64  # last outputs that are asked for at once, each in another encoding
LOSSLESS_FRAMES = 16_384  # outputs that wait for a reader of all; one read of the pipe can hold thousands
LOSSLESS_BYTES = 32 * MIB
EVENTS_WAITING = 256  # events that wait for one reader; the oldest are dropped and counted
STRANGER_BYTES = 64 * 1024  # one WebSocket message of a client that has shown no token yet
REPLY_BYTES = 8 * MIB  # messages, frames not counted, that wait for one WebSocket; beyond it the client is sent away
RUNWAY_QUERIES = 4  # of one Socket.IO or OSC client of the old protocols, while another of its queries is worked on
RUNWAY_ATTACHMENTS = 16  # binary messages that belong to one Socket.IO packet
SOCKETIO_PACKETS = 1_024  # in one body of a Socket.IO client that polls
SOCKETIO_ATTACHMENTS = 64  # bytes that belong to one Socket.IO message
POLL_BYTES = 4 * MIB  # in one answer to such a client; what is beyond waits for the next
SDK_OUTPUTS = 64  # of one job of a Model SDK server, that wait for the worker which asked; then the server waits
SDK_BYTES = 64 * MIB  # of the same
EARLY_INPUTS = 64  # live inputs that wait for a model which still loads
LOG_LINES = 50  # of a worker, kept for error messages
LOG_LINE_CHARS = 2_000

MESSAGE_BYTES = 1024 * MIB  # of one message between server and worker

# How many
SESSIONS = 32  # (s) open at once
SUBSCRIPTIONS = 256  # of one WebSocket connection
CONNECTIONS = 1_000  # WebSocket connections, and Socket.IO clients, each
RUNS_PER_CONNECTION = 64
TEXTS_AT_ONCE = 64  # that one language model writes side by side; more wait for their turn
TEXT_CACHE_BYTES = 1536 * MIB  # what it may keep of texts, unless that is too little for eight
LOGIT_BIASES = 1024  # tokens of one text that are favoured or shunned
OPENAI_TEXTS = 128  # of one request: its prompts times n
STREAM_FPS = 240  # pictures a second, the most that a reader can ask for
VIDEO_PEERS = 8  # WebRTC connections: each has a video encoder or decoder of its own
VIDEO_FPS = 60  # of one of them
VIDEO_SIDE = 1_920  # longest side of a picture in such a video
RUNWAY_CLIENTS = 64  # Socket.IO clients of one session, and OSC subscribers of one session, each
RUNWAY_PORTS = 256  # tried one after the other, for one session and one of its servers, until a free one is found
OSC_DATAGRAM_BYTES = 65_507  # what UDP carries at once
OSC_BLOB_BYTES = 60_000  # of a picture, a sound or a file that is sent over UDP
OSC_STREAM_BYTES = 16 * MIB - 1  # of one packet over TCP or WebSocket
OSC_ARGUMENTS = 65_536  # of one message
OSC_BUNDLE_PACKETS = 1_024  # in one bundle
OSC_BUNDLE_DEPTH = 8  # bundles in bundles
OSC_STEPS = 16_384  # values that one packet may set: its messages, each times the addresses that its pattern means
OSC_WAITING = 1_024  # packets that wait while one that holds much is dealt with
OSC_WAITING_BYTES = 16 * MIB
OSC_SCHEDULED = 4_096  # bundles that wait for their time
OSC_SCHEDULED_BYTES = 16 * MIB
OSC_PATTERN_CHARS = 256
OSC_PATTERN_PARTS = 16
OSC_PATTERN_WAYS = 64  # in which the words of one part can be put together
OSC_LISTED_FLOATS = 2_048  # of one vector that OSCQuery describes as numbers; a longer one is a blob
OSC_HEADS = 4_096  # addresses with their types, known so that the next message needs no reading
OSC_HEAD_BYTES = 4_096  # of one of them; a message with a longer one is read each time
OSC_CONNECTIONS = 64  # over TCP, OSCQuery and its WebSockets counted
OSC_SUBSCRIBERS = 64
OSC_LISTENS = 1_024  # addresses that one OSCQuery client listens to
OSC_REQUESTS = 64  # runs, and whatever else takes time, of one OSC sender
OSC_REQUESTS_OF_ALL = 1_024
OSC_ERRORS_PER_SECOND = 200  # that are told; more are counted
OSC_KNOCKS = 64  # addresses that may not send yet and are remembered
OSC_SENDERS = 256  # addresses and networks that may
SDP_BYTES = 64 * 1024  # an offer, or candidates that come later
CANDIDATES = 32  # addresses that one WebRTC peer may name, in its offer and later together
PEERS_SEEN = 256  # other bridges on the network

# How long
OSC_SLICE_SECONDS = 0.004  # of what one packet holds, then others have their turn
OSC_HORIZON_SECONDS = 60.0  # a bundle may be meant so far ahead
OSC_PROBE_SECONDS = 5.0  # after so long it is looked whether a subscriber is still there
OSC_SUBSCRIPTION_SECONDS = 3600.0  # of another machine over UDP, when nothing comes from there any more
START_SECONDS = 600.0  # (s) a model may take to load without a word of progress
STOP_SECONDS = 3.0  # a worker has to leave by itself before it is ended
RUN_SECONDS = 600.0  # an HTTP run
VIDEO_CONNECT_SECONDS = 20.0  # a WebRTC peer has to reach us after its offer
VIDEO_LAG_SECONDS = 2.0  # that a picture may have waited for its decoder
NETWORK_LOOK_SECONDS = 10.0  # until it is looked again which networks there are
GOODBYE_SECONDS = 3.0  # to the other programs on the network, at the end
LOOK_SECONDS = 3.0  # since somebody asked for the last output: so long a walk goes on for them
RUNWAY_LOOK_SECONDS = 0.25  # GET /data may wait for the last output when nobody has looked for a while
RUNWAY_PATIENCE_SECONDS = 2.0  # before an old client is told 429: it would ask again at once, for ever
OUTPUT_SECONDS = 10.0  # a model that works may take to show its last output; it does so between two steps
RESTARTS = 5  # crashes in a row, with no run finished between, before a session gives up
STEADY_SECONDS = 60.0  # a worker that was ready for so long has not crashed "in a row" with the one before

# Model folders
MANIFEST_BYTES = 64 * 1024  # model.toml
CARD_BYTES = 256 * 1024  # README.md; more is cut
MODEL_FILES = 2_000  # looked at in one folder, to count its size and to see whether its code changed
CODE_BYTES = MIB  # of one file of code, to see whether it changed
MODELS_PER_SOURCE = 1_000  # folders looked at in one place
DESCRIBE_SECONDS = 60.0  # a model's code may take to be imported and described
LOOK_UP_SECONDS = 60.0  # the Hub may take to tell what a network is
NETWORKS = 256  # of the Hub, whose names are remembered
DESCRIBE_AT_ONCE = 2  # children that do so at the same time
DESCRIPTION_BYTES = 4 * MIB  # what such a child may print

# Walks
WALK_KEYFRAMES = 1_000
WALK_SPEED = 100.0  # times the usual pace
WALK_SECONDS = 86_400.0  # from one keyframe to the next
WALK_SHORTEST = 0.01
WALK_DISTANCE = 10.0
WALK_NEAREST = 0.001  # the least distance; nearer than this nothing would be seen to move
WALK_PLACE = 1_000_000.0  # keyframes from the start, for seek and step
WALK_FPS = (0.1, 240.0)
WALK_BPM = (10.0, 600.0)
WALK_DIRECTION = 100.0  # a direction's slider goes from minus this to this
WALK_VECTORS = 4_096  # places kept ready for one walk
CURVE_POINTS = 256
CURVE_SECONDS = 86_400.0  # one period of a curve, or all of it; as many beats
RECORDING_LINES = 1_000_000
RECORDING_BYTES = 512 * MIB
RECORDING_LINE_BYTES = 16 * MIB
GRID_TILES = 1_024  # of one page of the grid
GRID_OFFSET = 2**31  # tiles from the centre
GRID_BYTES = 64 * MIB  # of pictures of tiles, kept for one session
GRID_HISTORY = 256  # centres to go back to
