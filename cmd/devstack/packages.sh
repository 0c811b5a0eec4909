#!/usr/bin/env bash
# Lists packages by what their tests need: "packages.sh pure" those whose tests start no server, display or sound
# server, "packages.sh alone" those with a test in realtime.txt, which need the machine to themselves, and "packages.sh
# real" all others. Whatever starts a server imports cmd/devstack/stack, so the imports tell. The last of the alphabet
# come first: those that take longest are in publish and capture, and what begins last should be short.
set -euo pipefail
cd "$(dirname "$0")/../.."
case ${1:-} in
pure | real | alone) want=$1 ;;
*) echo "usage: packages.sh pure|real|alone" >&2; exit 2 ;;
esac
# A package without tests has no test program, and nothing to list.
list=$(go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./...)
awk -v want="$want" -v module="$(go list -m)" '
  BEGIN { while ((getline line <"cmd/devstack/realtime.txt") > 0) { split(line, f); alone[module "/" f[1]] = 1 } }
  $1 !~ /\.test$/ { next }
  { kind = "pure"; for (i = 2; i <= NF; i++) if ($i ~ /\/cmd\/devstack\/stack$/) kind = "real"
    if ($1 ~ /\/cmd\/devstack\.test$/) kind = "pure" # the program starts everything, its tests only read the repository
    sub(/\.test$/, "", $1)
    if (kind == "real" && alone[$1]) kind = "alone"
    if (kind == want) print $1 }' <<<"$list" | sort -r
