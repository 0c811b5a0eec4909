#!/usr/bin/env bash
# Runs tests: "test.sh [-C FOLDER] FLAGS AND PACKAGES OF go test", in a folder of the repository that is a module of its
# own. What fails has failed, but for the few tests in realtime.txt, which record in real time. A virtual machine whose
# host gives CPU time to others during a test (steal, proc_stat(5)) has no real time. So if nothing else failed and more
# than 1 % was taken away, they run again, at most twice, as soon as the machine has its CPUs to itself, and the output
# says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
if [ "${1:-}" = -C ]; then
  cd "$2"
  shift 2
fi
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

# failed lists what failed in the last run, a package and a test a line. A package that failed without a test (it does
# not build, it panicked, it ran out of time) has no test there.
failed() {
  sed -n 's/.*"Action":"fail","Package":"\([^"]*\)"\(,"Test":"\([^"/]*\)[^"]*"\)\{0,1\}.*/\1 \3/p' "$events" | sort -u |
    awk 'NF == 2 { has[$1] = 1; print } NF == 1 { alone[$1] = 1 } END { for (p in alone) if (!has[p]) print p }'
}

# realtime tells whether all that failed are tests of realtime.txt. After a panic, which a test that runs out of time
# ends with too, the rest of its package has not run.
realtime() {
  ! grep -q '"Output":"panic: ' "$events" || return 1
  failed | awk -v module="$(go list -m)" -v list="$root/cmd/devstack/realtime.txt" '
    BEGIN {
      while ((getline <list) > 0) { n = split($0, f); for (i = 2; i <= n; i++) ok[module "/" f[1], f[i]] = 1 }
    }
    !(($1, $2) in ok) { other = 1 }
    END { exit other || NR == 0 }'
}

# again runs what failed once more. It returns false where something fails again.
again() {
  local list package tests ok=0
  list=$(failed | awk '{ t[$1] = t[$1] (t[$1] == "" ? "" : "|") $2 } END { for (p in t) print p, t[p] }')
  : >"$events.all"
  while read -r package tests; do
    "${runner[@]}" --jsonfile "$events" -- "${flags[@]}" -count=1 -run "^($tests)\$" "$package" </dev/null || ok=1
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
  [ "$stolen" -ge 10 ] && realtime || exit 1
  echo "test: the host took $((stolen / 10)).$((stolen % 10)) % of the CPU time; what records in real time runs again:"
  failed
  calm
  from=$(now)
  again && exit
done
echo "test: failed three times"
exit 1
