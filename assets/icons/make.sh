#!/bin/sh
# Makes the PNGs from the SVG drawings; needs rsvg-convert (Debian: librsvg2-bin).
set -eu
cd "$(dirname "$0")"
rsvg-convert -w 256 -h 256 -o hindsight.png hindsight.svg
for svg in tray-*.svg; do
	rsvg-convert -w 64 -h 64 -o "${svg%.svg}.png" "$svg"
done
