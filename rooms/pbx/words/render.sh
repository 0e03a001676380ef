#!/bin/sh
# Renders the built-in words of core/domain/src/app/words.tsv with espeak-ng and sox (Debian: apt install espeak-ng sox).
# Run in this folder; writes {en,vi}.ulaw (G.711 µ-law, 8 kHz, one word after the other) and {en,vi}.index (name, bytes).
set -eu
words=../../../core/domain/src/app/words.tsv
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# language, espeak's voice, words a minute, column
render() {
    : > "$1.ulaw"
    : > "$1.index"
    cut -f "1,$4" "$words" | while IFS="$(printf '\t')" read -r name text; do
        [ -n "$text" ] || continue
        espeak-ng -v "$2" -s "$3" -w "$work/said.wav" -- "$text"
        # Band of the telephone, silence of both ends cut off, 8 kHz.
        sox "$work/said.wav" -r 8000 -c 1 "$work/cut.wav" highpass 120 lowpass 3600 \
            silence 1 0.005 0.25% fade 0.005 reverse silence 1 0.005 0.25% fade 0.01 reverse
        # The same loudness for all: RMS of -20 dBFS, peaks below -3 dBFS.
        level=$(sox "$work/cut.wav" -n stats 2>&1 | awk '/^RMS lev dB/ { print -20 - $4 }')
        sox "$work/cut.wav" "$work/even.wav" compand 0.005,0.1 6:-30,-30,-20,-18,0,-8 0 -90 0.005 gain "$level"
        peak=$(sox "$work/even.wav" -n stats 2>&1 | awk '/^Pk lev dB/ { print ($4 > -3) ? -3 - $4 : 0 }')
        sox "$work/even.wav" -t ul "$work/word.ul" gain "$peak"
        cat "$work/word.ul" >> "$1.ulaw"
        echo "$name $(stat -c %s "$work/word.ul")" >> "$1.index"
    done
}

render en en-us 165 2
render vi vi 140 3
