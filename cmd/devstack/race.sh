#!/usr/bin/env bash
# Runs the tests that race.txt names under the race detector.
set -euo pipefail
cd "$(dirname "$0")/../.."
run=$(sed -n 's/^[^# ]* //p' cmd/devstack/race.txt | tr '\n ' '||')
packages=$(sed -n 's/^\([^# ]*\) .*/.\/\1/p' cmd/devstack/race.txt | sort -u)
# shellcheck disable=SC2086 # packages, one a word
exec cmd/devstack/test.sh -race -p 1 -timeout 5m -run "^(${run%|})\$" $packages
