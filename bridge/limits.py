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
NAME_CHARS = 100  # of a favourite
WORKSPACE_BYTES = 64 * MIB  # the file of what is saved

# What waits
RUNS_WAITING = 64  # (s) runs of one session that wait or run; one more is refused
WAITING_BYTES = 256 * MIB  # of inputs of such runs; one run alone may be larger
PEEKS_WAITING = 64  # last outputs that are asked for at once, each in another encoding
LOSSLESS_FRAMES = 16_384  # outputs that wait for a reader of all; one read of the pipe can hold thousands
LOSSLESS_BYTES = 32 * MIB
EVENTS_WAITING = 256  # events that wait for one reader; the oldest are dropped and counted
STRANGER_BYTES = 64 * 1024  # one WebSocket message of a client that has shown no token yet
REPLY_BYTES = 8 * MIB  # messages, frames not counted, that wait for one WebSocket; beyond it the client is sent away
EARLY_INPUTS = 64  # live inputs that wait for a model which still loads
LOG_LINES = 50  # of a worker, kept for error messages
LOG_LINE_CHARS = 2_000

MESSAGE_BYTES = 1024 * MIB  # of one message between server and worker

# How many
SESSIONS = 32  # (s) open at once
SUBSCRIPTIONS = 256  # of one WebSocket connection
CONNECTIONS = 1_000  # WebSocket connections
RUNS_PER_CONNECTION = 64

# How long
START_SECONDS = 600.0  # (s) a model may take to load without a word of progress
STOP_SECONDS = 3.0  # a worker has to leave by itself before it is ended
RUN_SECONDS = 600.0  # an HTTP run
LOOK_SECONDS = 3.0  # since somebody asked for the last output: so long a walk goes on for them
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
