#!/usr/bin/env bats
# The tools that people copy and edit with.

load helper

@test "rsync -a, and again without a change" {
  mkdir -p "$TMP/tree/sub"
  operator OneOperator >"$TMP/tree/one.py"
  operator TwoOperator >"$TMP/tree/sub/two.py"
  echo notes >"$TMP/tree/notes.txt"
  rsync -a "$TMP/tree/" "$IN/"
  equal "$(ls "$MNT/components" | paste -sd' ')" 'OneOperator TwoOperator'
  cmp "$TMP/tree/sub/two.py" "$IN/sub/two.py"
  equal "$(stat -c %Y "$IN/one.py")" "$(stat -c %Y "$TMP/tree/one.py")"
  counts >"$TMP/before"
  rsync -a "$TMP/tree/" "$IN/"
  rsync -a --ignore-times "$TMP/tree/" "$IN/"
  counts | diff "$TMP/before" -
  equal "$(rsync -a --dry-run --itemize-changes "$TMP/tree/" "$IN/" | grep '^>')" ''
  operator OneOperator 'self.extra = 1' >"$TMP/tree/one.py"
  rsync -a "$TMP/tree/" "$IN/"
  equal "$(jq .revision "$MNT/components/OneOperator/component.json")" 2
  equal "$(find "$IN" -name '.*' ! -path "$IN")" ''
}

@test "rsync says that a file was refused" {
  mkdir "$TMP/tree"
  broken >"$TMP/tree/broken.py"
  operator FineOperator >"$TMP/tree/fine.py"
  fails 'Invalid argument' rsync -a "$TMP/tree/" "$IN/"
  listed "$MNT/components/FineOperator" "$IN/broken.py.error"
}

@test "Python's shutil" {
  operator OneOperator >"$TMP/one.py"
  broken >"$TMP/broken.py"
  python3 - "$TMP" "$IN" <<'PYTHON'
import errno, os, shutil, sys
tmp, incoming = sys.argv[1:]
shutil.copy(tmp + "/one.py", incoming)
shutil.copy2(tmp + "/one.py", incoming + "/two.py")
shutil.copyfile(tmp + "/one.py", incoming + "/three.py")
shutil.move(incoming + "/three.py", incoming + "/four.py")
try:
    shutil.copy(tmp + "/broken.py", incoming)
except OSError as e:
    assert e.errno == errno.EINVAL, e
else:
    raise AssertionError("accepted")
shutil.copytree(incoming, tmp + "/back", ignore=shutil.ignore_patterns("*.json", "*.error"))
shutil.rmtree(incoming, ignore_errors=True)
assert os.listdir(incoming) == [], os.listdir(incoming)
PYTHON
  cmp "$TMP/one.py" "$TMP/back/four.py"
  listed "$MNT/components/OneOperator"
}

@test "a save by backup and rewrite, as vim does" {
  operator OneOperator >"$TMP/one.py"
  operator OneOperator 'self.extra = 1' >"$TMP/new.py"
  cp "$TMP/one.py" "$IN/one.py"
  cd "$IN"
  echo swap >.one.py.swp
  : >4913
  rm 4913
  mv one.py one.py~
  cat "$TMP/new.py" >one.py
  rm one.py~ .one.py.swp
  equal "$(ls -A | paste -sd' ')" 'one.py one.py.receipt.json'
  cmp "$TMP/new.py" "$MNT/components/OneOperator/source.py"
  equal "$(jq -r .status one.py.receipt.json)" accepted
  equal "$(jq .revision "$MNT/components/OneOperator/component.json")" 2
}

@test "a save by a new file renamed into place, as sed -i and many editors do" {
  operator OneOperator >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/one.py"
  sed -i 's/Reading/Opening/' "$IN/one.py"
  contains "$(cat "$MNT/components/OneOperator/source.py")" Opening
  equal "$(ls -A "$IN" | paste -sd' ')" 'one.py one.py.receipt.json'
  # What would not be accepted is not put in place.
  fails 'Invalid argument' sed -i 's/def /dfe /' "$IN/one.py"
  contains "$(cat "$IN/one.py")" 'def execute'
  contains "$(cat "$IN/one.py.error")" 'one.py:'
}

@test "vim edits a submission in place" {
  vim=$(command -v vim || command -v vim.tiny || command -v vi) || skip 'no vim'
  operator OneOperator >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/one.py"
  (cd "$IN" && "$vim" -u NONE -N -es -c '%s/Reading/Opening/' -c wq one.py </dev/null)
  contains "$(cat "$IN/one.py")" Opening
  contains "$(cat "$MNT/components/OneOperator/source.py")" Opening
  equal "$(ls -A "$IN" | paste -sd' ')" 'one.py one.py.receipt.json'
  (cd "$IN" && "$vim" -u NONE -N -es -c 'set backup writebackup backupcopy=no backupdir=. backupskip=' -c '%s/Opening/Loading/' -c wq one.py </dev/null)
  contains "$(cat "$MNT/components/OneOperator/source.py")" Loading
  contains "$(cat "$IN/one.py~")" Opening
}

@test "ed edits a submission in place" {
  command -v ed >/dev/null || skip 'no ed'
  operator OneOperator >"$TMP/one.py"
  cp "$TMP/one.py" "$IN/one.py"
  printf '%s\n' ',s/Reading/Opening/' w q | ed -s "$IN/one.py"
  contains "$(cat "$MNT/components/OneOperator/source.py")" Opening
  equal "$(jq .revision "$MNT/components/OneOperator/component.json")" 2
}

@test "tee, dd and cat say that a file was refused" {
  broken >"$TMP/broken.py"
  fails 'Invalid argument' dd if="$TMP/broken.py" of="$IN/dd.py" status=none
  # shellcheck disable=SC2016
  fails 'Invalid argument' bash -c 'tee "$1" <"$2" >/dev/null' _ "$IN/tee.py" "$TMP/broken.py"
  listed "$IN/dd.py.error" "$IN/tee.py.error"
  equal "$(sql 'SELECT count(*) FROM code_patterns')" 0
}

@test "tar unpacks into incoming/" {
  mkdir "$TMP/tree"
  operator OneOperator >"$TMP/tree/one.py"
  operator TwoOperator >"$TMP/tree/two.py"
  tar -cf "$TMP/tree.tar" -C "$TMP" tree
  tar -xf "$TMP/tree.tar" -C "$IN"
  equal "$(ls "$MNT/components" | paste -sd' ')" 'OneOperator TwoOperator'
}

@test "an editor may write a submission several times before it closes it" {
  python3 - "$IN/one.py" <<'PYTHON'
import os, sys
text = "from airflow.models import BaseOperator\n\n\nclass SlowOperator(BaseOperator):\n    def execute(self, context):\n        return 1\n"
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
for c in text:
    os.write(fd, c.encode())
os.close(fd)
PYTHON
  listed "$MNT/components/SlowOperator"
  equal "$(jq .revision "$MNT/components/SlowOperator/component.json")" 1
}
