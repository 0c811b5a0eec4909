#!/usr/bin/env bash
# Tries the packages of a folder as a new user would: "dist_try.sh [FOLDER]" installs them with apt into a fresh Debian
# 12 (debootstrap), starts the app there on a virtual display with audio, saves a clip, reads it, and removes all again.
# Needs root. Everything runs in namespaces of its own and ends with it; the root is a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
dist=$(cd "${1:-dist}" && pwd)
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  [ "$(id -u)" = 0 ] || { echo "dist_try: this needs root" >&2; exit 1; }
  IN_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child --mount-proc -- "$0" "$dist"
fi

say() { printf 'try: %s\n' "$*"; }
check() { # check WHAT COMMAND…
  local what=$1
  shift
  if "$@" >"$work/out" 2>&1; then say "ok: $what"; else
    say "FAILED: $what"
    cat "$work/out"
    exit 1
  fi
}

work=$(mktemp -d)
root=$work/root
trap 'cd /; umount -R "$root"/* 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT
in_root() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}
alice() { in_root runuser -u alice -- env HOME=/home/alice XDG_RUNTIME_DIR=/run/alice "$@"; }

(cd "$dist" && sha256sum --quiet -c SHA256SUMS)
desktop-file-validate assets/linux/*.desktop
say "a fresh Debian, from the mirror that this machine uses"
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -1)
debootstrap --variant=minbase bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$work/log" 2>&1 ||
  { tail "$work/log"; exit 1; }
cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
for d in proc dev sys; do mount --rbind /$d "$root/$d"; done
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
in_root useradd --create-home alice
in_root install -d -o alice -m 0700 /run/alice
mkdir "$root/packages"
cp "$dist"/*.deb "$root/packages/"

began=$SECONDS
check "apt installs the app with all it needs" in_root sh -c 'apt-get -qq update &&
  apt-get -qq install -y --no-install-recommends /packages/hindsight_*.deb'
say "installed after $((SECONDS - began)) s"
version=$(dpkg-deb -f "$dist"/hindsight_*.deb Version)
check "hindsight --version is the package's" [ "$(in_root hindsight --version)" = "hindsight $version" ]
check "hindsightctl --version is the package's" [ "$(in_root hindsightctl --version)" = "hindsightctl $version" ]
check "AppStream takes the metainfo" \
  appstreamcli validate --no-net "$root"/usr/share/metainfo/app.hindsight.Hindsight.metainfo.xml
check "links of invitations are the app's" grep -q 'x-scheme-handler/hindsight=app.hindsight.Hindsight.desktop' \
  "$root"/usr/share/applications/mimeinfo.cache
check "the menu entry is valid" desktop-file-validate "$root"/usr/share/applications/app.hindsight.Hindsight.desktop

check "a display and audio to try it with" in_root apt-get -qq install -y --no-install-recommends \
  xvfb xauth dbus dbus-x11 pulseaudio pulseaudio-utils ffmpeg
cat >"$root/home/alice/try" <<'T'
set -eu
pulseaudio --start --exit-idle-time=-1
pactl load-module module-null-sink >/dev/null
hindsightctl doctor || true # there is no tray, and no hotkeys are taken from a window manager
hindsight >app.log 2>&1 &
app=$!
until hindsightctl replay on 2>/dev/null; do # as Start in the window: nothing is captured before
  kill -0 $app # or it has ended
  sleep 0.3
done
for i in $(seq 100); do
  state=$(hindsightctl status --json 2>/dev/null | sed -n 's/.*"buffered_seconds": *\([0-9]*\).*/\1/p') || true
  [ "${state:-0}" -lt 6 ] || break
  sleep 0.3
done
clip=$(hindsightctl save --seconds 4)
ffprobe -v error -show_entries stream=codec_name -show_entries format=duration -of csv "$clip"
hindsightctl quit
wait $app
pulseaudio --kill
T
check "the app saves a clip of 4 s with video and audio" alice sh -c 'cd &&
  xvfb-run -a -s "-screen 0 1280x720x24" dbus-run-session sh try >out 2>&1 && cat out &&
  grep -q h264 out && grep -q aac out && grep -Eq "format,(3\.9[5-9]|4\.0)" out || { cat out app.log; exit 1; }'
grep -E 'stream|format' "$root/home/alice/out" || true

check "the backend is installed" in_root sh -c '
  apt-get -qq install -y --no-install-recommends /packages/hindsight-backend_*.deb'
check "the backend has its user" in_root id hindsight
check "the backend reads its settings" in_root sh -c 'LIVEKIT_API_KEY=k LIVEKIT_API_SECRET=secret \
  hindsight-backend --config /etc/hindsight/backend.toml serve --print-config'
check "the unit is valid" in_root systemd-analyze verify /usr/lib/systemd/system/hindsight-backend.service

check "removed" in_root apt-get -qq purge -y hindsight hindsight-backend
leftovers() {
  in_root find / -xdev -iname '*hindsight*' -not -path '/home/*' -not -path '/run/alice/*' -not -path '/packages/*'
}
left=$(leftovers)
check "nothing is left outside the user's own files: $left" [ -z "$left" ]
check "the user's clip is still there" sh -c "ls '$root'/home/alice/Videos/Hindsight/*.mp4"

# The same files in the RPM as in the Debian package, but for zsh's folder; read with rpm's own tools.
for p in hindsight hindsight-backend; do
  rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$dist"/$p-[0-9]*.rpm | sed -n 's/^-[^ ]* //p' |
    sed 's#/site-functions/#/vendor-completions/#' | sort >"$work/rpm"
  dpkg-deb -c "$dist"/${p}_*.deb | awk '!/\/$/ { sub(/^\./, "", $6); print $6 }' | sort >"$work/deb"
  check "$p: the RPM holds the same files" diff "$work/deb" "$work/rpm"
  check "$p: the RPM is whole" rpm -K --nosignature "$dist"/$p-[0-9]*.rpm
done
# rpm itself installs, runs and removes them in the same root, where what they depend on is there under Debian's names.
in_rpm() { rpm --root "$root" --dbpath /rpms "$@"; }
check "rpm installs app and backend" in_rpm --force-debian --nodeps -i "$dist"/hindsight-[0-9]*.rpm \
  "$dist"/hindsight-backend-[0-9]*.rpm
check "rpm finds all files as they were packed" in_rpm -V --nodeps hindsight hindsight-backend
check "hindsight --version is the RPM's" [ "$(in_root hindsight --version)" = "hindsight $version" ]
check "the backend of the RPM reads its settings" in_root sh -c 'LIVEKIT_API_KEY=k LIVEKIT_API_SECRET=secret \
  hindsight-backend --config /etc/hindsight/backend.toml serve --print-config'
check "rpm removes them" in_rpm --force-debian --nodeps -e hindsight hindsight-backend
left=$(leftovers)
check "nothing is left of the RPMs: $left" [ -z "$left" ]
say "all of it works"
