#!/usr/bin/env bats
# Refusals, the same wherever they are met: an error code for the program, NAME.error for the person, a line in the log.

load helper

# explained NAME WHY: how a refusal is left behind: one line in NAME.error, one in the log, nothing learned.
explained() {
  equal "$(cat "$IN/$1.error" | wc -l)" 1 'lines of the error'
  contains "$(cat "$IN/$1.error")" "$2"
  grep -qxF "patternfs: notice: refused: $(cat "$IN/$1.error")" "$LOG" || {
    echo "the log says otherwise:"
    cat "$LOG"
    return 1
  }
  absent "$IN/$1.receipt.json"
  equal "$(sql 'SELECT count(*) FROM components')" 0 components
}

# Each with its text on stdout.
no_component() {
  echo 'x = 1'
}
latin() {
  operator LatinOperator
  printf '# \xe9\n'
}
slow() {
  operator SlowOperator
  python3 -c 'print("x = [" + "1, 2, " * 150000 + "]")'
}
large() {
  operator LargeOperator
  yes '# padding' | head -c 70000
}

@test "at close, at a rename and over what is there: the same code, the same words" {
  stop
  start -o max_source=65536
  while read -r what code why; do
    $what >"$TMP/file"
    equal "$(errno "import shutil; shutil.copyfile('$TMP/file', '$IN/$what.py')")" "$code" "$what, at close"
    explained "$what.py" "$why"
    rm "$IN/$what.py"
    equal "$(ls -A "$IN")" ''
    # What is too large is not taken under any name.
    if [ "$what" != large ]; then
      cp "$TMP/file" "$IN/part"
      equal "$(errno "os.rename('$IN/part', '$IN/$what.py')")" "$code" "$what, at a rename"
      listed "$IN/part"
      absent "$IN/$what.py"
      explained "$what.py" "$why"
      # There is no file whose removal would take it along.
      rm "$IN/part" "$IN/$what.py.error"
      equal "$(ls -A "$IN")" ''
    fi
  done <<'ROWS'
broken EINVAL is never closed, expected
no_component EINVAL no component class
latin EILSEQ UTF-8
large EFBIG file is too large, expected at most 65536 bytes (-o max_source=)
ROWS
  operator FineOperator >"$IN/fine.py"
  for what in broken latin; do
    $what >"$TMP/file"
    cp "$TMP/file" "$IN/part"
    fails '' mv "$IN/part" "$IN/fine.py"
    operator FineOperator | cmp - "$IN/fine.py"
  done
}

@test "what takes too long to read is refused where it is closed" {
  stop
  start -o max_time=10
  slow >"$TMP/file"
  equal "$(errno "import shutil; shutil.copyfile('$TMP/file', '$IN/slow.py')")" ETIMEDOUT
  explained slow.py 'took over 10 ms of CPU time, expected less'
  stop
  start
  cp "$TMP/file" "$IN/slow.py"
  absent "$IN/slow.py.error"
}

@test "a write that would be too large is refused where it is made" {
  stop
  start -o max_source=65536
  equal "$(errno "os.write(os.open('$IN/x', os.O_WRONLY | os.O_CREAT), b'x' * 65537)")" EFBIG
  equal "$(errno "os.truncate('$IN/x', 65537)")" EFBIG
  equal "$(errno "os.truncate('$IN/x', 65536)")" OK
}

@test "a refusal is told once, by whichever program" {
  broken >"$TMP/broken.py"
  fails 'Invalid argument' cp "$TMP/broken.py" "$IN/"
  equal "$(grep -c 'refused: broken.py:' "$LOG")" 1
  # Reading it, or closing it unchanged, is no submission.
  cat "$IN/broken.py" >"$TMP/out"
  touch "$IN/broken.py"
  equal "$(grep -c 'refused: broken.py:' "$LOG")" 1
}

@test "names: too long, not UTF-8, not to be made, not to be linked" {
  long=$(printf '%0256d' 0)
  echo x >"$IN/file"
  equal "$(errno "open('$IN/$long', 'w')")" ENAMETOOLONG
  equal "$(errno "os.mkdir('$IN/$long')")" ENAMETOOLONG
  equal "$(errno "os.rename('$IN/file', '$IN/$long')")" ENAMETOOLONG
  equal "$(errno "os.unlink('$IN/$long')")" ENAMETOOLONG
  equal "$(errno "open(b'$IN/\xff', 'w')")" EILSEQ
  equal "$(errno "os.rename(b'$IN/file', b'$IN/\xff')")" EILSEQ
  for name in x.py.error x.py.receipt.json; do
    equal "$(errno "open('$IN/$name', 'w')")" EPERM
    equal "$(errno "os.rename('$IN/file', '$IN/$name')")" EPERM
  done
  equal "$(errno "os.symlink('x', '$IN/l')")" EPERM
  equal "$(errno "os.rename('$IN/file', '$MNT/file')")" EROFS
  equal "$(errno "open('$MNT/new', 'w')")" EROFS
  equal "$(ls -A "$IN")" file
}

@test "metadata that cannot be: EINVAL, and NAME.json.error" {
  operator AnyOperator >"$IN/op.py"
  counts >"$TMP/before"
  echo '{"category": "No Such"}' >"$TMP/op.json"
  equal "$(errno "import shutil; shutil.copyfile('$TMP/op.json', '$IN/op.json')")" EINVAL
  contains "$(cat "$IN/op.json.error")" 'op.json:1:'
  grep -qxF "patternfs: notice: refused: $(cat "$IN/op.json.error")" "$LOG"
  counts | diff "$TMP/before" -
  equal "$(errno "os.mkdir('$IN/component_type=widget')")" EINVAL
}

@test "a full disk: ENOSPC, nothing learned, and all is well where there is room again" {
  [ "$(id -u)" -eq 0 ] || skip "only root makes a disk of its own"
  stop
  mkdir "$TMP/disk"
  mount -t tmpfs -o size=2m tmpfs "$TMP/disk"
  DB=$TMP/disk/patterns.db
  status=0
  full_disk || status=1
  stop || status=1
  umount "$TMP/disk"
  equal $status 0
}

full_disk() {
  start
  head -c 3000000 /dev/urandom >"$TMP/random"
  { operator RoomOperator && yes '# a line of sixty-four bytes of padding, so that there is no room' | head -c 3000000 && echo; } >"$TMP/room.py"
  fails 'No space left on device' cp "$TMP/random" "$IN/random" || return 1
  fails 'No space left on device' cp "$TMP/room.py" "$IN/" || return 1
  absent "$MNT/components/RoomOperator" "$IN/room.py.receipt.json" || return 1
  # Each was logged in one line, that says what is the matter.
  equal "$(grep -c '^patternfs: error: .*full' "$LOG")" 2 || return 1
  mount -o remount,size=64m "$TMP/disk"
  cp "$TMP/room.py" "$IN/" || return 1
  cmp "$TMP/room.py" "$MNT/components/RoomOperator/source.py" || return 1
  listed "$IN/room.py.receipt.json" || return 1
  equal "$(sql 'PRAGMA integrity_check')" ok
}

@test "a receipt is complete: what was learned, where, whether it was new, and what was skipped" {
  {
    operator OneOperator
    printf '\n\nclass Plain:\n    pass\n\n\nclass Strange(unknown()):\n    pass\n\n\n'
    operator TwoOperator | sed 1,4d
  } >"$TMP/both.py"
  cp "$TMP/both.py" "$IN/"
  receipt=$IN/both.py.receipt.json
  equal "$(jq -r 'keys_unsorted | join(" ")' "$receipt")" 'file status components skipped'
  equal "$(jq -c '.components[] | [.name, .category, .component_type, .revision]' "$receipt")" \
    '["OneOperator","general","operator",1]
["TwoOperator","general","operator",1]'
  # Each pattern that the tree has, and nothing else; new with the first that shows it.
  jq -r '.components[].patterns[].path' "$receipt" | sort -u >"$TMP/told"
  (cd "$MNT" && ls general/operator/*/*.json) | diff "$TMP/told" -
  equal "$(jq -c '[.components[] | [.patterns[].new] | unique]' "$receipt")" '[[true],[false]]'
  jq -e 'all(.components[].patterns[]; (.type | length > 0) and (.name | length > 0) and
    (.lines | length == 2 and .[0] >= 1 and .[1] >= .[0]))' "$receipt"
  for component in OneOperator TwoOperator; do
    jq -r --arg c $component '.components[] | select(.name == $c).patterns[].path' "$receipt" | sort >"$TMP/told"
    jq -r '.patterns[]' "$MNT/components/$component/component.json" | sort | diff "$TMP/told" -
  done
  # A revision tells what it adds apart from what was there.
  operator OneOperator 'self.log.error("more")' >"$IN/one.py"
  equal "$(jq -c '[.components[0].revision, ([.components[0].patterns[].new] | unique)]' "$IN/one.py.receipt.json")" \
    '[2,[false,true]]'
  equal "$(jq -r '.components[0].previous_file' "$IN/one.py.receipt.json")" both.py
}

@test "who wrote is told, though a process that it forked closed the file before" {
  python3 - "$IN" <<'PYTHON'
import os, sys, threading
incoming = sys.argv[1]

def close_in_a_child(fd):
    child = os.fork()
    if child == 0:
        refused(fd)
        os._exit(0)
    os.waitpid(child, 0)

def refused(fd):
    try:
        os.close(fd)
    except OSError:
        return True
    return False

def written(text):
    fd = os.open(incoming + "/x.py", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(fd, text)
    return fd

fd = written(b"class Broken(:\n")
close_in_a_child(fd)
assert refused(fd)
# Once: what is closed again unchanged is no submission.
assert not refused(os.open(incoming + "/x.py", os.O_RDONLY))

# What is written after that counts alone.
fd = written(b"class Broken(:\n")
close_in_a_child(fd)
os.ftruncate(fd, 0)
os.pwrite(fd, b"from airflow.models import BaseOperator\n\n\nclass FineOperator(BaseOperator):\n    pass\n", 0)
assert not refused(fd)

# Many at a time: whoever wrote is told, none waits for ever.
def many(n):
    fd = written(b"class Broken(:\n" + b"#" * n)
    children = []
    for _ in range(5):
        child = os.fork()
        if child == 0:
            refused(fd)
            os._exit(0)
        children.append(child)
    told = refused(fd)
    for child in children:
        os.waitpid(child, 0)
    assert told, n

for n in range(60):
    many(n)

# Another thread of the writer's is the writer.
fd = written(b"class Broken(:\\n")
answers = []
thread = threading.Thread(target=lambda: answers.append(refused(fd)))
thread.start()
thread.join()
assert answers == [True]
assert not refused(os.open(incoming + "/x.py", os.O_RDONLY))
PYTHON
}
