#!/usr/bin/env bats
# What readers see while others write: whole documents, sizes that are theirs, listings of now.

load helper

: "${HAMMER:=${PATTERNFS%/fs/patternfs}/tests/mount/hammer}"
# By how much another process's change may be late, ms. It is found every 100 ms; the machine that tests may be busy.
LATE=1000

# A second mount of the database, at $SECOND; it ends with the test.
second() {
  SECOND=$TMP/second
  mkdir "$SECOND"
  "$PATTERNFS" -f "$@" "$DB" "$SECOND" >>"$LOG" 2>&1 3>&- &
  SECOND_PID=$!
  for ((i = 0; i < 600; i++)); do
    mountpoint -q "$SECOND" && return 0
    sleep 0.05
  done
  return 1
}

teardown() {
  if [ -n "${SECOND_PID-}" ]; then
    fusermount3 -u "$SECOND" || fusermount3 -u -z "$SECOND"
    wait "$SECOND_PID" || return 1
  fi
  cd /
  stop && clean_log
}

# Names of some patterns, relative to $IMPORT.
some() {
  ls "$IMPORT" | grep '\.json$' | head -n 4
}

# hammer SECONDS: readers of what verdicts on `some` change.
hammer() {
  # shellcheck disable=SC2046 # words
  "$HAMMER" "$1" $(some | sed "s#^#$IMPORT/#") "$MNT/stats.json" >"$TMP/hammered" 2>&1 || {
    cat "$TMP/hammered"
    return 1
  }
  # It did read, in each of its ways.
  equal "$(grep -cE ': [0-9]{2,} reads' "$TMP/hammered")" 8
}

# judge_for SECONDS DIR: verdicts, now these now those, so that the numbers' lengths change; how many, in $TMP/judged.
judge_for() {
  # shellcheck disable=SC2046 # words
  python3 - "$1" "$2/outcome" $(some) >"$TMP/judged" <<'PYTHON'
import os, sys, time
end, names, n = time.monotonic() + float(sys.argv[1]), " ".join(sys.argv[3:]), 0
fd = os.open(sys.argv[2], os.O_WRONLY)
while time.monotonic() < end:
    os.write(fd, f"{'success' if n // 7 % 2 else 'failure'} {names}\n".encode())
    n += 1
print(n)
PYTHON
}

@test "no reader meets a torn document while verdicts come through the mount" {
  submit
  judge_for 4 "$IMPORT" 3>&- &
  hammer 4
  wait $!
  [ "$(cat "$TMP/judged")" -gt 20 ]
}

@test "no reader meets a torn document while verdicts come through another mount" {
  submit
  second
  judge_for 4 "$SECOND/ml/operator/import" 3>&- &
  hammer 4
  wait $!
  [ "$(cat "$TMP/judged")" -gt 20 ]
}

@test "no reader meets a torn document while counts are changed in the sqlite3 shell" {
  submit
  (for ((i = 0; i < 40; i++)); do
    sql "UPDATE code_patterns SET success_count = $((10 ** (i % 6))), failure_count = $((i % 3)) WHERE pattern_type = 'import'"
    sleep 0.05
  done) 3>&- &
  hammer 4
  wait $!
}

@test "who knows the size of before reads the whole document of after" {
  submit
  second
  name=$(some | head -n 1)
  python3 - "$IMPORT/$name" "$SECOND/ml/operator/import" "$name" "$DB" <<'PYTHON'
import json, os, sys
path, other, name, db = sys.argv[1:]
for i in range(30):
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    with open(other + "/outcome", "w") as outcome:
        outcome.write(f"{'success' if i % 3 else 'failure'} {name}\n" * (i + 1))
    text = os.read(fd, size)
    json.loads(text)
    assert len(text) == size == os.fstat(fd).st_size, (len(text), size)
    os.close(fd)
PYTHON
}

# late COMMAND…: how long until it succeeds, ms; at most 10 s.
late() {
  local start now
  start=$(date +%s%N)
  until "$@" >/dev/null 2>&1; do
    now=$(date +%s%N)
    [ $((now - start)) -lt 10000000000 ] || break
  done
  now=$(date +%s%N)
  echo $(((now - start) / 1000000))
}

# in_time WHAT COMMAND…: it succeeds within $LATE; how long it took is said.
in_time() {
  local what=$1 took
  shift
  took=$(late "$@")
  echo "# $what: $took ms" >&3
  [ "$took" -le $LATE ]
}

counted() {
  [ "$(jq -c '[.success_count, .failure_count]' "$1")" = "$2" ]
}

lists() {
  ls "$1" | grep -qxF -- "$2"
}

lists_not() {
  ! lists "$@"
}

@test "two mounts see each other's changes" {
  submit
  second
  name=$(some | head -n 1)
  other=$SECOND/ml/operator/import
  in_time 'a submission' counted "$other/$name" '[1,0]'
  ls -l "$other" "$SECOND" "$SECOND/components" >"$TMP/out"
  verdict "$IMPORT" failure "$name"
  in_time 'a verdict' counted "$other/$name" '[1,1]'
  verdict "$other" success "$name"
  in_time 'a verdict, the other way' counted "$IMPORT/$name" '[2,1]'
  operator NewOperator >"$IN/new.py"
  in_time 'a new component in a listing' lists "$SECOND/components" NewOperator
  in_time 'a new category in a listing' lists "$SECOND" general
  in_time 'a file under incoming/' lists "$SECOND/incoming" new.py
  rm "$other/$name"
  in_time 'an archived pattern, gone from a listing' lists_not "$IMPORT" "$name"
  rm "$IN/new.py"
  in_time 'a removed submission' lists_not "$SECOND/incoming" new.py
}

@test "who holds a file open or mapped sees what it becomes" {
  submit
  python3 - "$IMPORT" "$(some | head -n 1)" "$IN" <<'PYTHON'
import json, mmap, os, sys, time
place, name, incoming = sys.argv[1:]
with open(f"{place}/{name}", "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as mapped:
    assert json.loads(mapped[:])["failure_count"] == 0
    for n in range(1, 12):
        with open(place + "/outcome", "w") as outcome:
            outcome.write(f"failure {name}\n")
        # Whoever was told that it is done finds it so, at once.
        assert json.loads(mapped[:])["failure_count"] == n
        assert json.loads(os.pread(f.fileno(), 1 << 20, 0))["failure_count"] == n
PYTHON
}
