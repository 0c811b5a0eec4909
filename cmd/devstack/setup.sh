#!/usr/bin/env bash
# Installs what is missing on a Debian machine. "setup.sh check": what building and tests without servers need; "dist":
# what makes packages and tries them; "run": what the programs and their servers need; "test": also a virtual desktop
# and the tools that tests use; "bench": also the programs to compare with. If everything is installed, it takes well
# under a second.
set -euo pipefail

# The newest Go that was tried, fetched only where no Go of at least go.mod's version can be had.
go_version=1.26.8
go_home=${XDG_CACHE_HOME:-$HOME/.cache}/hindsight/go

build=(ca-certificates gcc pkg-config libgl1-mesa-dev xorg-dev libwayland-dev libxkbcommon-dev libxxf86vm-dev)
media=(gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  gstreamer1.0-libav gstreamer1.0-x gstreamer1.0-pipewire gstreamer1.0-pulseaudio gstreamer1.0-tools libyuv0)
servers=(redis-server libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev)
desktop=(ffmpeg xvfb xserver-xorg-core xserver-xorg-video-dummy openbox xfce4-panel xfce4-notifyd dbus dbus-x11
  gnome-keyring xdotool xclip imagemagick pulseaudio pulseaudio-utils x11-utils
  x11-xserver-utils fonts-dejavu-core librsvg2-bin postgresql chromium systemd)
# An RTMP server to stream to, which is also the proxy in front of the backend; the browser of Room Composite.
egress=(libnginx-mod-rtmp nginx-light chromium)
# What reads man pages, and the shells that completions are for.
texts=(groff-base zsh fish)
# What draws the icons of packages, and what looks at them and tries them.
dist=(librsvg2-bin appstream desktop-file-utils rpm debootstrap)
# A Wayland desktop without a screen, its portal, and PipeWire. xhost comes with x11-xserver-utils.
wayland=(sway xwayland xdg-desktop-portal xdg-desktop-portal-wlr pipewire pipewire-pulse wireplumber)

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    say "these need root, and there is no sudo. As root, run: $*"
    exit 1
  fi
}

again() { # three tries: mirrors are away now and then
  local try
  for try in 1 2 3; do
    "$@" && return
    [ "$try" = 3 ] || { say "that failed, trying again"; sleep $((try * 3)); }
  done
  return 1
}

apt() { # RUNLEVEL=1 keeps packages from starting services: devstack starts its own
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "this is not Debian; make sure that these packages, or their equivalents, are installed: $*"
    return
  fi
  local missing
  missing=$(comm -23 <(printf '%s\n' "$@" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u))
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086 # names of packages, one a word
  set -- $missing
  say "installing $*"
  again apt update >&2 ||
    { say "the package lists cannot be fetched; check that this machine reaches its Debian mirror"; exit 1; }
  again apt install -y --no-install-recommends "$@" >&2 ||
    { say "Debian's packages could not be installed; the lines above say why"; exit 1; }
}

# suits says whether this go builds us: it is new enough, or new enough (1.21) to fetch a toolchain that is.
suits() { (cd "$(dirname "$0")/../.." && go list -m >/dev/null 2>&1); }

# fetch_go takes a toolchain from the Go module proxy, checked against its checksum database, with Debian's old Go.
fetch_go() {
  say "no Go of at least 1.26 here: fetching Go $go_version"
  command -v go >/dev/null || packages golang-go
  local module dir
  module=golang.org/toolchain@v0.0.1-go$go_version.linux-$(dpkg --print-architecture)
  dir=$(cd / && GOFLAGS= go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p') || dir=
  if [ -z "$dir" ]; then
    say "Go $go_version could not be fetched; install Go 1.26 or newer from https://go.dev/dl and put it on PATH"
    exit 1
  fi
  mkdir -p "$(dirname "$go_home")"
  local new=$go_home.new.$$
  cp -r "$dir" "$new"
  chmod -R u+w "$new"
  chmod -R +x "$new"/bin "$new"/pkg/tool
  # Modules cannot hold go.mod files below their top, so the toolchain's carry another name.
  find "$new" -name _go.mod -execdir mv {} go.mod \;
  rm -rf "$go_home"
  mv "$new" "$go_home"
}

case ${1:-} in
check) packages "${build[@]}" "${media[@]}" "${texts[@]}" ffmpeg systemd ;;
dist) packages "${build[@]}" "${dist[@]}" ;;
run) packages "${build[@]}" "${media[@]}" "${servers[@]}" ;;
test)
  packages "${build[@]}" "${media[@]}" "${servers[@]}" "${desktop[@]}" "${wayland[@]}" "${egress[@]}" "${texts[@]}"
  command -v npm >/dev/null || packages npm # fetches LiveKit's JavaScript client and axe-core
  ;;
bench) packages "${build[@]}" "${media[@]}" "${servers[@]}" "${desktop[@]}" "${egress[@]}" obs-studio libgl1-mesa-dri ;;
*) say "usage: setup.sh check|dist|run|test|bench"; exit 2 ;;
esac
suits || fetch_go
