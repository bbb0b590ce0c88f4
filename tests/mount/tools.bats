#!/usr/bin/env bats
# The programs that people copy, edit and read with, as they are: what each leaves, what it says, what the store learned.
# What they do with a file that is refused is in refusals.bats, and what concerns an editor's way of saving in editors.bats.

load helper

# learned NAME TEXT [REVISION]: the component NAME is known by the source TEXT (a file), at its REVISION.
learned() {
  cmp "$2" "$MNT/components/$1/source.py"
  equal "$(jq .revision "$MNT/components/$1/component.json")" "${3:-1}" "revision of $1"
}

# left NAME…: incoming/ holds these, and nothing else.
left() {
  equal "$(ls -A "$IN" | paste -sd' ')" "$*" "left in incoming/"
}

# two FOLDER: two components in it, one of them in a folder of its own, with modes and times to be kept.
two() {
  mkdir -p "$1/sub"
  operator OneOperator >"$1/one.py"
  operator TwoOperator >"$1/sub/two.py"
  chmod 640 "$1/one.py"
  chmod 750 "$1/sub"
  touch -d '2001-02-03 04:05:06.789 UTC' "$1/one.py" "$1/sub/two.py" "$1/sub"
}

# same_two FOLDER COPY: COPY has their content, and their modes and times.
same_two() {
  diff -r -x '*.receipt.json' "$1" "$2"
  equal "$(cd "$2" && stat -c '%n %a %.3Y' one.py sub sub/two.py)" \
    "$(cd "$1" && stat -c '%n %a %.3Y' one.py sub sub/two.py)" 'modes and times'
}

# on_terminal SEEN KEYS COMMAND: runs COMMAND (a line for sh) on a terminal of its own, types KEYS (as in zsh's $'…')
# once SEEN was shown, and waits for its end; its status must be 0.
on_terminal() {
  cat >"$TMP/drive" <<'END'
zmodload zsh/zpty
zpty program "stty rows 24 cols 80; $3; echo left with \$?."
zpty -r program output "*$1*"
zpty -w -n program "${(g::)2}"
zpty -r program output '*left with <->.*'
print -r -- "${output##*left with }" | grep '^0\.'
END
  HOME=$TMP TERM=xterm timeout 60 zsh -f "$TMP/drive" "$@" </dev/null
}

@test "cp, and cp over what is there" {
  operator OneOperator >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/"
  learned OneOperator "$TMP/one.py"
  operator OneOperator 'self.extra = 1' >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/"
  learned OneOperator "$TMP/one.py" 2
  # Shorter than what it overwrites.
  operator OneOperator >"$TMP/one.py"
  cp --remove-destination "$TMP/one.py" "$IN/one.py"
  learned OneOperator "$TMP/one.py" 3
  cmp "$TMP/one.py" "$IN/one.py"
  cp --update=none "$TMP/one.py" "$IN/one.py" 2>/dev/null || cp -n "$TMP/one.py" "$IN/one.py"
  learned OneOperator "$TMP/one.py" 3
  left one.py one.py.receipt.json
}

@test "cp -b keeps the old one beside it" {
  operator OneOperator >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/"
  operator OneOperator 'self.extra = 1' >"$TMP/new.py"
  cp -b "$TMP/new.py" "$IN/one.py"
  cmp "$TMP/one.py" "$IN/one.py~"
  learned OneOperator "$TMP/new.py" 2
  left one.py one.py.receipt.json one.py~
}

@test "cp -r, -a and -p, and out again" {
  two "$TMP/tree"
  cp -r "$TMP/tree" "$IN/r"
  diff -r -x '*.receipt.json' "$TMP/tree" "$IN/r"
  learned OneOperator "$TMP/tree/one.py"
  cp -a "$TMP/tree" "$IN/a"
  same_two "$TMP/tree" "$IN/a"
  cp -p "$TMP/tree/one.py" "$IN/p.py"
  equal "$(stat -c '%a %.3Y' "$IN/p.py")" '640 981173106.789'
  equal "$(jq -r .status "$IN/p.py.receipt.json")" unchanged
  cp -a "$IN/a" "$TMP/out"
  same_two "$TMP/tree" "$TMP/out"
  learned TwoOperator "$TMP/tree/sub/two.py"
}

@test "mv into the mount, within it, and out of it" {
  two "$TMP/tree"
  cp -a "$TMP/tree" "$TMP/kept"
  mv "$TMP/tree" "$IN/"
  [ ! -e "$TMP/tree" ]
  same_two "$TMP/kept" "$IN/tree"
  learned OneOperator "$TMP/kept/one.py"
  mv "$IN/tree/sub/two.py" "$IN/two.py"
  listed "$IN/two.py.receipt.json"
  mv "$IN/two.py" "$TMP/two.py"
  cmp "$TMP/kept/sub/two.py" "$TMP/two.py"
  left tree
  learned TwoOperator "$TMP/kept/sub/two.py"
}

@test "install" {
  operator OneOperator >"$TMP/one.py"
  install -D -m 640 -p "$TMP/one.py" "$IN/a/b/one.py"
  equal "$(stat -c '%a %Y' "$IN/a/b/one.py")" "640 $(stat -c %Y "$TMP/one.py")"
  operator OneOperator 'self.extra = 1' >"$TMP/one.py"
  install -b -m 600 "$TMP/one.py" "$IN/a/b/one.py"
  learned OneOperator "$TMP/one.py" 2
  operator OneOperator | cmp - "$IN/a/b/one.py~"
}

@test "rsync -a: the second time it transfers nothing" {
  two "$TMP/tree"
  rsync -a --stats "$TMP/tree/" "$IN/" >"$TMP/first"
  contains "$(cat "$TMP/first")" 'Number of regular files transferred: 2'
  same_two "$TMP/tree" "$IN"
  counts >"$TMP/before"
  rsync -a --stats --itemize-changes "$TMP/tree/" "$IN/" >"$TMP/second"
  contains "$(cat "$TMP/second")" 'Number of regular files transferred: 0'
  equal "$(grep -E '^[<>ch.][fdL]' "$TMP/second")" ''
  counts | diff "$TMP/before" -
  rsync -a --checksum --inplace --stats "$TMP/tree/" "$IN/" >"$TMP/third"
  contains "$(cat "$TMP/third")" 'Number of regular files transferred: 0'
  # What is gone here goes there; receipts are no file of anybody's, and do not keep the folder.
  rm -r "$TMP/tree/sub"
  rsync -a --delete "$TMP/tree/" "$IN/"
  absent "$IN/sub"
  learned OneOperator "$TMP/tree/one.py"
}

@test "tar x, with modes and times; and tar c of what is there" {
  two "$TMP/tree"
  tar --format=posix -cf "$TMP/tree.tar" -C "$TMP/tree" .
  tar -xpf "$TMP/tree.tar" -C "$IN"
  same_two "$TMP/tree" "$IN"
  learned TwoOperator "$TMP/tree/sub/two.py"
  counts >"$TMP/before"
  tar -xpf "$TMP/tree.tar" -C "$IN"
  counts | diff "$TMP/before" -
  tar --format=posix -cf - --exclude='*.receipt.json' -C "$IN" . | tar -df - -C "$TMP/tree"
}

@test "tee and tee -a" {
  operator OneOperator >"$TMP/one.py"
  tee "$IN/one.py" <"$TMP/one.py" | cmp - "$TMP/one.py"
  learned OneOperator "$TMP/one.py"
  echo '# more' | tee -a "$TMP/one.py" "$IN/one.py" >/dev/null
  learned OneOperator "$TMP/one.py" 2
}

@test "dd, in blocks, backwards and with conv=fsync" {
  operator OneOperator 'self.log.warning("a line to be cut at odd places")' >"$TMP/one.py"
  blocks=$((($(stat -c %s "$TMP/one.py") + 99) / 100))
  dd if="$TMP/one.py" of="$IN/one.py" bs=37 conv=fsync status=none
  learned OneOperator "$TMP/one.py"
  # Blocks from the last to the first: under a name that is not judged, for before the first is there it is no module.
  for ((i = blocks - 1; i >= 0; i--)); do
    dd if="$TMP/one.py" of="$IN/one.part" bs=100 count=1 skip=$i seek=$i conv=notrunc status=none
  done
  cmp "$TMP/one.py" "$IN/one.part"
  mv "$IN/one.part" "$IN/same.py"
  equal "$(jq -r .status "$IN/same.py.receipt.json")" unchanged
  dd if=/dev/zero of="$IN/sparse" bs=1 count=0 seek=100000 status=none
  equal "$(stat -c %s "$IN/sparse")" 100000
  head -c 100000 /dev/zero | cmp - "$IN/sparse"
}

@test "sed -i, also with a backup" {
  operator OneOperator >"$TMP/one.py"
  cp -p "$TMP/one.py" "$IN/"
  chmod 640 "$IN/one.py"
  sed -i.bak 's/Reading/Opening/' "$IN/one.py"
  sed -i 's/Reading/Opening/' "$TMP/one.py"
  learned OneOperator "$TMP/one.py" 2
  operator OneOperator | cmp - "$IN/one.py.bak"
  equal "$(stat -c %a "$IN/one.py")" 640
  left one.py one.py.bak one.py.receipt.json
}

@test "> and >>, of bash and of sh" {
  operator OneOperator >"$TMP/one.py"
  for shell in bash sh; do
    # shellcheck disable=SC2016
    $shell -c 'cat "$1" >"$2"' _ "$TMP/one.py" "$IN/$shell.py"
    cmp "$TMP/one.py" "$IN/$shell.py"
  done
  learned OneOperator "$TMP/one.py"
  for shell in bash sh; do
    # shellcheck disable=SC2016
    $shell -c 'echo "# of $0" >>"$1"' $shell "$IN/one.py" || [ $shell = bash ]
  done
  { cat "$TMP/one.py" && echo '# end'; } >"$TMP/more.py"
  echo '# end' >>"$IN/sh.py"
  learned OneOperator "$TMP/more.py" 2
  equal "$(cat "$IN/bash.py" | wc -c)" "$(stat -c %s "$TMP/one.py")"
}

# vim_saves OPTIONS: vim on a terminal, with its swap file beside what it edits; NAME~ is what OPTIONS leave.
vim_saves() {
  operator OneOperator >"$TMP/old.py"
  operator OneOperator | sed 's/Reading/Opening/' >"$TMP/new.py"
  cp "$TMP/old.py" "$IN/one.py"
  inode=$(stat -c %i "$IN/one.py")
  cd "$IN"
  on_terminal one.py ':%s/Reading/Opening/\r:!ls -A >'"$TMP"'/during\r\r:wq\r' \
    "vim -u NONE -N -c 'set nomodeline directory=. backupdir=. backupskip= $1' one.py"
  cd /
  grep -qx '\.one\.py\.swp' "$TMP/during"
  learned OneOperator "$TMP/new.py" 2
  cmp "$TMP/new.py" "$IN/one.py"
}

@test "vim, as it comes" {
  vim_saves ''
  left one.py one.py.receipt.json
}

@test "vim with backupcopy=yes" {
  vim_saves 'backup backupcopy=yes'
  cmp "$TMP/old.py" "$IN/one.py~"
  equal "$(stat -c %i "$IN/one.py")" "$inode"
  left one.py one.py.receipt.json one.py~
}

@test "vim with backupcopy=no" {
  vim_saves 'backup backupcopy=no'
  cmp "$TMP/old.py" "$IN/one.py~"
  equal "$(stat -c %i "$IN/one.py~")" "$inode"
  left one.py one.py.receipt.json one.py~
}

@test "vim with an undo file, fsync and a swap file that is synced" {
  vim_saves 'undofile undodir=. fsync swapsync=fsync'
  left .one.py.un~ one.py one.py.receipt.json
}

@test "nano, with and without a backup" {
  operator OneOperator >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/"
  cd "$IN"
  on_terminal airflow '# first\r\x0f\r\x18' 'nano -I one.py'
  { echo '# first' && cat "$TMP/one.py"; } >"$TMP/new.py"
  learned OneOperator "$TMP/new.py" 2
  on_terminal airflow '# again\r\x0f\r\x18' 'nano -I -B one.py'
  { echo '# again' && cat "$TMP/new.py"; } >"$TMP/newer.py"
  learned OneOperator "$TMP/newer.py" 3
  cmp "$TMP/new.py" one.py~
  cd /
  left one.py one.py.receipt.json one.py~
}

@test "emacs, in batch and on a terminal" {
  operator OneOperator >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/"
  cd "$IN"
  HOME=$TMP emacs -Q --batch --eval '(setq backup-enable-predicate (lambda (name) t))' one.py \
    --eval '(progn (insert "# first\n") (save-buffer))' 2>"$TMP/said"
  { echo '# first' && cat "$TMP/one.py"; } >"$TMP/new.py"
  learned OneOperator "$TMP/new.py" 2
  cmp "$TMP/one.py" one.py~
  # (It keeps no backup of what is in a temporary directory, unless told. Its lock is a symbolic link, which is refused; it
  # goes on without.)
  on_terminal airflow '# again\r\x18\x13\x18\x03' "emacs -Q -nw --eval '(setq make-backup-files nil)' one.py"
  { echo '# again' && cat "$TMP/new.py"; } >"$TMP/newer.py"
  learned OneOperator "$TMP/newer.py" 3
  cd /
  left one.py one.py.receipt.json one.py~
}

@test "ed" {
  operator OneOperator >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/"
  printf '%s\n' 1i '# first' . w q | ed -s "$IN/one.py"
  { echo '# first' && cat "$TMP/one.py"; } >"$TMP/new.py"
  learned OneOperator "$TMP/new.py" 2
  left one.py one.py.receipt.json
}

@test "Python: shutil, pathlib, tempfile and os.replace" {
  operator OneOperator >"$TMP/one.py"
  operator OneOperator 'self.extra = 1' >"$TMP/new.py"
  cp "$TMP/one.py" "$TMP/moved.py"
  touch -d '2001-02-03 04:05:06 UTC' "$TMP/one.py"
  python3 - "$TMP" "$IN" "$MNT/components" <<'PYTHON'
import os, pathlib, shutil, sys, tempfile
tmp, incoming, components = map(pathlib.Path, sys.argv[1:])
one, new = (tmp / "one.py").read_text(), (tmp / "new.py").read_text()
source = components / "OneOperator" / "source.py"

assert shutil.copy(tmp / "one.py", incoming) == str(incoming / "one.py")
assert source.read_text() == one
shutil.copy2(tmp / "one.py", incoming / "two.py")
assert (incoming / "two.py").stat().st_mtime == 981173106
shutil.move(tmp / "moved.py", incoming / "moved.py")
assert not (tmp / "moved.py").exists() and (incoming / "moved.py").read_text() == one
shutil.move(incoming / "moved.py", incoming / "again.py")

assert (incoming / "one.py").write_text(new) == len(new)
assert source.read_text() == new
with tempfile.NamedTemporaryFile("w", dir=incoming, suffix=".tmp", delete=False) as f:
    f.write(one)
    f.flush()
    os.fsync(f.fileno())
    assert source.read_text() == new
os.replace(f.name, incoming / "one.py")
assert source.read_text() == one and (incoming / "one.py").read_text() == one
assert (incoming / "one.py").stat().st_mode & 0o777 == 0o600

# Without a name, or gone while it is open.
with tempfile.TemporaryFile(dir=incoming) as f:
    f.write(b"x" * 100000)
    f.seek(0)
    assert f.read() == b"x" * 100000
with tempfile.TemporaryDirectory(dir=incoming) as d:
    pathlib.Path(d, "notes").write_text("x")
assert sorted(p.name for p in incoming.glob("[!.]*.py")) == ["again.py", "one.py", "two.py"]
assert not [p for p in incoming.iterdir() if p.name.startswith("tmp")], list(incoming.iterdir())
PYTHON
  equal "$(jq .revision "$MNT/components/OneOperator/component.json")" 3
}

@test "git: a checkout into it, and a repository in it" {
  export HOME=$TMP GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
  two "$TMP/tree"
  git -C "$TMP/tree" init -q -b main
  git -C "$TMP/tree" add .
  git -C "$TMP/tree" commit -q -m first
  mkdir "$IN/checkout"
  git --git-dir="$TMP/tree/.git" --work-tree="$IN/checkout" checkout -q -f main
  diff -r -x .git -x '*.receipt.json' "$TMP/tree" "$IN/checkout"
  learned TwoOperator "$TMP/tree/sub/two.py"
  git clone -q "$TMP/tree" "$IN/clone"
  diff -r -x .git -x '*.receipt.json' "$TMP/tree" "$IN/clone"
  cd "$IN/clone"
  echo '*.receipt.json' >.git/info/exclude
  equal "$(git status --porcelain)" ''
  git checkout -q -b other
  sed -i 's/Reading/Opening/' one.py
  git commit -q -a -m second
  cp one.py "$TMP/new.py"
  learned OneOperator "$TMP/new.py" 2
  git checkout -q main
  learned OneOperator "$TMP/tree/one.py" 3
  git gc -q
  git fsck --strict
  equal "$(git status --porcelain)" ''
  cd /
  rm -r "$IN/clone" "$IN/checkout"
  left
}

@test "grep -r, ripgrep, find, tree, du, df and jq read what is there" {
  submit
  operator OtherOperator >"$IN/other.py"
  (cd "$MNT" && grep -rl --include='*.json' xcom_pull ml) | sort >"$TMP/grep"
  [ -s "$TMP/grep" ]
  (cd "$MNT" && rg -l --no-ignore -g '*.json' xcom_pull ml) | sort | diff "$TMP/grep" -
  (cd "$MNT" && find ml -name '*.json' -exec grep -l xcom_pull {} +) | sort | diff "$TMP/grep" -
  n=$(jq .total_patterns "$MNT/stats.json")
  equal "$(find "$MNT"/ml "$MNT"/general -name '*.json' -size +0 | wc -l)" "$n" find
  equal "$(tree -a --noreport -i -f "$MNT"/ml "$MNT"/general -P '*-*.json' --prune | grep -c '/[a-z_]*-[0-9a-f]*\.json$')" "$n" tree
  equal "$(cat "$MNT"/*/operator/*/*.json | jq -s length)" "$n" jq
  equal "$(jq -rs 'map(.id) | unique | length' "$MNT"/*/operator/*/*.json)" "$n" 'jq of many files'
  bytes=$(find "$MNT/ml" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
  equal "$(du -sb --apparent-size "$MNT/ml" | cut -f1)" "$bytes" du
  [ "$(du -sk "$MNT/ml" | cut -f1)" -ge $((bytes / 1024)) ]
  equal "$(df --output=fstype "$MNT" | tail -n 1)" fuse.patternfs
  [ "$(df --output=size "$MNT" | tail -n 1)" -gt 0 ]
}

@test "a private mapping, a mapping of a submission, and sendfile" {
  submit
  python3 - "$(only "$IMPORT"/dual_import-*.json)" "$IN/$(basename "$SAMPLE")" "$TMP/copy" <<'PYTHON'
import mmap, os, sys
document, submission, copy = sys.argv[1:]
for path in document, submission:
    text = open(path, "rb").read()
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE) as m:
        assert m[:] == text
        m[:1] = b"X"
        assert open(path, "rb").read() == text
    with open(path, "rb") as f, open(copy, "wb") as out:
        assert os.sendfile(out.fileno(), f.fileno(), 0, len(text) + 100) == len(text)
    assert open(copy, "rb").read() == text
PYTHON
}

@test "tail -f and tail -F follow history.jsonl, line by line" {
  submit
  for option in -f -F; do
    tail -n +1 $option "$MNT/history.jsonl" >"$TMP/followed" 3>&- &
    tail=$!
    # From then on it follows.
    eventually cmp "$MNT/history.jsonl" "$TMP/followed"
    for i in 1 2 3; do
      verdict "$IMPORT" failure -- "note $option $i"
    done
    status=0
    eventually cmp "$MNT/history.jsonl" "$TMP/followed" || status=1
    kill $tail
    wait $tail || true
    equal $status 0
    grep -q -e "note $option 3" "$TMP/followed"
  done
}
