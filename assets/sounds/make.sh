#!/bin/sh
# Makes the sounds but for saved.wav: two short notes each, up for started, down for stopped, and a low one twice for
# failed. Needs ffmpeg.
set -eu
cd "$(dirname "$0")"
make() { # make NAME HZ HZ
	note="0.28*exp(-18*mod(t\\,0.11))*min(1\\,mod(t\\,0.11)*200)"
	ffmpeg -v error -y -f lavfi -i "aevalsrc=($note)*(sin(2*PI*t*if(lt(t\,0.11)\,$2\,$3))):s=22050:d=0.22" \
		-c:a pcm_s16le -bitexact "$1.wav"
}
make started 587 880
make stopped 880 587
make failed 311 233
