#!/usr/bin/env bats
# What goes wrong around the mount: the right error with its reason, no hang, and work that goes on once it is mended.
# (A full disk: refusals.bats. Disks that fail or lose their power: tests/store/faults.c. A killed daemon: tests/torture.)

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

@test "few file descriptors: what cannot be opened is said, and what is open goes on" {
  stop
  (ulimit -n 32 && exec env --default-signal=INT "$PATTERNFS" -f "$DB" "$MNT") >>"$LOG" 2>&1 3>&- &
  PID=$!
  eventually mountpoint -q "$MNT"
  submit
  readers=
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    (cat "$IMPORT"/*.json "$MNT/components/$COMPONENT"/*.json >"$TMP/out.$i" 2>&1 || touch "$TMP/failed") 3>&- &
    readers="$readers $!"
  done
  # shellcheck disable=SC2086 # words
  wait $readers
  for i in 2 3 4 5 6 7 8 9 10 11 12; do
    cmp "$TMP/out.1" "$TMP/out.$i"
  done
  absent "$TMP/failed"
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
