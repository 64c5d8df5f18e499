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

WORKSPACE_BYTES = 64 * MIB  # the file of what is saved

# What waits
RUNS_WAITING = 64  # (s) runs of one session that wait or run; one more is refused
LOSSLESS_FRAMES = 16_384  # outputs that wait for a reader of all; one read of the pipe can hold thousands
LOSSLESS_BYTES = 32 * MIB
EVENTS_WAITING = 256  # events that wait for one reader; the oldest are dropped and counted
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
RESTARTS = 5  # crashes in a row, with no run finished between, before a session gives up

# Model folders
MANIFEST_BYTES = 64 * 1024  # model.toml
CARD_BYTES = 256 * 1024  # README.md; more is cut
MODEL_FILES = 2_000  # looked at in one folder, to count its size and to see whether its code changed
CODE_BYTES = MIB  # of one file of code, to see whether it changed
MODELS_PER_SOURCE = 1_000  # folders looked at in one place
DESCRIBE_SECONDS = 60.0  # a model's code may take to be imported and described
DESCRIBE_AT_ONCE = 2  # children that do so at the same time
DESCRIPTION_BYTES = 4 * MIB  # what such a child may print
