#!/usr/bin/env bats
# Who may do what: owners, modes, other users, and a mount by an ordinary user.
load helper
NO_MOUNT=1

NOBODY=65534

# A place that other users reach, as bats' own is not.
setup_file() {
  PLACE=$(mktemp -d)
  export PLACE
  chmod 755 "$PLACE"
}

teardown_file() {
  rm -rf "$PLACE"
}

# as USER COMMAND…, in USER's group alone.
as() {
  local user=$1
  shift
  setpriv --reuid="$user" --regid="$user" --clear-groups "$@"
}

# shared OPTIONS: a mount that other users reach.
shared() {
  [ "$(id -u)" -eq 0 ] || skip "only root can be other users"
  MNT=$PLACE/mnt
  IN=$MNT/incoming
  DB=$PLACE/$BATS_TEST_NUMBER.db
  mkdir -p "$MNT"
  start -o "$1"
  cp "$SAMPLE" "$PLACE/sample.py"
  chmod 644 "$PLACE/sample.py"
}

@test "others read all and change nothing, unless who mounts lets them" {
  local command pattern
  shared allow_other
  cp "$SAMPLE" "$IN/ours.py"
  pattern=$(only "$MNT"/ml/operator/import/dual_import-*.json)
  counts >"$TMP/before"
  as $NOBODY find "$MNT" "$MNT/query/category=ml/limit=3" -type f -exec cat {} + >"$TMP/all"
  grep -q dual_import "$TMP/all"
  while read -r command; do
    run as $NOBODY sh -c "cd '$MNT' && $command"
    [ "$status" -ne 0 ] || { echo "could: $command"; return 1; }
    [[ $output =~ (Permission denied|not permitted|Read-only file system) ]] || { echo "$command: $output"; return 1; }
  done <<END
cp '$PLACE/sample.py' incoming/
echo failure components/$COMPONENT >outcome
echo failure >ml/operator/import/outcome
echo failure >>components/$COMPONENT/outcome
rm -f '$pattern'
rm -f incoming/ours.py
mv incoming/ours.py incoming/theirs.py
chmod 666 incoming/ours.py
chown $NOBODY incoming/ours.py
touch -d 2001-01-01 incoming/ours.py
echo x >>incoming/ours.py
mkdir incoming/dir
touch new
chmod 777 .
chmod 1777 incoming
END
  cmp "$SAMPLE" "$IN/ours.py"
  counts | diff "$TMP/before" -
  [ "$(ls "$IN" | paste -sd' ')" = "ours.py ours.py.receipt.json" ]
}

@test "in a shared incoming/ what is made belongs to who made it" {
  shared allow_other
  chmod 1777 "$IN"
  as $NOBODY cp "$PLACE/sample.py" "$IN/theirs.py"
  [ "$(stat -c %u:%g "$IN/theirs.py")" = $NOBODY:$NOBODY ]
  as $NOBODY chmod 600 "$IN/theirs.py"
  as $NOBODY sh -c "echo '# more' >>'$IN/theirs.py'"
  as $NOBODY mkdir "$IN/dir"
  [ "$(stat -c %u "$IN/dir")" = $NOBODY ]
  jq -e '.components[0].name' "$IN/theirs.py.receipt.json"
  cp "$SAMPLE" "$IN/ours.py"
  [ "$(stat -c %u "$IN/ours.py")" = "$(id -u)" ]
  run as $NOBODY rm -f "$IN/ours.py"
  [ "$status" -ne 0 ]
  run as $NOBODY sh -c "echo x >>'$IN/ours.py'"
  [ "$status" -ne 0 ]
  cmp "$SAMPLE" "$IN/ours.py"
  as $NOBODY rm "$IN/theirs.py"
  stop
  start -o allow_other
  [ "$(stat -c %u:%a "$IN/dir")" = $NOBODY:755 ]
}

@test "what is made in a group's directory is the group's" {
  shared allow_other
  mkdir "$IN/team"
  chgrp $NOBODY "$IN/team"
  chmod 2775 "$IN/team"
  mkdir "$IN/team/sub"
  cp "$SAMPLE" "$IN/team/sub/op.py"
  [ "$(stat -c %g:%a "$IN/team/sub")" = $NOBODY:2755 ]
  [ "$(stat -c %g "$IN/team/sub/op.py")" = $NOBODY ]
}

@test "uid= and gid= give all to one owner, whoever makes it" {
  shared "allow_other,uid=$NOBODY,gid=7"
  [ "$(stat -c %u:%g "$MNT" "$IN" "$MNT/outcome" | sort -u)" = $NOBODY:7 ]
  as $NOBODY cp "$PLACE/sample.py" "$IN/a.py"
  cp "$SAMPLE" "$IN/b.py"
  [ "$(stat -c %u:%g "$IN/a.py" "$IN/b.py" | sort -u)" = $NOBODY:7 ]
  as $NOBODY sh -c "echo success components/$COMPONENT >'$MNT/outcome'"
}

@test "umask= hides" {
  shared allow_other,umask=077
  [ "$(stat -c %a "$MNT" "$MNT/README.md" "$IN" | xargs)" = "700 400 700" ]
  run as $NOBODY ls "$MNT"
  [ "$status" -ne 0 ]
  [[ $output == *"Permission denied"* ]]
}

@test "without allow_other nobody else looks in" {
  shared sync=normal
  run as $NOBODY ls "$MNT"
  [ "$status" -ne 0 ]
  [[ $output == *"Permission denied"* ]]
}

@test "the database is its owner's alone" {
  shared allow_other
  cp "$SAMPLE" "$IN/"
  [ "$(stat -c %a "$DB")" = 600 ]
  [ "$(stat -c %a "$DB"-wal)" = 600 ]
}

# refused_there PATH COMMAND…: for what lies at PATH is somebody else's.
refused_there() {
  local path=$1
  shift
  fails "$(basename "$path") belongs to another user, in a directory where everybody may write" "$@"
}

@test "what others put into a directory where everybody may write is not used" {
  [ "$(id -u)" -eq 0 ] || skip "only root can be other users"
  local other=65533 public=$PLACE/public own=$PLACE/own.db name
  mkdir -m 1777 "$public"
  mkdir "$PLACE/mnt2"
  "$PATTERNFS" "$own" "$PLACE/mnt2" 3>&-
  fusermount3 -u "$PLACE/mnt2"
  DB=$own let_go
  # A database, a link to ours, a log to play back, a directory that is theirs.
  cp "$own" "$public/theirs.db"
  ln -s "$own" "$public/link.db"
  touch "$public/ours.db-wal" "$public/ours2.db-journal"
  mkdir "$public/dir"
  chown -h $NOBODY:$NOBODY "$public"/*
  chmod 666 "$public/theirs.db" "$public/ours.db-wal"
  chmod 777 "$public/dir"
  for name in theirs.db:theirs.db link.db:link.db ours.db:ours.db-wal ours2.db:ours2.db-journal dir/x.db:dir; do
    refused_there "${name#*:}" "$PATTERNFS" -f "$public/${name%:*}" "$MNT"
    refused_there "${name#*:}" "$PATTERNFS" -f -o ro "$public/${name%:*}" "$MNT"
    refused_there "${name#*:}" "$PATTERNFS" --backup "$own" "$public/${name%:*}"
    refused_there "${name#*:}" "$PATTERNFS" --check "$public/${name%:*}"
    # Nor by another ordinary user.
    refused_there "${name#*:}" as $other "$PATTERNFS" --check "$public/${name%:*}"
  done
  absent "$public/ours.db" "$public/ours2.db" "$public/dir/x.db"
  # Whose it is may.
  as $NOBODY "$PATTERNFS" --check "$public/theirs.db"
}

@test "root mounts a user's database in the user's home, and leaves it the user's" {
  shared sync=normal
  stop
  mkdir "$PLACE/user"
  mv "$DB" "$PLACE/user/patterns.db"
  chown -R $NOBODY:$NOBODY "$PLACE/user"
  DB=$PLACE/user/patterns.db
  start
  submit
  equal "$(stat -c %u:%a "$DB" "$DB-wal" "$DB-shm" | sort -u)" $NOBODY:600
  stop
  as $NOBODY "$PATTERNFS" --check "$DB"
  as $NOBODY "$PATTERNFS" --backup "$DB" "$PLACE/user/copy.db"
  equal "$(stat -c %u:%a "$PLACE/user/copy.db")" $NOBODY:600
}

# In a mount namespace, where any user may open /dev/fuse, as on most machines; what is mounted ends with it.
@test "an ordinary user mounts, submits, judges and unmounts" {
  [ "$(id -u)" -eq 0 ] || skip "only root can be other users"
  local home=$PLACE/home
  mkdir "$home" "$home/mnt"
  cp "$SAMPLE" "$home/"
  mknod -m 666 "$PLACE/fuse" c 10 229
  chown -R $NOBODY:$NOBODY "$home"
  cat >"$PLACE/session" <<END
set -ex
patternfs=$PATTERNFS
cd $home
HOME=$home XDG_DATA_HOME= "\$patternfs" mnt
[ "\$(stat -c %u:%g mnt mnt/incoming mnt/outcome | sort -u)" = $NOBODY:$NOBODY ]
[ "\$(stat -c %u:%a .local/share/patternfs/patterns.db)" = $NOBODY:600 ]
cp ${SAMPLE##*/} mnt/incoming/
jq -e '.component_name == "$COMPONENT"' mnt/components/$COMPONENT/patterns.json
echo failure components/$COMPONENT >mnt/outcome
grep -q 'failure 1' mnt/components/$COMPONENT/outcome
fusermount3 -u mnt
# The memory of a process that leaves no core dumps is root's.
mkdir mnt2
"\$patternfs" -f other.db mnt2 &
pid=\$!
until mountpoint -q mnt2; do kill -0 \$pid; sleep 0.05; done
[ -n "${SANITIZED-}" ] || [ "\$(stat -c %u /proc/\$pid/environ)" = 0 ]
fusermount3 -u mnt2
wait \$pid
END
  unshare -m sh -c "mount --bind $PLACE/fuse /dev/fuse &&
    setpriv --reuid=$NOBODY --regid=$NOBODY --clear-groups env -u XDG_RUNTIME_DIR sh $PLACE/session"
}
