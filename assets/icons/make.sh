#!/bin/sh
# Makes the PNGs from the SVG drawings; needs rsvg-convert (Debian: librsvg2-bin) and ImageMagick.
set -eu
cd "$(dirname "$0")"
rsvg-convert -w 256 -h 256 -o hindsight.png hindsight.svg
# Pixels of tray icons are opaque or not there: fyne.io/systray spoils the colors of those in between, and panels smooth
# the edge when they scale the icon down.
for svg in tray-*.svg; do
	png="${svg%.svg}.png"
	rsvg-convert -w 64 -h 64 "$svg" |
		convert png:- -channel A -threshold 50% -strip -define png:exclude-chunks=date,time "png32:$png"
done
