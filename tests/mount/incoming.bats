#!/usr/bin/env bats
# incoming/ as a file system of its own.

load helper

@test "create, append, truncate, read back" {
  cd "$IN"
  echo one >file
  echo two >>file
  equal "$(cat file)" "one
two"
  equal "$(stat -c %s file)" 8
  truncate -s 3 file
  equal "$(cat file)" one
  truncate -s 6 file
  equal "$(od -An -c file | tr -d ' ')" 'one\0\0\0'
  : >file
  equal "$(stat -c %s file)" 0
  equal "$(cat file)" ''
}

@test "write at any offset" {
  cd "$IN"
  printf 0123456789 >file
  printf AB | dd of=file bs=1 seek=4 conv=notrunc status=none
  equal "$(cat file)" 0123AB6789
  printf Z | dd of=file bs=1 seek=14 conv=notrunc status=none
  equal "$(od -An -c file | tr -d ' \n')" '0123AB6789\0\0\0\0Z'
  printf end | dd of=new bs=1 seek=5 status=none
  equal "$(stat -c %s new)" 8
  python3 - <<'PYTHON'
import os
fd = os.open("rw", os.O_RDWR | os.O_CREAT, 0o644)
os.pwrite(fd, b"world", 6)
os.pwrite(fd, b"hello ", 0)
assert os.pread(fd, 100, 0) == b"hello world", os.pread(fd, 100, 0)
assert os.fstat(fd).st_size == 11
os.ftruncate(fd, 5)
assert os.pread(fd, 100, 0) == b"hello"
os.fsync(fd)
os.close(fd)
PYTHON
  equal "$(cat rw)" hello
}

@test "a large plain file comes back as it was" {
  head -c 3000000 /dev/urandom >"$TMP/random"
  cp "$TMP/random" "$IN/random"
  cmp "$TMP/random" "$IN/random"
  dd if="$TMP/random" of="$IN/blocks" bs=7777 status=none
  cmp "$TMP/random" "$IN/blocks"
  stop
  start
  cmp "$TMP/random" "$IN/blocks"
}

@test "two descriptors see one file" {
  cd "$IN"
  exec 8>shared 9<shared
  printf abc >&8
  equal "$(cat <&9)" abc
  equal "$(stat -c %s shared)" 3
  exec 8>&- 9<&-
}

@test "a file that was removed can still be read and written by who has it open" {
  cd "$IN"
  exec 8<>gone
  printf abc >&8
  rm gone
  absent "$IN/gone"
  equal "$(python3 -c 'import os; os.pwrite(8, b"X", 0); print(os.pread(8, 10, 0).decode())')" Xbc
  exec 8>&-
  equal "$(ls -A)" ''
  echo new >gone
  equal "$(cat gone)" new
}

@test "rename, also over what is there, and not with RENAME_NOREPLACE" {
  cd "$IN"
  echo a >a
  echo b >b
  mv a c
  absent "$IN/a"
  equal "$(cat c)" a
  mv -f c b
  equal "$(cat b)" a
  absent "$IN/c"
  echo d >d
  equal "$(python3 - <<'PYTHON'
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
print(libc.renameat2(AT_FDCWD, b"d", AT_FDCWD, b"b", 1), errno.errorcode[ctypes.get_errno()])
print(libc.renameat2(AT_FDCWD, b"d", AT_FDCWD, b"e", 1))
print(libc.renameat2(AT_FDCWD, b"e", AT_FDCWD, b"b", 2), errno.errorcode[ctypes.get_errno()])
PYTHON
)" "-1 EEXIST
0
-1 EINVAL"
  equal "$(cat b e)" "a
d"
}

@test "directories: mkdir, rmdir, rename, and what they refuse" {
  cd "$IN"
  mkdir -p a/b/c
  echo x >a/b/file
  equal "$(errno "os.rmdir('a/b')")" ENOTEMPTY
  equal "$(errno "os.mkdir('a')")" EEXIST
  equal "$(errno "os.rmdir('a/b/file')")" ENOTDIR
  equal "$(errno "os.unlink('a/b')")" EISDIR
  equal "$(errno "os.rename('a', 'a/b/d')")" EINVAL
  mv a/b d
  equal "$(find . | sort | paste -sd' ')" '. ./a ./d ./d/c ./d/file'
  equal "$(cat d/file)" x
  mkdir e
  equal "$(errno "os.rename('a', 'd')")" ENOTEMPTY
  equal "$(errno "os.rename('a', 'e')")" OK
  rm -r d e
  equal "$(ls -A)" ''
}

@test "mode and times can be set, and stay" {
  cd "$IN"
  echo x >file
  chmod 600 file
  touch -d '2001-02-03 04:05:06.123456789 UTC' file
  mkdir -m 700 dir
  equal "$(stat -c '%a %.9Y' file)" '600 981173106.123456789'
  equal "$(stat -c %a dir)" 700
  cd /
  stop
  start
  equal "$(stat -c '%a %.9Y' "$IN/file")" '600 981173106.123456789'
  equal "$(stat -c %a "$IN/dir")" 700
}

@test "what is being written has its times at once" {
  : >"$IN/notes.txt"
  local before
  before=$(stat -c '%.9Z %.9Y' "$IN/notes.txt")
  exec 9>>"$IN/notes.txt"
  echo more >&9
  [[ $(stat -c '%.9Z' "$IN/notes.txt") > ${before% *} ]]
  [[ $(stat -c '%.9Y' "$IN/notes.txt") > ${before#* } ]]
  exec 9>&-
}

@test "cp -p, install and cross-device mv bring files with their mode and time" {
  operator OneOperator >"$TMP/one.py"
  chmod 640 "$TMP/one.py"
  touch -d '2001-02-03 04:05:06 UTC' "$TMP/one.py"
  cp -p "$TMP/one.py" "$IN/"
  equal "$(stat -c '%a %Y' "$IN/one.py")" '640 981173106'
  listed "$MNT/components/OneOperator"
  operator TwoOperator >"$TMP/two.py"
  install -m 600 "$TMP/two.py" "$IN/two.py"
  install -m 600 "$TMP/two.py" "$IN/two.py"
  equal "$(stat -c %a "$IN/two.py")" 600
  listed "$MNT/components/TwoOperator"
  operator ThreeOperator >"$TMP/three.py"
  operator ThreeOperator | cmp - "$TMP/three.py"
  mv "$TMP/three.py" "$IN/"
  [ ! -e "$TMP/three.py" ]
  listed "$MNT/components/ThreeOperator"
}

@test "a cross-device mv of what is refused fails, and keeps the original" {
  broken >"$TMP/broken.py"
  fails 'Invalid argument' mv "$TMP/broken.py" "$IN/"
  broken | cmp - "$TMP/broken.py"
}

@test "a rename to a submission's name is judged, and refused it does not happen" {
  operator GoodOperator >"$IN/good.tmp"
  absent "$MNT/components"/*
  mv "$IN/good.tmp" "$IN/good.py"
  listed "$MNT/components/GoodOperator" "$IN/good.py.receipt.json"
  broken >"$IN/bad.tmp"
  equal "$(errno "os.rename('$IN/bad.tmp', '$IN/bad.py')")" EINVAL
  listed "$IN/bad.tmp"
  absent "$IN/bad.py"
  contains "$(cat "$IN/bad.py.error")" 'bad.py:5:'
  # Over what is there, which stays.
  equal "$(errno "os.rename('$IN/bad.tmp', '$IN/good.py')")" EINVAL
  operator GoodOperator | cmp - "$IN/good.py"
}

@test "links, fifos, sockets and devices are EPERM" {
  cd "$IN"
  echo x >file
  equal "$(errno "os.symlink('file', 'link')")" EPERM
  equal "$(errno "os.link('file', 'hard')")" EPERM
  equal "$(errno "os.mkfifo('fifo')")" EPERM
  equal "$(errno "import socket; socket.socket(socket.AF_UNIX).bind('sock')")" EPERM
  equal "$(errno "os.mknod('null', 0o20600, os.makedev(1, 3))")" EPERM
  equal "$(ls -A)" file
}

@test "names: long, odd, not UTF-8" {
  cd "$IN"
  name=$(printf '%0200d' 0)
  echo x >"$name"
  equal "$(cat "$name")" x
  equal "$(errno "open('$(printf '%0256d' 0)', 'w')")" ENAMETOOLONG
  for name in 'with space' $'tab\there' 'ünïcode' '-dash' 'a"b' "a'b" 'a\b' 'x=y'; do
    echo "$name" >"./$name"
    equal "$(cat "./$name")" "$name"
    listed "$IN/$name"
    rm "./$name"
  done
  equal "$(errno "open(b'\xff\xfe', 'w')")" EILSEQ
}

@test "a submission with the longest name has its receipt all the same" {
  name=$(printf '%0252d.py' 0)
  operator LongNameOperator >"$TMP/op.py"
  cp "$TMP/op.py" "$IN/$name"
  listed "$MNT/components/LongNameOperator"
  equal "$(ls "$IN" | grep -c 'receipt\.json$')" 1
  cat "$IN"/*.receipt.json | jq -e '.status == "accepted"'
  rm -- "$IN"/*
  equal "$(ls -A "$IN")" ''
}

@test "many files in one directory are each listed once" {
  mkdir "$IN/many"
  (cd "$IN/many" && for ((i = 0; i < 1500; i++)); do : >"f$i"; done)
  equal "$(ls "$IN/many" | sort -u | wc -l)" 1500
  equal "$(ls "$IN/many" | wc -l)" 1500
  # Removing while listing loses none.
  rm -r "$IN/many"
  absent "$IN/many"
}

@test "listing goes on rightly while entries go" {
  (cd "$IN" && for ((i = 0; i < 800; i++)); do : >"f$i"; done)
  python3 - "$IN" <<'PYTHON'
import os, sys
seen = []
for i, entry in enumerate(os.scandir(sys.argv[1])):
    seen.append(entry.name)
    os.unlink(entry.path)
assert len(seen) == 800 and len(set(seen)) == 800, len(seen)
assert os.listdir(sys.argv[1]) == []
PYTHON
}

@test "a shared mapping can be read" {
  submit
  python3 - "$IMPORT" <<'PYTHON'
import glob, mmap, sys
path = glob.glob(sys.argv[1] + "/dual_import-*.json")[0]
with open(path, "rb") as f:
    m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    assert m[:] == open(path, "rb").read()
PYTHON
}

@test "fsync makes it last, a judgement comes at close" {
  python3 - "$IN" "$MNT" <<'PYTHON'
import os, sys
incoming, mnt = sys.argv[1:]
text = b"from airflow.models import BaseOperator\nclass SyncedOperator(BaseOperator):\n    def execute(self, context):\n        return 1\n"
fd = os.open(incoming + "/s.py", os.O_WRONLY | os.O_CREAT, 0o644)
os.write(fd, text[:60])
os.fsync(fd)
assert not os.path.exists(mnt + "/components/SyncedOperator")
assert not os.path.exists(incoming + "/s.py.error")
os.write(fd, text[60:])
os.close(fd)
assert os.path.exists(mnt + "/components/SyncedOperator")
PYTHON
}

@test "copying a real tree and many writers at once" {
  mkdir -p "$TMP/tree/a" "$TMP/tree/b"
  for ((i = 0; i < 40; i++)); do
    operator "Tree${i}Operator" >"$TMP/tree/a/op$i.py"
    operator "Other${i}Operator" "self.x = $i" >"$TMP/tree/b/op$i.py"
  done
  cp -r "$TMP/tree/a" "$IN/a" 3>&- &
  first=$!
  cp -r "$TMP/tree/b" "$IN/b"
  wait $first
  equal "$(ls "$MNT/components" | wc -l)" 80
  equal "$(jq .total_components "$MNT/stats.json")" 80
  equal "$(sql 'SELECT max(component_count) FROM code_patterns')" 80
  equal "$(find "$IN" -name '*.receipt.json' | wc -l)" 80
  diff -r -x '*.receipt.json' "$TMP/tree/a" "$IN/a"
}
