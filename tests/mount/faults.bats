#!/usr/bin/env bats
# What goes wrong around the mount: the right error with its reason, no hang, and work that goes on once it is mended.
# (Disks that fail or lose their power: tests/store/faults.c. A killed daemon: tests/torture.)

load helper

# hold STATEMENT…: another process executes these, and keeps its transaction open until `let_loose`.
hold() {
  sqlite3 "$DB" "$@" ".shell touch '$TMP/held'; until [ -e '$TMP/enough' ]; do sleep 0.05; done" COMMIT >/dev/null 3>&- &
  HOLDER=$!
  until [ -e "$TMP/held" ]; do
    kill -0 "$HOLDER" || return 1
    sleep 0.05
  done
}

let_loose() {
  touch "$TMP/enough"
  wait "$HOLDER"
}

@test "another process holds the database: writers wait, then are told; readers do not notice" {
  submit
  hold 'BEGIN IMMEDIATE'
  operator LateOperator >"$TMP/late.py"
  fails 'Device or resource busy' cp "$TMP/late.py" "$IN/" 3>&- &
  writer=$!
  # Meanwhile. The writer waits for ten seconds.
  equal "$(ls "$MNT/components")" "$COMPONENT"
  cat "$IMPORT"/*.json >"$TMP/read"
  kill -0 $writer
  wait $writer
  contains "$(cat "$LOG")" "another process has held the database's write lock"
  let_loose
  cp "$TMP/late.py" "$IN/"
  listed "$MNT/components/LateOperator"
}

@test "the database is renamed while it is mounted: nothing is taken that would be lost" {
  submit
  operator NextOperator >"$TMP/next.py"
  mv "$DB" "$DB.away"
  fails 'Input/output error' cp "$TMP/next.py" "$IN/"
  fails '' verdict "$IMPORT" failure
  contains "$(cat "$LOG")" "$DB was removed, renamed or replaced while it was open"
  # What is known can still be read.
  listed "$MNT/components/$COMPONENT"
  mv "$DB.away" "$DB"
  cp "$TMP/next.py" "$IN/"
  listed "$MNT/components/NextOperator"
  stop
  equal "$(sql 'SELECT count(*) FROM components')" 2
  equal "$(sql 'SELECT sum(failure_count) FROM code_patterns')" 0
}

@test "the database is replaced while it is mounted: the other is left alone" {
  submit
  sqlite3 "$TMP/other.db" 'CREATE TABLE t (x)'
  mv "$TMP/other.db" "$DB"
  fails 'Input/output error' cp "$SAMPLE" "$IN/again.py"
  equal "$(sqlite3 "file:$DB?immutable=1" .tables)" t
}

# many_readers: twelve at a time; what each read, or what it was told, is in $TMP/out.N and $TMP/told.N.
many_readers() {
  local i readers=
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    cat "$IMPORT"/*.json "$MNT/components/$COMPONENT"/*.json "$MNT/query/category=ml/limit=$i/count" \
      >"$TMP/out.$i" 2>"$TMP/told.$i" 3>&- &
    readers="$readers $!"
  done
  # shellcheck disable=SC2086 # words
  wait $readers || true
}

# told_only MESSAGE LOGGED: nobody was told anything else; where somebody was, the log says why. (A pattern of the
# shell's stays as it is where a directory cannot be read.)
told_only() {
  if grep -v -e "$1\$" -e '[*]' "$TMP"/told.*; then
    return 1
  fi
  [ -z "$(cat "$TMP"/told.*)" ] || contains "$(cat "$LOG")" "$2"
}

# Nobody was told anything, and all read the same.
all_read() {
  equal "$(cat "$TMP"/told.*)" '' && equal "$(cksum <"$TMP/out.1")" "$(cksum <"$TMP/out.12")"
}

@test "few file descriptors: what cannot be opened is said, and what is open goes on" {
  submit
  # No more than it holds.
  prlimit --pid "$PID" --nofile="$(ls "/proc/$PID/fd" | wc -l):"
  many_readers
  told_only 'Too many open files in system' 'unable to open database file: Too many open files'
  verdict "$IMPORT" failure
  prlimit --pid "$PID" --nofile=1024:
  many_readers
  all_read
  equal "$(cat "$IMPORT/outcome" | sed -n 's/^failure //p')" "$(ls "$IMPORT"/*.json | wc -l)"
}

@test "started with few file descriptors" {
  stop
  (ulimit -n 32 && exec env --default-signal=INT "$PATTERNFS" -f "$DB" "$MNT") >>"$LOG" 2>&1 3>&- &
  PID=$!
  eventually mountpoint -q "$MNT"
  submit
  many_readers
  all_read
  stop
  # What is not enough is said, and nothing is mounted.
  fails 'Too many open files' sh -c "ulimit -n 9 && exec '$PATTERNFS' -f '$DB' '$MNT'"
}

@test "little memory: what needs more is refused, and all goes on where there is enough again" {
  [ -z "${SANITIZED-}" ] || skip "sanitizers take what they want"
  submit
  {
    operator LargeOperator
    python3 -c 'print("x = [" + "1, 2, " * 300000 + "]")'
  } >"$TMP/large.py"
  counts >"$TMP/before"
  prlimit --pid "$PID" --as=$((($(sed -n 's/^VmSize:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$PID/status") + 40000) * 1024)):
  fails 'Cannot allocate memory' cp "$TMP/large.py" "$IN/"
  contains "$(cat "$LOG")" 'memory'
  counts | diff "$TMP/before" -
  # Some of these may get none.
  many_readers
  prlimit --pid "$PID" --as=unlimited:
  many_readers
  all_read
  cp "$TMP/large.py" "$IN/"
  listed "$MNT/components/LargeOperator"
}

# still_read: everything that was there before can be read.
still_read() {
  many_readers
  all_read && equal "$(cat "$MNT/components/$COMPONENT/source.py" | cksum)" "$(cksum <"$SAMPLE")"
}

# nothing_stored MESSAGE LOGGED: submissions and verdicts are refused, the log says why, and nothing of them is there.
nothing_stored() {
  operator LateOperator >"$TMP/late.py"
  fails "$1" cp "$TMP/late.py" "$IN/" || return 1
  fails '' verdict "$IMPORT" failure || return 1
  fails '' mkdir "$IN/directory" || return 1
  contains "$(cat "$LOG")" "$2" || return 1
  absent "$MNT/components/LateOperator" "$IN/late.py.receipt.json" "$IN/directory" || return 1
  equal "$(sed -n 's/^failure //p' "$IMPORT/outcome")" 0 || return 1
  still_read
}

# all_stored: what was refused is taken.
all_stored() {
  cp "$TMP/late.py" "$IN/" || return 1
  verdict "$IMPORT" failure || return 1
  mkdir "$IN/directory" || return 1
  listed "$MNT/components/LateOperator" "$IN/late.py.receipt.json" "$IN/directory" || return 1
  equal "$(sed -n 's/^failure //p' "$IMPORT/outcome")" "$(ls "$IMPORT"/*.json | wc -l)" || return 1
  still_read || return 1
  equal "$(sql 'PRAGMA integrity_check')" ok
}

@test "a limit on files' sizes: writing fails, reading goes on, and all where it is lifted" {
  submit
  prlimit --pid "$PID" --fsize=4096:
  nothing_stored '' 'File too large'
  prlimit --pid "$PID" --fsize=unlimited:
  all_stored
}

# on_a_disk TEST: with the database on a disk of its own, of 8 MiB.
on_a_disk() {
  local status=0
  [ "$(id -u)" -eq 0 ] || skip "only root makes a disk of its own"
  stop
  mkdir "$TMP/disk"
  mount -t tmpfs -o size=8m tmpfs "$TMP/disk"
  DB=$TMP/disk/patterns.db
  start
  "$1" || status=1
  if [ -n "$PID" ]; then
    stop || status=1
  fi
  umount "$TMP/disk"
  equal $status 0
}

fill() {
  head -c 16000000 /dev/zero >"$TMP/disk/filler" 2>/dev/null || true
}

disk_full() {
  submit || return 1
  fill
  nothing_stored 'No space left on device' full || return 1
  rm "$TMP/disk/filler"
  all_stored || return 1
  # It also ends well when there is no room, and begins again.
  fill
  stop || return 1
  rm "$TMP/disk/filler"
  start && still_read
}

@test "a full disk: nothing is stored, all can be read, and all goes on where there is room again" {
  on_a_disk disk_full
}

disk_read_only() {
  submit || return 1
  # The kernel does not take a disk from under what is written.
  fails busy mount -o remount,ro "$TMP/disk" || return 1
  verdict "$IMPORT" success || return 1
  stop || return 1
  mount -o remount,ro "$TMP/disk"
  start || return 1
  contains "$(cat "$LOG")" "$DB is on a read-only disk: mounting read-only" || return 1
  fails 'Read-only file system' verdict "$IMPORT" failure || return 1
  still_read || return 1
  # Once it can be written to, a new mount does.
  stop || return 1
  mount -o remount,rw "$TMP/disk"
  start || return 1
  operator LateOperator >"$TMP/late.py"
  all_stored
}

@test "a disk that becomes read-only, and is written to again" {
  on_a_disk disk_read_only
}

@test "a log that a long reading made long is cut when it starts over" {
  submit
  hold BEGIN 'SELECT count(*) FROM code_patterns'
  for ((i = 0; i < 30; i++)); do
    head -c 4000000 /dev/urandom >"$IN/random"
  done
  [ "$(stat -c %s "$DB-wal")" -gt 100000000 ]
  let_loose
  # One that copies the log back, one that starts it over.
  for ((i = 0; i < 2; i++)); do
    head -c 4000000 /dev/urandom | tee "$TMP/random" >"$IN/random"
  done
  [ "$(stat -c %s "$DB-wal")" -le 68000000 ]
  cmp "$TMP/random" "$IN/random"
}
