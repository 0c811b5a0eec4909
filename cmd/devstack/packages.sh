#!/usr/bin/env bash
# Lists packages by what their tests need: "packages.sh pure" those whose tests start no server, display or sound
# server, "packages.sh real" all others. Whatever starts one imports cmd/devstack/stack, so the imports tell. The last
# of the alphabet come first: those that take longest are in publish and capture, and what begins last should be short.
set -euo pipefail
cd "$(dirname "$0")/../.."
case ${1:-} in
pure) want=0 ;;
real) want=1 ;;
*) echo "usage: packages.sh pure|real" >&2; exit 2 ;;
esac
# A package without tests has no test program, and nothing to list.
list=$(go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./...)
awk -v want=$want '
  $1 !~ /\.test$/ { next }
  { real = 0; for (i = 2; i <= NF; i++) if ($i ~ /\/cmd\/devstack\/stack$/) real = 1
    if ($1 ~ /\/cmd\/devstack\.test$/) real = 0 # the program starts everything, its tests only read the repository
    if (real == want) { sub(/\.test$/, "", $1); print $1 } }' <<<"$list" | sort -r
