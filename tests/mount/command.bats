#!/usr/bin/env bats
# The command line, and mounts that cannot be.

# shellcheck disable=SC2034 # the helper uses them
NO_MOUNT=1
load helper

@test "-h and -V" {
  run -0 "$PATTERNFS" -h
  contains "$output" 'patternfs [-'
  contains "$output" MOUNTPOINT
  contains "$output" max_source
  contains "$output" categories=
  run -0 "$PATTERNFS" -V
  grep -E 'patternfs.*[0-9]+\.[0-9]+\.[0-9]+' <<<"$output"
  run -0 "$PATTERNFS_EXTRACT" -h
  contains "$output" usage
}

# refused PART ARGUMENT…: no mount, a status that is not 0, and PART among what is said on stderr.
refused() {
  local part=$1 status=0 said
  shift
  said=$(timeout 60 "$PATTERNFS" "$@" 2>&1 >/dev/null 3>&-) || status=$?
  echo "$said" >>"$LOG"
  if [ "$status" -eq 0 ] || [ "$status" -ge 124 ]; then
    echo "patternfs $*: status $status"
    return 1
  fi
  if [ -d "$MNT" ] && mountpoint -q "$MNT"; then
    echo "patternfs $*: mounted"
    return 1
  fi
  contains "$said" "$part"
}

@test "wrong usage is said" {
  refused MOUNTPOINT
  refused MOUNTPOINT "$DB" "$MNT" more
  refused sync -o sync=perhaps "$DB" "$MNT"
  refused max_source -o max_source=much "$DB" "$MNT"
  refused max_time -o max_time=3600001 "$DB" "$MNT"
  [ ! -e "$DB" ]
  refused nosuchoption -o nosuchoption "$DB" "$MNT"
}

@test "a mount point that is not there" {
  refused "$TMP/missing" "$DB" "$TMP/missing"
}

@test "a mount point that is a file" {
  : >"$TMP/file"
  refused "$TMP/file" "$DB" "$TMP/file"
}

@test "a mount point that holds something" {
  : >"$MNT/file"
  refused 'not empty' "$DB" "$MNT"
  rm "$MNT/file"
}

@test "a mount point where something is mounted" {
  start
  said=$("$PATTERNFS" "$TMP/other.db" "$MNT" 2>&1 >/dev/null 3>&-) && false
  contains "$said" "$MNT"
  listed "$IN"
}

@test "a file that is no database" {
  echo 'this is text, and long enough to be looked at by whoever expects a header of a hundred bytes in this place' >"$DB"
  cp "$DB" "$TMP/before"
  refused 'not a patternfs database' "$DB" "$MNT"
  cmp "$TMP/before" "$DB"
}

@test "a database of somebody else" {
  sqlite3 "$DB" 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
  cp "$DB" "$TMP/before"
  refused 'not a patternfs database' "$DB" "$MNT"
  cmp "$TMP/before" "$DB"
}

@test "a database of a newer version" {
  start
  stop
  sqlite3 "$DB" 'PRAGMA user_version = 1000'
  refused newer "$DB" "$MNT"
}

@test "a corrupt database" {
  start
  submit
  stop
  python3 - "$DB" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(100)
    f.write(b"\xff" * 3996)
PYTHON
  refused corrupt "$DB" "$MNT"
}

@test "a directory as database" {
  mkdir "$DB"
  refused 'a directory' "$DB" "$MNT"
}

@test "a database in a directory that is not there" {
  refused "$TMP/no/where.db" "$TMP/no/where.db" "$MNT"
}

@test "as a daemon it returns when the mount is ready, and holds no terminal" {
  # A pipe that somebody kept open would keep this waiting.
  output=$(timeout 60 "$PATTERNFS" "$DB" "$MNT" 2>&1 3>&-)
  equal "$output" ''
  cat "$MNT/README.md" >"$TMP/out"
  submit
  fusermount3 -u "$MNT"
  let_go
  equal "$(sqlite3 "$DB" 'SELECT count(*) FROM component_patterns')" 1
}

@test "the default database is made under XDG_DATA_HOME" {
  XDG_DATA_HOME=$TMP/data "$PATTERNFS" -f "$MNT" >>"$LOG" 2>&1 3>&- &
  PID=$!
  eventually mountpoint -q "$MNT"
  submit
  stop
  equal "$(stat -c %a "$TMP/data/patternfs/patterns.db")" 600
}

@test "without XDG_DATA_HOME it is made under HOME" {
  env -u XDG_DATA_HOME HOME="$TMP/home" "$PATTERNFS" -f "$MNT" >>"$LOG" 2>&1 3>&- &
  PID=$!
  eventually mountpoint -q "$MNT"
  stop
  [ -f "$TMP/home/.local/share/patternfs/patterns.db" ]
}

@test "a relative database is found also by the daemon" {
  (cd "$TMP" && timeout 60 "$PATTERNFS" patterns.db mnt 3>&-)
  submit
  [ -f "$DB" ]
  fusermount3 -u "$MNT"
  let_go
}

@test "-o ro: everything can be read and nothing written" {
  start
  submit
  stop
  start -o ro
  cat "$IMPORT"/dual_import-*.json >"$TMP/out"
  equal "$(errno "open('$IN/new.py', 'w')")" EROFS
  fails 'Read-only file system' verdict "$IMPORT" success
  fails 'Read-only file system' rm -f "$IMPORT"/dual_import-*.json
  find "$MNT" -type f -exec cat {} + >"$TMP/out"
}

@test "-o uid, gid and umask" {
  [ "$(id -u)" -eq 0 ] || skip "only root may look into another user's mount"
  start -o uid=12,gid=34,umask=077
  submit
  equal "$(stat -c %u:%g:%a "$MNT/README.md")" 12:34:400
  equal "$(stat -c %u:%g:%a "$MNT/ml")" 12:34:700
  equal "$(stat -c %u:%g:%a "$IMPORT/outcome")" 12:34:600
}

@test "-o sync=normal and sync=full" {
  for sync in normal full; do
    start -o sync=$sync
    submit
    operator "Sync${sync}Operator" >"$IN/$sync.py"
    stop
    equal "$(sql 'PRAGMA integrity_check')" ok
  done
  equal "$(sql 'SELECT count(*) FROM component_patterns')" 3
}

# Rows that know what the embedded ones do not, and one that they know otherwise.
categories() {
  printf 'kind,token,category,subcategory,weight\n# Ours.\nword,HamsterWheel,pets,,9\nimport,nemo,fish,clown,20\n'
}

category_of() {
  jq -r '.category + "/" + (.subcategory // "-")' "$MNT/components/$1/component.json"
}

@test "-o categories: a row of one's own moves a component" {
  categories >"$TMP/categories.csv"
  start -o "categories=$TMP/categories.csv"
  submit
  operator HamsterWheelOperator >"$IN/op.py"
  operator SlackOperator >"$IN/slack.py"
  equal "$(category_of "$COMPONENT")" fish/clown
  equal "$(category_of HamsterWheelOperator)" pets/-
  equal "$(category_of SlackOperator)" notification/chat
  listed "$MNT/fish" "$MNT/pets"
  absent "$MNT/ml"
  echo '{"category": "speech"}' >"$IN/op.json"
  equal "$(category_of HamsterWheelOperator)" speech/-
  # What was learned stays where it is; what comes now is judged by the embedded rows.
  stop
  start
  operator HamsterWheelSensor >"$IN/sensor.py"
  equal "$(category_of "$COMPONENT")" fish/clown
  equal "$(category_of HamsterWheelSensor)" general/-
}

@test "-o categories: many submissions at a time share the rows" {
  categories >"$TMP/categories.csv"
  start -o "categories=$TMP/categories.csv"
  pids=()
  for i in {1..16}; do
    operator "HamsterWheel${i}Operator" >"$TMP/$i.py"
    operator "HamsterWheelOf${i}Operator" >>"$TMP/$i.py"
    cp "$TMP/$i.py" "$IN/" &
    pids+=($!)
  done
  wait "${pids[@]}"
  equal "$(sql "SELECT category, count(*) FROM component_patterns GROUP BY 1")" "$(printf 'general|16\npets|16')"
}

@test "-o categories: a relative file is found also by the daemon, and by mount.fuse3" {
  categories >"$TMP/categories.csv"
  (cd "$TMP" && timeout 60 "$PATTERNFS" -o categories=categories.csv patterns.db mnt 3>&-)
  operator HamsterWheelOperator >"$IN/op.py"
  equal "$(category_of HamsterWheelOperator)" pets/-
  fusermount3 -u "$MNT"
  let_go
  mkdir "$TMP/bin"
  ln -s "$(realpath "$PATTERNFS")" "$TMP/bin/patternfs"
  # As mount -t fuse.patternfs calls it, which looks for no program outside the system's directories.
  (cd "$TMP" && PATH=$TMP/bin:$PATH:/usr/sbin timeout 60 mount.fuse3 "$DB" "$MNT" -t fuse.patternfs -o rw,categories=categories.csv 3>&-)
  operator HamsterWheelSensor >"$IN/sensor.py"
  equal "$(category_of HamsterWheelSensor)" pets/-
  fusermount3 -u "$MNT"
  let_go
}

@test "-o categories: what cannot be is said before anything is made" {
  file=$TMP/categories.csv
  { categories && echo 'word,Hamster Wheel,pets,,9'; } >"$file"
  refused "$file:5:6: error: token 'Hamster Wheel', expected at most 64 letters and digits" -o "categories=$file" "$DB" "$MNT"
  { categories && echo 'import,gerbil,incoming,,9'; } >"$file"
  refused "$file:5:15: error: category 'incoming', expected a name" -o "categories=$file" "$DB" "$MNT"
  printf 'import,a,b,c,1\n\xff\n' >"$file"
  refused "$file:2:1: error: byte 0xff is not UTF-8, expected UTF-8" -o "categories=$file" "$DB" "$MNT"
  refused "cannot read it: No such file" -o "categories=$TMP/missing.csv" "$DB" "$MNT"
  refused "cannot read it: Is a directory" -o "categories=$TMP" "$DB" "$MNT"
  refused "over 1048576 bytes, expected at most that" -o categories=/dev/zero "$DB" "$MNT"
  [ ! -e "$DB" ]
}

@test "patternfs-extract -c" {
  categories >"$TMP/categories.csv"
  "$PATTERNFS_EXTRACT" -c "$TMP/categories.csv" "$SAMPLE" >"$TMP/out"
  equal "$(jq -r '.[].components[].category' "$TMP/out")" fish
  echo 'import,nemo,Fish,,9' >"$TMP/categories.csv"
  run -2 "$PATTERNFS_EXTRACT" -c "$TMP/categories.csv" "$SAMPLE"
  equal "$output" "$TMP/categories.csv:1:13: error: category 'Fish', expected a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved name"
  run -2 "$PATTERNFS_EXTRACT" -c "$TMP/missing.csv" "$SAMPLE"
  contains "$output" "$TMP/missing.csv: error: No such file"
  run -2 "$PATTERNFS_EXTRACT" -c /dev/zero "$SAMPLE"
  contains "$output" 'expected at most that'
}

@test "-s serves with one thread" {
  start -s
  submit
  cat "$IMPORT"/*.json >"$TMP/out"
  verdict "$IMPORT" success
  find "$MNT" >"$TMP/out"
}

@test "a mount that is in use is unmounted once it is not" {
  start
  cd "$IN"
  fails 'busy' fusermount3 -u "$MNT"
  cd /
  stop
}

@test "a backup while it is written to, and a check of it" {
  start
  for i in {1..40}; do
    sed "s/NeMoQuestionAnswering/Load$i/" "$SAMPLE" >"$IN/load$i.py"
  done &
  writer=$!
  for i in 1 2 3; do
    "$PATTERNFS" --backup "$DB" "$TMP/copy$i.db"
    "$PATTERNFS" --check "$TMP/copy$i.db"
    "$PATTERNFS" --check "$DB"
  done
  wait "$writer"
  [ "$(stat -c %a "$TMP/copy3.db")" = 600 ]
  run -1 "$PATTERNFS" --backup "$DB" "$TMP/copy3.db"
  contains "$output" 'there is such a file already'
  "$PATTERNFS" --check "$TMP/copy3.db"
}

@test "--check says what it finds, and ends with it" {
  start
  cp "$SAMPLE" "$IN/"
  stop
  run -0 "$PATTERNFS" --check "$DB"
  [ -z "$output" ]
  sqlite3 "$DB" 'UPDATE component_totals SET components = 7 WHERE components = 1'
  run -1 "$PATTERNFS" --check "$DB"
  [ "$output" = 'components of type operator: the total is 7, there are 1' ]
  echo text >"$TMP/text"
  run -2 "$PATTERNFS" --check "$TMP/text"
  contains "$output" 'not a patternfs database'
  run -2 "$PATTERNFS" --check "$TMP/missing"
  run -2 "$PATTERNFS" --check
  run -1 "$PATTERNFS" --backup "$DB"
  run -2 "$PATTERNFS" --check -f "$DB" "$MNT"
}

@test "--check and --backup take no options of mounts" {
  start
  stop
  for option in -f -d -s '-o ro' '-o rw' '-o uid=0' '-o gid=0' '-o umask=0' '-o sync=full' '-o max_source=9' \
    '-o max_time=9' '-o categories=/none' '-o allow_other' '-o default_permissions,nodev' -x; do
    # shellcheck disable=SC2086 # words
    run -2 "$PATTERNFS" --check $option "$DB"
    shown=${option/=*/=}
    [ "$output" = "patternfs: error: $shown: an option of mounts, and nothing is mounted here" ]
    # shellcheck disable=SC2086 # words
    run -1 "$PATTERNFS" --backup $option "$DB" "$TMP/none.db"
    contains "$output" 'an option of mounts'
    [ ! -e "$TMP/none.db" ]
  done
}

@test "a database without incoming/ is refused, and --check says why" {
  start
  stop
  sqlite3 "$DB" 'PRAGMA foreign_keys = OFF; DELETE FROM files WHERE id = 1'
  refused 'its directory incoming is missing' "$DB" "$MNT"
  refused 'its directory incoming is missing' -o ro "$DB" "$MNT"
  run -1 "$PATTERNFS" --check "$DB"
  contains "$output" 'file 1: it is not there, or no directory, and so there is no incoming/: this cannot be mounted'
}

@test "a mount of a database with a trigger of others is refused" {
  start
  stop
  sqlite3 "$DB" 'CREATE TRIGGER evil AFTER INSERT ON history BEGIN SELECT 1; END'
  refused 'evil: a trigger of others' "$DB" "$MNT"
}
