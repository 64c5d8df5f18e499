#!/bin/sh
# Steers dream's walk with oscsend (liblo-tools). The first argument is another port than 9000.
set -e
bridge="osc.udp://127.0.0.1:${1:-9000}"

say() { oscsend "$bridge" "$@"; }

say /dream/walk/kind s circle                   # round and round
say /dream/walk/seconds f 10
say /dream/walk/speed s '{"lfo": "sine", "period": 8, "low": 0.2, "high": 3}'  # by itself, up and down
sleep 2
say /dream/walk/kind s loop                     # through places, each a seed
say /dream/walk/keyframes iii 3 14 15
say /dream/walk/speed f 1
sleep 2
say /dream/walk/direction/1 f 2                 # one of the network's own directions
say '/dream/walk/{bpm,beats}' f 60              # a pattern: two settings with one message
sleep 1
say '/*/walk/pause'                             # every session that walks
say /dream/walk/play
