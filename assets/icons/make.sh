#!/bin/sh
# Makes the PNGs from the SVG drawings; needs rsvg-convert (Debian: librsvg2-bin).
set -eu
cd "$(dirname "$0")"
rsvg-convert -w 256 -h 256 -o hindsight.png hindsight.svg
for state in idle buffering live error; do
	rsvg-convert -w 64 -h 64 -o "tray-$state.png" "tray-$state.svg"
done
