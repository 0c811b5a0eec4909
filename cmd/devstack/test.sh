#!/usr/bin/env bash
# Runs tests: "test.sh FLAGS AND PACKAGES OF go test". Tests here capture, encode and record in real time. A virtual
# machine whose host gives CPU time to others during a test (steal, proc_stat(5)) has no real time, and a failure then
# means nothing. So what fails while more than 1 % was taken away runs again, at most twice, as soon as the machine has
# its CPUs to itself, and the output says so. Elsewhere what fails has failed.
set -euo pipefail
cd "$(dirname "$0")/../.."
runner=(go run gotest.tools/gotestsum@v1.13.0 --format standard-quiet --no-color)
events=$(mktemp)
trap 'rm -f "$events"' EXIT

# taken prints how much of the processors' time, in thousandths, was taken away since the line of /proc/stat given.
now() { sed -n 's/^cpu  //p' /proc/stat 2>/dev/null || echo 0; }
taken() {
  { echo "$1"; now; } | awk '{ s[NR] = $8; for (i = 1; i <= 8; i++) all[NR] += $i }
    END { d = all[2] - all[1]; if (d > 0) r = int(1000 * (s[2] - s[1]) / d); print r + 0 }'
}

# calm waits until less than 3 % is taken away, ten minutes at most.
calm() {
  local try from
  for try in {1..60}; do
    from=$(now)
    sleep 10
    [ "$(taken "$from")" -ge 30 ] || return 0
  done
}

# failed lists what failed in the last run: a package and its tests, separated by |, a line. A package that failed
# without a test (it panicked, it ran out of time) has no tests there and runs again as a whole.
failed() {
  sed -n 's/.*"Action":"fail","Package":"\([^"]*\)"\(,"Test":"\([^"/]*\)[^"]*"\)\{0,1\}.*/\1 \3/p' "$events" | sort -u |
    awk '{ if (!($1 in t)) t[$1] = ""; if ($2 != "") t[$1] = t[$1] (t[$1] == "" ? "" : "|") $2 }
      END { for (p in t) print p, t[p] }'
}

# again runs what failed once more. It returns false where that is not possible or something fails again.
again() {
  local list package tests ok=0
  list=$(failed)
  : >"$events.all"
  while read -r package tests; do
    "${runner[@]}" --jsonfile "$events" -- "${flags[@]}" -count=1 ${tests:+-run "^($tests)\$"} "$package" </dev/null ||
      ok=1
    cat "$events" >>"$events.all"
  done <<<"$list"
  mv "$events.all" "$events"
  return $ok
}

flags=() # without the packages
for arg; do
  case $arg in ./* | */*) break ;; esac
  flags+=("$arg")
done

from=$(now)
"${runner[@]}" --jsonfile "$events" -- "$@" && exit
for try in 1 2; do
  stolen=$(taken "$from")
  if [ "$stolen" -lt 10 ]; then
    echo "test: the machine had its processors to itself ($stolen of 1000 parts taken away): what failed has failed"
    exit 1
  fi
  echo "test: the host took $((stolen / 10)).$((stolen % 10)) % of the CPU time; what failed runs again:"
  failed
  calm
  from=$(now)
  again && exit
done
echo "test: failed three times"
exit 1
