#!/bin/sh
# A film that closes, a performance that is recorded and made a film, and a favourite.
#   sh play.sh [ADDRESS]      leaves circle.mp4, favourite.jpg, show.jsonl and show.mp4 here
set -eu
bridge=${1:-http://127.0.0.1:8000}
walk=$bridge/api/sessions/dream/walk

tell() { curl -sS --fail-with-body -X PATCH "$walk" -d "$1" >/dev/null; }

# A circle is exactly closed: the film goes round without a seam. It needs no running bridge.
sketchbridge walk dream --seconds 2 --fps 30 --set kind=circle --set seconds=2 --out circle.mp4

# Record a performance: everything the walk is told from here on. Then make it a film, the same each time.
tell '{"kind": "circle", "centre": null, "speed": 1}'
curl -sS --fail-with-body -X POST "$walk/recording" >/dev/null
tell '{"speed": 3}'
sleep 1
tell '{"kind": "noise", "speed": {"lfo": "sine", "period": 1, "low": 0.2, "high": 4}}'
sleep 1
curl -sS --fail-with-body -X DELETE "$walk/recording" >/dev/null
curl -sS --fail-with-body "$walk/recording" -o show.jsonl
sketchbridge walk dream --recording show.jsonl --fps 30 --out show.mp4

# Keep where the walk is now, fetch its small picture, and drift around it from then on.
curl -s --max-time 1 "$bridge/api/sessions/dream/stream/image.mjpg" -o /dev/null || true # a walk goes on while somebody looks
kept=$(curl -sS --fail-with-body "$bridge/api/favourites" -d '{"session": "dream", "name": "the first one"}')
id=$(printf %s "$kept" | sed 's/.*"id": *"\([^"]*\)".*/\1/')
curl -sS --fail-with-body "$bridge/api/favourites/$id.jpg" -o favourite.jpg
tell "{\"kind\": \"drift\", \"centre\": {\"favourite\": \"$id\"}, \"distance\": 0.4}"
