#!/usr/bin/env bats
# How mounts begin, are disturbed, and end.

load helper
NO_MOUNT=1

# as_installed SCRIPT: sh runs SCRIPT where patternfs is installed and in fstab. That is in a mount namespace of its own, for
# mount(8) has a PATH of its own, and one fstab.
as_installed() {
  [ "$(id -u)" -eq 0 ] || skip "only root may mount"
  mkdir "$TMP/bin"
  ln -s "$PATTERNFS" "$TMP/bin/patternfs"
  echo "$DB $MNT fuse.patternfs noauto,allow_other,sync=normal,uid=12 0 0" >"$TMP/fstab"
  unshare -m sh -ec "mount --bind '$TMP/fstab' /etc/fstab
mount --bind '$TMP/bin' /usr/local/bin
$1" 3>&- || return 1
  let_go
}

@test "mount -t fuse.patternfs" {
  as_installed "mount -t fuse.patternfs -o allow_other,umask=022 '$DB' '$MNT'
    cp '$SAMPLE' '$IN/'
    [ -e '$MNT/components/$COMPONENT/source.py' ]
    [ \"\$(findmnt -n -o FSTYPE,SOURCE '$MNT')\" = 'fuse.patternfs $DB' ]
    umount '$MNT'"
  equal "$(sql 'SELECT count(*) FROM components')" 1
}

@test "mount by fstab, and umount" {
  as_installed "mount '$MNT'
    cp '$SAMPLE' '$IN/'
    [ \"\$(stat -c %u '$IN')\" = 12 ]
    umount '$MNT'
    mount '$MNT'
    [ -e '$MNT/components/$COMPONENT/source.py' ]
    umount '$MNT'"
}

@test "mount says why it cannot" {
  echo 'this is no database, and long enough to be looked at by whoever expects a header of a hundred bytes in it, so' >"$DB"
  run as_installed "mount -t fuse.patternfs '$DB' '$MNT'"
  [ "$status" -ne 0 ]
  contains "$output" 'not a patternfs database'
}

@test "auto_unmount: the mount point is free after kill -9" {
  start -o auto_unmount,allow_other
  submit
  kill -9 "$PID"
  wait "$PID" || true
  PID=
  eventually not_mounted "$MNT"
  equal "$(ls -A "$MNT")" ''
  start
  listed "$MNT/components/$COMPONENT"
}

@test "a mount over a dead one is refused, with what to do; and doing it helps" {
  start
  submit
  kill -9 "$PID"
  wait "$PID" || true
  PID=
  fails "a dead mount is on $MNT: fusermount3 -u $MNT, then try again" "$PATTERNFS" "$DB" "$MNT"
  fusermount3 -u "$MNT"
  start
  listed "$MNT/components/$COMPONENT"
}

@test "unmounted while busy: refused, and lazily at once, the daemon ending with the last who holds it" {
  start
  submit
  exec 9<"$MNT/history.jsonl"
  fails busy fusermount3 -u "$MNT"
  fusermount3 -u -z "$MNT"
  run ! mountpoint -q "$MNT"
  kill -0 "$PID"
  grep -q sighted <&9
  exec 9<&-
  ended 0
}

@test "SIGTERM during a copy: what cp was told is done stays, and the rest was refused" {
  start
  copy_on >"$TMP/done" 2>/dev/null 3>&- &
  copying=$!
  eventually copied 20
  kill -TERM "$PID"
  ended 0
  wait $copying
  equal "$(sql 'PRAGMA integrity_check')" ok
  # One more may have been committed whose answer did not come through.
  learned=$(sql 'SELECT count(*) FROM components')
  [ "$learned" -eq "$(wc -l <"$TMP/done")" ] || [ "$learned" -eq $(($(wc -l <"$TMP/done") + 1)) ]
  start
  # All or nothing, each.
  while read -r name; do
    equal "$(jq -r '.components[0].name' "$IN/$name.py.receipt.json")" "$name"
    operator "$name" | cmp - "$IN/$name.py"
  done <"$TMP/done"
}

# Copies one component after the other, until one cannot be; the names of those that could.
copy_on() {
  local i
  for ((i = 0; ; i++)); do
    operator "Copied${i}Operator" >"$TMP/Copied${i}Operator.py"
    cp "$TMP/Copied${i}Operator.py" "$IN/" || return 0
    echo "Copied${i}Operator"
  done
}

copied() {
  [ "$(wc -l <"$TMP/done")" -ge "$1" ]
}

# Its notices wait for pages that readers ask for: somebody must still serve them.
@test "SIGTERM among reads and verdicts: the daemon ends, and what was acknowledged is counted" {
  for round in 1 2 3; do
    rm -f "$DB"*
    start
    submit
    before=$(sql 'SELECT total(success_count) FROM code_patterns')
    writers=
    for type in import validation logging; do
      python3 - "$MNT/ml/operator/$type" >"$TMP/done.$type" 3>&- <<'PYTHON' &
import os
import sys

name = min(n for n in os.listdir(sys.argv[1]) if n.endswith(".json"))
fd = os.open(sys.argv[1] + "/outcome", os.O_WRONLY)
line = b"success " + name.encode() + b"\n"
done = 0
try:
    # The kernel asks in two parts where the offset crosses a page: the first, taken alone, is a short write.
    while os.write(fd, line) == len(line):
        done += 1
except OSError:
    pass
print(done)
PYTHON
      writers="$writers $!"
    done
    # What it has mapped goes with the mount, and it may die of that: no sanitizer's matter here.
    env -u ASAN_OPTIONS -u TSAN_OPTIONS -u UBSAN_OPTIONS \
      "$HAMMER" 30 "$MNT"/ml/operator/*/*.json "$MNT/stats.json" >"$TMP/hammer" 2>&1 3>&- &
    reader=$!
    until [ "$(sql 'SELECT total(success_count) FROM code_patterns')" != "$before" ]; do
      sleep 0.05
    done
    sleep "0.$((round * 3))"
    kill -TERM "$PID"
    ended 0
    kill "$reader" 2>/dev/null || true
    wait $reader $writers || true
    learned=$(sql "SELECT CAST(total(success_count) - $before AS INTEGER) FROM code_patterns")
    told=$(cat "$TMP"/done.* | awk '{ sum += $1 } END { print sum }')
    # Each writer had one more under way at the most, which may have been committed before it could be answered.
    [ "$learned" -ge "$told" ] && [ "$learned" -le $((told + 3)) ] || {
      echo "told of $told verdicts, learned $learned"
      return 1
    }
  done
}

@test "stopped and continued: requests wait, and none is lost" {
  start
  submit
  name=$(basename "$(only "$IMPORT"/dual_import-*.json)")
  kill -STOP "$PID"
  verdict "$IMPORT" failure "$name" 3>&- &
  writer=$!
  operator LateOperator >"$TMP/late.py"
  cp "$TMP/late.py" "$IN/" 3>&- &
  copier=$!
  sleep 0.5
  kill -0 $writer $copier
  kill -CONT "$PID"
  wait $writer
  wait $copier
  equal "$(jq .failure_count "$IMPORT/$name")" 1
  listed "$MNT/components/LateOperator"
}

# counted: has the daemon log its requests, and leaves the line in $REQUESTS.
counted() {
  local i before
  before=$(grep -c 'requests: ' "$LOG") || true
  kill -USR1 "$PID"
  for ((i = 0; i < 600; i++)); do
    if [ "$(grep -c 'requests: .* statfs [0-9]*$' "$LOG")" -gt "$before" ]; then
      REQUESTS=$(sed -n 's/^patternfs: notice: requests: //p' "$LOG" | tail -n 1)
      return 0
    fi
    sleep 0.05
  done
  echo "SIGUSR1 had nothing logged"
  return 1
}

# requests LINE KIND…: the sum of those kinds in a line of counts; without a kind, of all that somebody waits for.
requests() {
  local line=$1
  shift
  tr ' ' '\n' <<<"$line" | paste - - | awk -v kinds=" $* " '
    kinds == "  " ? $1 != "forget" : index(kinds, " " $1 " ") { sum += $2 }
    END { print sum + 0 }'
}

@test "SIGUSR1 logs how many requests there were: exactly what was asked" {
  local i name before kind
  start
  counted
  before=$REQUESTS
  equal "$(requests "$before" write mkdir rename unlink symlink)" 0
  mkdir "$IN/a" "$IN/b"
  mv "$IN/b" "$IN/c"
  rmdir "$IN/a" "$IN/c"
  run ! ln -s x "$IN/link"
  counted
  for kind in mkdir=2 rename=1 rmdir=2 symlink=1 unlink=0 write=0; do
    equal "$(requests "$REQUESTS" "${kind%=*}")" "${kind#*=}" "$kind"
  done
  submit
  counted
  equal "$(requests "$REQUESTS" mknod)" 1
  [ "$(requests "$REQUESTS" write)" -ge 1 ]
  # Counts only go up.
  for kind in lookup getattr read flush readdirplus; do
    [ "$(requests "$REQUESTS" $kind)" -ge "$(requests "$before" $kind)" ]
  done
}

# read_again LIMIT: a warm document is read ten times with LIMIT requests at most.
read_again() {
  local i name before
  name=$(only "$IMPORT"/dual_import-*.json)
  # The first fetches it, and the second its time of access.
  cat "$name" "$name" >"$TMP/warm"
  cat "$name" >"$TMP/warm"
  counted
  before=$(requests "$REQUESTS")
  for ((i = 0; i < 10; i++)); do
    cat "$name" >"$TMP/warm"
  done
  counted
  i=$(($(requests "$REQUESTS") - before))
  if [ "$i" -gt "$1" ]; then
    echo "ten times cat: $i requests: $REQUESTS"
    return 1
  fi
}

@test "a warm document costs its reader one request at most" {
  start
  submit
  read_again 10
}

@test "a warm document of a read-only mount costs its readers nothing" {
  start
  submit
  stop
  start -o ro
  read_again 0
}

@test "who walks components and patterns again asks for nothing" {
  local before
  start
  operator OneOperator >"$IN/one.py"
  operator OtherOperator >"$IN/other.py"
  find "$MNT/components" "$MNT/general" -printf '%p %s %T@ %l\n' >"$TMP/first"
  find "$MNT/components" "$MNT/general" -printf '%p %s %T@ %l\n' >"$TMP/warm"
  counted
  before=$(requests "$REQUESTS" lookup getattr readlink readdir readdirplus)
  find "$MNT/components" "$MNT/general" -printf '%p %s %T@ %l\n' >"$TMP/again"
  counted
  equal "$(($(requests "$REQUESTS" lookup getattr readlink readdir readdirplus) - before))" 0 "requests: $REQUESTS"
  cmp "$TMP/first" "$TMP/again"
  grep 'general/operator/prompt.md [1-9]' "$TMP/again"
  grep 'similar/001-OtherOperator' "$TMP/again"
}

@test "cut off by the kernel's administrator: the daemon ends, and what was acknowledged is there" {
  [ "$(id -u)" -eq 0 ] || skip "only root may mount"
  start
  submit
  mkdir "$TMP/control"
  mount -t fusectl none "$TMP/control"
  # A reader that nobody answers any more.
  tail -f "$MNT/history.jsonl" >"$TMP/out" 2>&1 3>&- &
  reader=$!
  echo 1 >"$TMP/control/$(sed -n "s,.* 0:\([0-9]*\) / $MNT .*,\1,p" /proc/self/mountinfo)/abort"
  umount "$TMP/control"
  ended 0
  kill $reader 2>/dev/null || true
  wait $reader || true
  # What is left is as after a crash.
  fusermount3 -u -z "$MNT"
  start
  listed "$MNT/components/$COMPONENT"
}

@test "many who write at once: no more threads than some, and who reads is served" {
  for ((i = 0; i < 24; i++)); do
    operator "Many${i}Operator" >"$TMP/many$i.py"
    # Long enough to be read for a while.
    seq -f '# %.0f' 30000 >>"$TMP/many$i.py"
  done
  start
  submit
  pids=
  for ((i = 0; i < 24; i++)); do
    cp "$TMP/many$i.py" "$IN/" 3>&- &
    pids="$pids $!"
  done
  for ((i = 0; i < 20; i++)); do
    jq -e .id "$IMPORT"/dual_import-*.json >"$TMP/out"
    # One of them may be a sanitizer's.
    [ "$(find "/proc/$PID/task" -mindepth 1 -maxdepth 1 | wc -l)" -le 15 ]
  done
  for pid in $pids; do
    wait "$pid"
  done
  equal "$(find "$MNT/components" -mindepth 1 -maxdepth 1 -name 'Many*' | wc -l)" 24
}
