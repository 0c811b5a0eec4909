#!/usr/bin/env bash
# Looks for known vulnerabilities in what is called. A machine that cannot reach the database says so and continues.
set -euo pipefail
db=${GOVULNDB:-https://vuln.go.dev}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
code=0
go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 -db "$db" ./... >"$out" 2>&1 || code=$?
cat "$out"
if [ "$code" != 0 ] && grep -qE 'fetching vulnerabilities|(HTTP GET|Get) "?'"$db" "$out"; then
  echo "vulncheck: the database $db cannot be reached from here, so vulnerabilities were not looked for"
  exit 0
fi
exit "$code"
