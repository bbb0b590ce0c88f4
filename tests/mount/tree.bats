#!/usr/bin/env bats
# The tree: what stat says, what is read-only, what is not there.

load helper

@test "an empty store has the fixed names and nothing else" {
  equal "$(ls -A "$MNT" | paste -sd' ')" 'README.md components history.jsonl incoming outcome query stats.json'
  equal "$(ls -A "$MNT/components" "$IN" | grep -v ':$' | grep -c .)" 0
  equal "$(jq -c '[.total_patterns, .total_components]' "$MNT/stats.json")" '[0,0]'
  equal "$(cat "$MNT/history.jsonl" | wc -c)" 0
  [ "$(cat "$MNT/README.md" | wc -c)" -gt 500 ]
}

@test "st_size is what is read, for every file" {
  submit
  operator OtherOperator >"$IN/other.py"
  verdict "$IMPORT" failure
  fails 'Invalid argument' verdict "$IMPORT" nonsense
  broken >"$TMP/broken.py"
  fails 'Invalid argument' cp "$TMP/broken.py" "$IN/"
  find "$MNT" -type f >"$TMP/files"
  [ "$(wc -l <"$TMP/files")" -ge 40 ]
  while read -r file; do
    equal "$(stat -c %s "$file")" "$(cat "$file" | wc -c)" "$file"
  done <"$TMP/files"
  # And so in another order, on a fresh mount: sizes first, without reading.
  xargs -d '\n' stat -c '%s %n' <"$TMP/files" >"$TMP/before"
  stop
  start
  xargs -d '\n' stat -c '%s %n' <"$TMP/files" | grep -v 'outcome.error$' >"$TMP/after"
  grep -v 'outcome.error$' "$TMP/before" | diff - "$TMP/after"
}

@test "symbolic links have the length of their target" {
  submit
  operator OtherOperator >"$IN/other.py"
  find "$MNT" -type l >"$TMP/links"
  [ -s "$TMP/links" ]
  while read -r link; do
    equal "$(stat -c %s "$link")" "$(readlink -n "$link" | wc -c)" "$link"
    [ -e "$link" ] || { echo "$link leads nowhere"; false; }
    case $(readlink "$link") in /*) echo "$link is absolute"; false ;; esac
  done <"$TMP/links"
}

@test "a directory has two links and one for each directory in it" {
  submit
  mkdir -p "$IN/a/b" "$IN/a/c"
  find "$MNT" -type d >"$TMP/dirs"
  [ "$(wc -l <"$TMP/dirs")" -ge 18 ]
  while read -r dir; do
    equal "$(stat -c %h "$dir")" $((2 + $(find "$dir" -mindepth 1 -maxdepth 1 -type d | wc -l))) "$dir"
  done <"$TMP/dirs"
  rmdir "$IN/a/b"
  equal "$(stat -c %h "$IN/a")" 3
}

@test "files have one link, and no two things share an inode number" {
  submit
  equal "$(find "$MNT" ! -type d -printf '%n\n' | sort -u)" 1
  equal "$(find "$MNT" -printf '%i\n' | sort | uniq -d | wc -l)" 0
  # What a listing says of an inode is what stat says.
  ls -i "$IMPORT" | while read -r ino name; do
    equal "$(stat -c %i "$IMPORT/$name")" "$ino" "$name"
  done
}

@test "modes and owners" {
  submit
  equal "$(find "$MNT" -type d -printf '%m\n' | sort -u)" 755
  equal "$(find "$MNT" -type f ! -name outcome ! -path '*/incoming/*' -printf '%m\n' | sort -u)" 444
  equal "$(find "$MNT" -type f -name outcome -printf '%m\n' | sort -u)" 644
  equal "$(stat -c %a "$IN/$(basename "$SAMPLE")")" "$(stat -c %a "$SAMPLE")"
  equal "$(find "$MNT" -printf '%U:%G\n' | sort -u)" "$(id -u):$(id -g)"
}

@test "find, ls -lR, grep -r and du come to an end" {
  submit
  timeout 60 find "$MNT" -ls >"$TMP/out"
  timeout 60 ls -lR "$MNT" >"$TMP/out"
  timeout 60 grep -rl xcom_pull "$MNT/ml" >"$TMP/out"
  contains "$(cat "$TMP/out")" runtime_parameters
  timeout 60 grep -r nosuchtext "$MNT" >"$TMP/out" || [ $? -eq 1 ]
  timeout 60 du -a "$MNT" >"$TMP/out"
  timeout 60 tar -cf "$TMP/all.tar" -C "$MNT" .
  [ "$(tar -tf "$TMP/all.tar" | wc -l)" -eq "$(find "$MNT" | wc -l)" ]
}

@test "times move where something changed, and only there" {
  submit
  # The kernel's clock for files may lag some milliseconds behind.
  sleep 0.1
  touch "$TMP/then"
  sleep 0.1
  equal "$(find "$MNT/ml" -newer "$TMP/then")" ''
  file=$(only "$IMPORT"/dual_import-*.json)
  verdict "$IMPORT" success "$(basename "$file")"
  equal "$(find "$MNT/ml" -newer "$TMP/then" -name '*.json')" "$file"
  [ "$MNT/history.jsonl" -nt "$TMP/then" ]
  [ "$MNT/stats.json" -nt "$TMP/then" ]
  [ "$IMPORT/outcome" -nt "$TMP/then" ]
}

@test "nothing can be written where the view is read-only" {
  submit
  file=$(only "$IMPORT"/dual_import-*.json)
  find "$MNT" | sort >"$TMP/before"
  cat "$file" >"$TMP/document"
  while read -r call; do
    case $(errno "$call") in
    EROFS | EPERM | EACCES) ;;
    *)
      echo "$call: $(errno "$call")"
      false
      ;;
    esac
  done <<CALLS
os.mkdir('$MNT/new')
os.mkdir('$MNT/ml/new')
os.mkdir('$MNT/components/new')
open('$MNT/new', 'w')
open('$IMPORT/new.json', 'w')
open('$MNT/components/$COMPONENT/new', 'w')
os.write(os.open('$file', os.O_WRONLY), b'x')
os.write(os.open('$MNT/README.md', os.O_WRONLY), b'x')
os.write(os.open('$MNT/history.jsonl', os.O_WRONLY | os.O_APPEND), b'x')
os.write(os.open('$MNT/components/$COMPONENT/source.py', os.O_RDWR), b'x')
os.truncate('$file', 0)
os.truncate('$MNT/stats.json', 0)
os.chmod('$file', 0o600)
os.chmod('$MNT/stats.json', 0o600)
os.utime('$file', (1, 1))
os.rename('$file', '$IMPORT/other.json')
os.rename('$file', '$IN/op.json')
os.rename('$MNT/stats.json', '$MNT/stats2.json')
os.unlink('$MNT/stats.json')
os.unlink('$MNT/outcome')
os.unlink('$MNT/components/$COMPONENT/source.py')
os.rmdir('$MNT/ml')
os.rmdir('$MNT/components/$COMPONENT')
os.rmdir('$IN')
os.symlink('x', '$MNT/new')
os.symlink('x', '$IMPORT/new')
os.link('$file', '$IMPORT/new')
os.mkfifo('$IMPORT/new')
CALLS
  find "$MNT" | sort | diff "$TMP/before" -
  cmp "$TMP/document" "$file"
}

@test "outcome cannot be removed, moved or given a length" {
  submit
  for call in "os.unlink('$IMPORT/outcome')" "os.rename('$IMPORT/outcome', '$IMPORT/x')" "os.truncate('$IMPORT/outcome', 5)"; do
    [ "$(errno "$call")" != OK ] || { echo "$call succeeded"; false; }
  done
  listed "$IMPORT/outcome"
}

@test "what is not there is not there" {
  submit
  for path in nothing ml/nothing ml/sensor ml/operator/nothing ml/operator/import/nothing.json components/Nothing components/$COMPONENT/nothing errors libraries; do
    equal "$(errno "os.stat('$MNT/$path')")" ENOENT "$path"
  done
  equal "$(errno "os.stat('$MNT/README.md/x')")" ENOTDIR
  equal "$(errno "os.stat('$MNT/$(printf '%0300d' 0)')")" ENAMETOOLONG
}

@test "there are no extended attributes" {
  submit
  case $(errno "os.getxattr('$MNT/README.md', 'user.x')") in EOPNOTSUPP | ENOTSUP) ;; *) false ;; esac
}

@test "df works" {
  submit
  df "$MNT" | tail -n 1 | awk -v mnt="$MNT" '$6 != mnt || $2 <= 0 || $4 < 0 { exit 1 }'
  [ "$(stat -f -c %l "$MNT")" -eq 255 ]
  df -i "$MNT"
}

@test "the kernel's list names the type" {
  equal "$(findmnt -n -o FSTYPE "$MNT")" fuse.patternfs
}

@test "the categories and types that hold something are there, and no others" {
  operator PlainOperator >"$IN/plain.py"
  operator ClockSensor | sed 's/BaseOperator/BaseSensorOperator/; s/airflow.models/airflow.sensors.base/; s/execute/poke/' >"$IN/clock.py"
  equal "$(ls "$MNT/general" | grep -vxE 'outcome|prompt.md' | paste -sd' ')" 'operator sensor'
  equal "$(find "$MNT/general" -mindepth 2 -maxdepth 2 -type d -empty)" ''
  find "$MNT/general" -mindepth 2 -maxdepth 2 -type d | while read -r dir; do
    ls "$dir"/*.json >"$TMP/out"
  done
}
