#!/usr/bin/env bats
# What readers see while others write: whole documents, sizes that are theirs, listings of now.

load helper

: "${HAMMER:=${PATTERNFS%/fs/patternfs}/tests/mount/hammer}"
# Names of some patterns, relative to $IMPORT.
some() {
  ls "$IMPORT" | grep '\.json$' | head -n 4
}

# hammer: readers of what verdicts on `some` change, for some seconds.
hammer() {
  # shellcheck disable=SC2046 # words
  "$HAMMER" 4 $(some | sed "s#^#$IMPORT/#") "$MNT/stats.json" >"$TMP/hammered" 2>&1 || {
    cat "$TMP/hammered"
    return 1
  }
}

# beside WRITER ARGUMENT… -- READER: the one goes on until the other is done, and has done something too.
beside() {
  local writer=() status=0
  while [ "$1" != -- ]; do
    writer+=("$1")
    shift
  done
  shift
  "${writer[@]}" 3>&- &
  "$@" || status=1
  touch "$TMP/enough"
  wait $! || status=1
  return $status
}

# judge DIR: verdicts, now these now those, so that the numbers' lengths change.
judge() {
  # shellcheck disable=SC2046 # words
  python3 - "$TMP/enough" "$1/outcome" $(some) <<'PYTHON'
import os, sys
names, n = " ".join(sys.argv[3:]), 0
fd = os.open(sys.argv[2], os.O_WRONLY)
while n < 20 or not os.path.exists(sys.argv[1]):
    os.write(fd, f"{'success' if n // 7 % 2 else 'failure'} {names}\n".encode())
    n += 1
PYTHON
}

# edit: what another process does to counts.
edit() {
  local i
  for ((i = 0; ; i++)); do
    [ $i -lt 20 ] || [ ! -e "$TMP/enough" ] || return 0
    sql "UPDATE code_patterns SET success_count = $((10 ** (i % 6))), failure_count = $((i % 3)) WHERE pattern_type = 'import'" || return 1
    sleep 0.05
  done
}

@test "no reader meets a torn document while verdicts come through the mount" {
  submit
  beside judge "$IMPORT" -- hammer
}

@test "no reader meets a torn document while verdicts come through another mount" {
  submit
  start_second
  beside judge "$SECOND/ml/operator/import" -- hammer
}

@test "no reader meets a torn document while counts are changed in the sqlite3 shell" {
  submit
  beside edit -- hammer
}

@test "who knows the size of before reads the whole document of after" {
  submit
  start_second
  name=$(some | head -n 1)
  python3 - "$IMPORT/$name" "$SECOND/ml/operator/import" "$name" "$DB" <<'PYTHON'
import json, os, sys
path, other, name, db = sys.argv[1:]
for i in range(30):
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    with open(other + "/outcome", "w") as outcome:
        outcome.write(f"{'success' if i % 3 else 'failure'} {name}\n" * (i + 1))
    text = os.read(fd, size)
    json.loads(text)
    assert len(text) == size == os.fstat(fd).st_size, (len(text), size)
    os.close(fd)
PYTHON
}

# revise TIMES MOUNT: components that show patterns of the sample's, then others, then those again. Through another
# mount each waits until ours shows it: a component that is revised twice between two looks is not promised.
revise() {
  python3 - "$TMP/enough" "$1" "$2/incoming/category=ml/subcategory=nlp" "$SAMPLE" "$MNT" <<'PYTHON'
import os, re, sys, time
enough, times, place, sample, ours = sys.argv[1], int(sys.argv[2]), sys.argv[3], open(sys.argv[4]).read(), sys.argv[5]
def shown(name, text):
    with open(f"{ours}/components/{name}/source.py") as f:
        return f.read() == text
bare = "from airflow.models import BaseOperator\n\n\nclass NAME(BaseOperator):\n    template_fields = ('a',)\n"
n = 0
while n < times or times > 1 and not os.path.exists(enough):
    for name in "AnotherOperator", "YetAnotherOperator", "TheLastOfThemAllOperator":
        text = sample if n % 2 == 0 else bare + "    padding = 1\n" * (n % 11)
        text = re.sub(r"\bNeMoQuestionAnsweringOperator\b|\bNAME\b", name, text)
        with open(f"{place}/{name.lower()}.py", "w") as f:
            f.write(text)
        while not shown(name, text):
            time.sleep(0.01)
    n += 1
PYTHON
}

hammer_whole() {
  # shellcheck disable=SC2046 # words
  "$HAMMER" -w 5 $(some | sed "s#^#$IMPORT/#") "$MNT/components/AnotherOperator/"{component.json,patterns.json} \
    "$MNT/stats.json" >"$TMP/hammered" 2>&1 || {
    cat "$TMP/hammered"
    return 1
  }
  # What was opened could be read also once it was replaced.
  equal "$(grep -c ' 0 stale' "$TMP/hammered")" 8 || {
    cat "$TMP/hammered"
    return 1
  }
}

@test "who reads sees one version to its end while components are revised" {
  mkdir -p "$IN/category=ml/subcategory=nlp"
  submit
  revise 1 "$MNT"
  beside revise 5 "$MNT" -- hammer_whole
}

@test "who reads sees one version to its end while components are revised through another mount" {
  mkdir -p "$IN/category=ml/subcategory=nlp"
  submit
  revise 1 "$MNT"
  start_second
  beside revise 5 "$SECOND" -- hammer_whole
}

@test "who began to read a document reads that version to its end" {
  mkdir -p "$IN/category=ml"
  operator FirstOperator >"$IN/category=ml/first.py"
  python3 - "$MNT" "$IN/category=ml" <<'PYTHON'
import glob, json, os, sys
mount, incoming = sys.argv[1:]
first = open(incoming + "/first.py").read()

class Reader:
    """Has read the first bytes, and finds the rest no longer in memory."""
    def __init__(self, path):
        self.path, self.fd = path, os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.fd).st_size
        self.begin = os.pread(self.fd, 10, 0)
    def end(self):
        os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            rest = os.pread(self.fd, 1 << 20, 10)
        except OSError as e:
            sys.exit(f"{self.path}: {e}")
        assert os.fstat(self.fd).st_size == self.size, (self.path, os.fstat(self.fd).st_size, self.size)
        os.close(self.fd)
        assert len(self.begin + rest) == self.size, (self.path, len(rest), self.size)
        return (self.begin + rest).decode()

def text(path):
    with open(path) as f:
        text = f.read()
        assert len(text) == os.fstat(f.fileno()).st_size == os.stat(path).st_size
        return text

def submit(name, content):
    with open(f"{incoming}/{name}", "w") as f:
        f.write(content)

patterns = glob.glob(mount + "/ml/operator/*/*.json")
shown = [p for p in patterns if "structural" not in p]
assert len(shown) > 5
# Further examples: the readers of all former versions go on with theirs.
readers = [(path, n, Reader(path)) for n in (0,) for path in patterns]
for n, name in enumerate(("SecondOperator", "ThirdOperator", "FourthOperator", "FifthOperator"), 1):
    submit(f"{n}.py", first.replace("FirstOperator", name))
    for path in shown:
        assert len(json.loads(text(path))["pattern_data"]["examples"]) == min(n, 3), path
    readers += [(path, min(n, 3), Reader(path)) for path in shown]
for path, n, reader in readers:
    assert len(json.loads(reader.end())["pattern_data"]["examples"]) == n, (path, n)

# A revision, of the file's own documents and of patterns that it withdraws.
component = mount + "/components/SecondOperator/"
documents = [component + name for name in ("source.py", "component.json", "patterns.json")]
for content in first.replace("FirstOperator", "SecondOperator").replace("limit", "other"), "from airflow.models import BaseOperator\n\n\nclass SecondOperator(BaseOperator):\n    pass\n":
    before = {path: text(path) for path in documents + shown if os.path.exists(path)}
    readers = [Reader(path) for path in before]
    submit("1.py", content)
    changed = 0
    for reader in readers:
        assert reader.end() == before[reader.path], reader.path
        if reader.path in documents or os.path.exists(reader.path):
            changed += text(reader.path) != before[reader.path]
    assert changed > 3
# A pattern that is archived.
path = mount + "/ml/operator/structural"
path += "/" + [name for name in os.listdir(path) if name.endswith(".json")][0]
before, reader = text(path), Reader(path)
os.unlink(path)
assert reader.end() == before
PYTHON
}

# Its caller holds the lock of a directory, which notices of names may need.
@test "what a rename to a submission's name changed is seen once it returns" {
  python3 - "$MNT" <<'PYTHON'
import os, sys
mount = sys.argv[1]
source = mount + "/components/OneOperator/source.py"
for i in range(400):
    text = ("from airflow.models import BaseOperator\n\n\nclass OneOperator(BaseOperator):\n"
            "    def execute(self, context):\n        return '" + "x" * (i % 50) + "'\n")
    with open(mount + "/incoming/.draft", "w") as draft:
        draft.write(text)
    os.replace(mount + "/incoming/.draft", mount + "/incoming/one.py")
    with open(source) as file:
        assert file.read() == text, f"rename {i}"
PYTHON
}

@test "what rm of a pattern changed is seen once it returns" {
  submit
  python3 - "$MNT" <<'PYTHON'
import glob, json, os, sys
mount = sys.argv[1]
(component,) = os.listdir(mount + "/components")
links, prompt = f"{mount}/components/{component}/patterns", mount + "/ml/operator/prompt.md"
patterns = glob.glob(mount + "/ml/operator/*/*.json")
for i, pattern in enumerate(patterns):
    directory, name = os.path.split(pattern)
    before = os.stat(prompt).st_ino
    for place in (directory, links, mount + "/ml/operator"):
        os.listdir(place)
    assert os.path.exists(f"{links}/{name}")
    os.unlink(pattern)
    assert name not in os.listdir(links), f"{name}, the {i}th, is in patterns/"
    assert not os.path.lexists(f"{links}/{name}"), f"{name}, the {i}th, is found in patterns/"
    if i + 1 < len(patterns):
        assert os.stat(prompt).st_ino != before, f"the prompt is the same without {name}, the {i}th"
    with open(f"{mount}/components/{component}/component.json") as file:
        assert len(json.load(file)["patterns"]) == len(patterns) - i - 1
assert not os.path.exists(mount + "/ml")
assert not os.path.exists(patterns[0])
# Seen in another component they are back, where names were known to be absent.
with open(mount + "/incoming/again.py", "w") as again, open(f"{mount}/components/{component}/source.py") as source:
    again.write(source.read().replace(component, "Again" + component))
absent = [pattern for pattern in patterns if not os.path.exists(pattern)]
assert not absent, f"{len(absent)} are absent, the first {absent[0]}"
PYTHON
}

counted() {
  [ "$(jq -c '[.success_count, .failure_count]' "$1")" = "$2" ]
}

lists() {
  ls "$1" | grep -qxF -- "$2"
}

lists_not() {
  ! lists "$@"
}

differs() {
  [ "$1" != "$(cat "$2")" ]
}

@test "two mounts see each other's changes" {
  submit
  start_second
  name=$(some | head -n 1)
  other=$SECOND/ml/operator/import
  eventually counted "$other/$name" '[1,0]' # a submission
  ls -l "$other" "$SECOND" "$SECOND/components" >"$TMP/out"
  verdict "$IMPORT" failure "$name"
  eventually counted "$other/$name" '[1,1]' # a verdict
  verdict "$other" success "$name"
  eventually counted "$IMPORT/$name" '[2,1]' # a verdict, the other way
  operator NewOperator >"$IN/new.py"
  eventually lists "$SECOND/components" NewOperator # a new component in a listing
  for component in "$SECOND"/components/*; do
    ls -l "$component/similar" >>"$TMP/out"
  done
  operator NewerOperator >"$IN/newer.py"
  eventually lists "$SECOND/components/NewOperator/similar" 001-NewerOperator # another one most like it
  eventually lists "$SECOND" general # a new category in a listing
  eventually lists "$SECOND/incoming" new.py # a file under incoming/
  before=$(cat "$SECOND/ml/prompt.md")
  verdict "$IMPORT" success
  eventually differs "$before" "$SECOND/ml/prompt.md" # a prompt of what was judged
  rm "$other/$name"
  eventually lists_not "$IMPORT" "$name" # an archived pattern, gone from a listing
  rm "$IN/new.py"
  eventually lists_not "$SECOND/incoming" new.py # a removed submission
}

@test "who holds a file open or mapped sees what it becomes" {
  submit
  python3 - "$IMPORT" "$(some | head -n 1)" "$IN" <<'PYTHON'
import json, mmap, os, sys, time
place, name, incoming = sys.argv[1:]
with open(f"{place}/{name}", "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as mapped:
    assert json.loads(mapped[:])["failure_count"] == 0
    for n in range(1, 12):
        with open(place + "/outcome", "w") as outcome:
            outcome.write(f"failure {name}\n")
        # Whoever was told that it is done finds it so, at once.
        assert json.loads(mapped[:])["failure_count"] == n
        assert json.loads(os.pread(f.fileno(), 1 << 20, 0))["failure_count"] == n
PYTHON
}

@test "an answered verdict is seen whatever is read ahead, here and through another mount" {
  start_second
  # More patterns in a directory than are read ahead at first.
  mkdir -p "$IN/category=ml"
  {
    printf 'from airflow.models import BaseOperator\n\n\nclass GuardedOperator(BaseOperator):\n'
    printf '    def execute(self, context):\n'
    printf '        if not context:\n            raise Error%dException("no")\n' {1..100}
  } >"$IN/category=ml/guarded.py"
  eventually lists "$SECOND/ml/operator" validation
  python3 - "$MNT/ml/operator/validation" "$SECOND/ml/operator/validation" <<'PYTHON'
import json, os, sys, threading, time
places = sys.argv[1:]
names = [name for name in os.listdir(places[0]) if name.endswith(".json")]
assert len(names) == 100, names
done, reads, torn = threading.Event(), [0, 0], []

def forgetful(place):
    """Reads the directory again and again, each time anew."""
    while not done.is_set():
        for name in os.listdir(place):
            if not name.endswith(".json"):
                continue
            with open(f"{place}/{name}", "rb", buffering=0) as f:
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                text = f.read()
            reads[places.index(place)] += 1
            try:
                json.loads(text)
            except ValueError as e:
                torn.append((name, str(e), text))

def count(place, name):
    with open(f"{place}/{name}") as f:
        return json.load(f)["failure_count"]

readers = [threading.Thread(target=forgetful, args=(place,)) for place in places]
for reader in readers:
    reader.start()
try:
    end, n = time.monotonic() + 5, 0
    while time.monotonic() < end or n < 200 or min(reads) <= len(names):
        name, place = names[n * 7 % len(names)], places[n % 2]
        before = count(place, name)
        with open(place + "/outcome", "w") as outcome:
            outcome.write(f"failure {name}\n")
        assert count(place, name) > before, (n, name)
        n += 1
finally:
    done.set()
    for reader in readers:
        reader.join()
assert not torn, torn[0]
# And what is there in the end is not older either.
end = time.monotonic() + 120
while any(count(places[0], name) != count(places[1], name) for name in names) or sum(count(places[0], name) for name in names) != n:
    assert time.monotonic() < end, [(count(places[0], name), count(places[1], name)) for name in names]
PYTHON
}

@test "what a mount holds open stays, though another begins" {
  echo kept >"$IN/notes.txt"
  exec 8<"$IN/notes.txt"
  rm "$IN/notes.txt"
  start_second
  equal "$(cat <&8)" kept
  exec 8<&-
}
