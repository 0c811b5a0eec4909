#!/usr/bin/env bash
# Runs the tests that race.txt names under the race detector. A name that no test of its package has fails, so
# that nothing drops out of here unseen.
set -euo pipefail
cd "$(dirname "$0")/../.."
declare -A packages
names=()
while read -r package tests; do
  for test in $tests; do
    grep -qs "^func $test(t \*testing.T)" "$package"/*_test.go ||
      { echo "race: $package has no $test; cmd/devstack/race.txt has to name another test"; exit 1; }
    names+=("$test")
  done
  packages["./$package"]=1
done < <(grep -v '^#' cmd/devstack/race.txt)
run=$(IFS='|'; echo "^(${names[*]})\$")
exec cmd/devstack/test.sh -race -p 1 -timeout 5m -run "$run" "${!packages[@]}"
