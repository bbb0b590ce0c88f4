#!/usr/bin/env bats
# query/, similar/ and prompt.md: what is asked by path.

load helper

Q=

# What most tests ask: a sample, and two small operators that share their patterns.
learn() {
  Q=$MNT/query
  submit
  operator ReadOperator >"$IN/read.py"
  operator WriteOperator 'self.xcom_push(key="n", value=1)' >"$IN/success_score=180/write.py"
}

# names DIR: its links, in order.
names() {
  ls "$1" | grep '^[0-9]'
}

# ids DIR: what its results are, in order.
ids() {
  jq .id "$1/results.jsonl"
}

@test "query/ lists its own guide and nothing else" {
  learn
  equal "$(ls -A "$Q")" README.md
  ls "$Q/category=ml" >"$TMP/out"
  equal "$(ls -A "$Q")" README.md
  equal "$(stat -c %s "$Q/README.md")" "$(wc -c <"$Q/README.md")"
  equal "$(stat -c %h "$Q")" 2
  contains "$(cat "$Q/README.md")" 'component_type'
  listed "$Q"
}

@test "what the guide shows can be asked" {
  learn
  grep -o "'query/[^']*'" "$Q/README.md" | tr -d "'" >"$TMP/examples"
  [ "$(wc -l <"$TMP/examples")" -ge 4 ]
  while read -r example; do
    [ -e "$MNT/$example" ] || { echo "no $example"; false; }
  done <"$TMP/examples"
}

@test "every key narrows" {
  learn
  verdict "$MNT" success components/ReadOperator components/WriteOperator
  verdict "$MNT" success components/ReadOperator components/WriteOperator
  guard=$(basename "$(only "$MNT"/general/operator/validation/guard-*.json)" .json)
  log=$(basename "$(only "$MNT"/general/operator/logging/log_call-*.json)")
  while IFS='|' read -r pair filter; do
    jq -e -s "length > 0 and all(.[]; $filter)" "$Q/$pair/results.jsonl" >"$TMP/out" || {
      echo "$pair: not all $filter"
      head -n 3 "$Q/$pair/results.jsonl"
      false
    }
  done <<KEYS
category=ml|.category == "ml"
subcategory=nlp|.subcategory == "nlp"
component_type=operator|.component_type == "operator"
pattern_type=validation|.pattern_type == "validation"
pattern_name=guard|.pattern_name == "guard"
library=nemo|.category == "ml"
component=$COMPONENT|.category == "ml"
complexity=high|.complexity_range == "high"
confidence=high|.confidence_score >= 0.9
min_confidence=0.5|.confidence_score >= 0.5
min_success_count=2|.success_count >= 2
min_success_score=150|.name == "WriteOperator"
with=$log|.pattern_type != "logging" and .category == "general"
with=$guard|.category == "general"
similar_to=ReadOperator|.name != "ReadOperator"
text=ImportError|(tostring | test("importerror"; "i"))
text=xcom_pu|(tostring | test("xcom_pu"))
of=components|.patterns != null
of=patterns|.pattern_name != null
KEYS
  equal "$(jq -r .success_count "$Q/sort=support/results.jsonl" | paste -sd' ')" "$(jq -r .success_count "$Q/limit=10000/results.jsonl" | sort -rn | head -n 100 | paste -sd' ')"
  equal "$(jq -r '.pattern_name + "-" + .pattern_signature[0:8]' "$Q/sort=name/results.jsonl")" "$(jq -r '.pattern_name + "-" + .pattern_signature[0:8]' "$Q/limit=10000/results.jsonl" | sort | head -n 100)"
  equal "$(wc -l <"$Q/limit=3/results.jsonl")" 3
  equal "$(wc -l <"$Q/library=nemo/results.jsonl")" "$(cat "$Q/library=nemo/limit=1/count")"
}

@test "any order of keys gives the same" {
  learn
  one=$Q/category=general/component_type=operator/limit=7
  for other in limit=7/component_type=operator/category=general component_type=operator/limit=7/category=general; do
    equal "$(names "$Q/$other")" "$(names "$one")"
    for file in results.jsonl prompt.md count; do
      cmp "$Q/$other/$file" "$one/$file"
    done
  done
}

@test "links are ranked, and lead to the patterns and components" {
  learn
  dir=$Q/category=general/component_type=operator/limit=12
  names "$dir" >"$TMP/names"
  equal "$(wc -l <"$TMP/names")" 12
  equal "$(sed 's/-.*//' "$TMP/names" | paste -sd' ')" "$(seq -f %03g 12 | paste -sd' ')"
  while read -r name; do
    [ -L "$dir/$name" ]
    equal "$(readlink -f "$dir/$name")" "$(find "$MNT/general" -name "${name#*-}")"
    equal "$(stat -c %s "$dir/$name")" "$(readlink -n "$dir/$name" | wc -c)" "size of the link $name"
    jq -e .id "$dir/$name" >>"$TMP/ids"
  done <"$TMP/names"
  equal "$(ids "$dir")" "$(cat "$TMP/ids")" 'results.jsonl and the links'
  names "$Q/of=components" >"$TMP/names"
  equal "$(sed 's/^[0-9]*-//' "$TMP/names" | sort | paste -sd' ')" "$COMPONENT ReadOperator WriteOperator"
  equal "$(readlink -f "$Q/of=components/$(head -n 1 "$TMP/names")")" "$MNT/components/$(head -n 1 "$TMP/names" | sed 's/^[0-9]*-//')"
  equal "$(names "$Q/limit=10000" | head -n 1 | sed 's/-.*//')" 00001
  equal "$(names "$Q/limit=2" | head -n 1 | sed 's/-.*//')" 001
}

@test "a link is found by name before anything was listed, and other names are not" {
  learn
  names "$Q/category=general" >"$TMP/names"
  first=$(head -n 1 "$TMP/names")
  stop
  start
  jq -e .id "$Q/category=general/$first" >"$TMP/out"
  for name in "01-${first#*-}" "0001-${first#*-}" "000-${first#*-}" "999-${first#*-}" 001-nothing.json 001- 001 nothing .gitignore README; do
    equal "$(errno "os.stat('$Q/category=general/$name')")" ENOENT "$name"
  done
  equal "$(errno "os.stat('$Q/limit=1/$(sed -n 2p "$TMP/names")')")" ENOENT
}

@test "results.jsonl is the documents, one a line" {
  learn
  dir=$Q/component_type=operator/limit=9
  names "$dir" | while read -r name; do jq -c . "$dir/$name"; done >"$TMP/expected"
  jq -c . "$dir/results.jsonl" | diff "$TMP/expected" -
  equal "$(wc -l <"$dir/results.jsonl")" 9
  while IFS= read -r line; do
    printf '%s\n' "$line" | jq -e .id >"$TMP/out"
  done <"$dir/results.jsonl"
  names "$Q/of=components" | while read -r name; do jq -c . "$Q/of=components/$name/component.json"; done >"$TMP/expected"
  jq -c . "$Q/of=components/results.jsonl" | diff "$TMP/expected" -
}

@test "count is how many there are, and README.md says when the limit cut them" {
  learn
  all=$(sql 'SELECT count(*) FROM code_patterns')
  equal "$(cat "$Q/limit=10000/count")" "$all"
  equal "$(cat "$Q/limit=1/count")" "$all"
  equal "$(cat "$Q/of=components/count")" 3
  listed "$Q/limit=5/README.md"
  contains "$(cat "$Q/limit=5/README.md")" "5 of $all"
  absent "$Q/limit=10000/README.md"
  more=$(sed -n 's/^    //p' "$Q/limit=5/README.md")
  equal "$(names "$MNT/$more" | wc -l)" "$all"
}

@test "prompt.md begins with a heading and keeps its budget" {
  learn
  for budget in 200 500 2000; do
    prompt=$Q/component_type=operator/budget=$budget/prompt.md
    contains "$(head -n 1 "$prompt")" '# '
    [ "$(wc -c <"$prompt")" -le $((budget * 4)) ] || { wc -c "$prompt"; false; }
  done
  [ "$(wc -c <"$Q/component_type=operator/budget=200/prompt.md")" -lt "$(wc -c <"$Q/component_type=operator/budget=2000/prompt.md")" ]
  contains "$(head -n 1 "$Q/category=ml/component_type=operator/text=ImportError/prompt.md")" 'ml operators, text=ImportError'
}

@test "a prompt's examples are of what is asked for, and of its revisions" {
  learn
  operator ZipOperator | sed -e '1i import acme' -e 's/path is required/where from?/' >"$IN/category=general/zip.py"
  prompt=$Q/pattern_type=validation/category=general/prompt.md
  contains "$(cat "$prompt")" 'raise ValueError("path is required")'
  equal "$(grep -c 'where from' "$prompt")" 0
  prompt=$Q/library=acme/pattern_type=validation/category=general/prompt.md
  contains "$(cat "$prompt")" 'raise ValueError("where from?")'
  equal "$(grep -c 'path is required' "$prompt")" 0
  equal "$(stat -c %s "$prompt")" "$(cat "$prompt" | wc -c)"
  # The same patterns, on other lines and in other words.
  sed -i -e 's/where from?/from where, please?/' -e 's/^class/# moved down\n\n&/' "$IN/category=general/zip.py"
  contains "$(cat "$prompt")" 'raise ValueError("from where, please?")'
  equal "$(stat -c %s "$prompt")" "$(cat "$prompt" | wc -c)"
}

@test "a prompt of components has their main methods" {
  learn
  contains "$(cat "$Q/similar_to=ReadOperator/prompt.md")" 'self.xcom_push(key="n", value=1)'
  contains "$(cat "$Q/similar_to=ReadOperator/prompt.md")" '`components/WriteOperator/source.py`'
}

@test "categories and component types have their prompt" {
  learn
  listed "$MNT/general/prompt.md" "$MNT/general/operator/prompt.md"
  contains "$(head -n 1 "$MNT/general/operator/prompt.md")" 'general operators'
  contains "$(head -n 1 "$MNT/general/prompt.md")" 'general components'
  diff <(tail -n +2 "$MNT/general/operator/prompt.md") <(tail -n +2 "$Q/category=general/component_type=operator/prompt.md")
  absent "$MNT/general/operator/validation/prompt.md"
  cat "$MNT/general/operator/prompt.md" >"$TMP/before"
  grep -q ' 0 failed' "$TMP/before"
  verdict "$MNT" failure general/operator
  not cmp -s "$TMP/before" "$MNT/general/operator/prompt.md"
  equal "$(stat -c %s "$MNT/general/operator/prompt.md")" "$(cat "$MNT/general/operator/prompt.md" | wc -c)"
}

@test "what cannot be is refused, what is unknown is not there" {
  learn
  while read -r path; do
    equal "$(errno "os.stat('$Q/$path')")" EINVAL "$path"
  done <<'PATHS'
colour=red
category=
=ml
category=ML!
component_type=robot
pattern_type=dual_import
confidence=1
min_confidence=1.5
min_success_count=-1
sort=up
of=files
limit=0
limit=10001
limit=ten
budget=1
category=ml/category=ml
limit=5/limit=6
PATHS
  while read -r path; do
    equal "$(errno "os.stat('$Q/$path')")" ENOENT "$path"
  done <<'PATHS'
category=cooking
component=NoSuchOperator
similar_to=NoSuchOperator
with=guard-00000000.json
category=ml/component=NoSuchOperator
colour
limit
PATHS
  fails "cannot access '$Q/colour=red': Invalid argument" ls "$Q/colour=red"
  grep -F colour "$LOG"
  grep -F min_confidence "$LOG"
  # No match is no error.
  equal "$(cat "$Q/category=ml/component_type=sensor/count")" 0
  equal "$(ls "$Q/category=ml/component_type=sensor" | paste -sd' ')" 'count prompt.md results.jsonl'
  equal "$(stat -c %s "$Q/category=ml/component_type=sensor/results.jsonl")" 0
}

@test "a verdict shows at once: in the order, in the documents, in what was listed before" {
  learn
  dir=$Q/category=general/component_type=operator
  names "$dir" >"$TMP/before"
  cat "$dir/results.jsonl" "$dir/prompt.md" "$dir/count" >"$TMP/documents"
  first=$(head -n 1 "$TMP/before")
  mtime=$(stat -c %.9Y "$dir")
  verdict "$MNT" failure "query/category=general/component_type=operator/$first"
  names "$dir" >"$TMP/after"
  [ "$(head -n 1 "$TMP/after")" != "$first" ]
  equal "$(sed 's/^[0-9]*-//' "$TMP/after" | sort)" "$(sed 's/^[0-9]*-//' "$TMP/before" | sort)"
  equal "$(jq -s 'map(select(.failure_count == 1)) | length' "$dir/results.jsonl")" 1
  cat "$dir/results.jsonl" "$dir/prompt.md" "$dir/count" | not cmp -s - "$TMP/documents"
  [ "$(stat -c %.9Y "$dir")" != "$mtime" ]
  # Again, with verdicts in between: the listing is never one of before.
  for ((i = 0; i < 20; i++)); do
    first=$(names "$dir" | head -n 1)
    verdict "$MNT" failure "query/category=general/component_type=operator/$first"
    [ "$(names "$dir" | head -n 1)" != "$first" ]
    equal "$(ids "$dir" | head -n 1)" "$(jq .id "$dir/$(names "$dir" | head -n 1)")"
  done
}

@test "who holds a document open reads the whole of what was opened, and who opens it again the new one" {
  learn
  file=$Q/component_type=operator/results.jsonl
  cat "$file" >"$TMP/before"
  exec 8<"$file"
  head -c 100 <&8 >"$TMP/start"
  verdict "$MNT" failure components/ReadOperator
  not cmp -s "$TMP/before" "$file"
  jq -e .id "$file" >"$TMP/out"
  python3 -c 'import os; print(os.pread(8, 1 << 22, 0).decode(), end="")' | cmp - "$TMP/before"
  exec 8<&-
}

# Bytes are given up once they are idle (SNAPSHOTS_GRACE_S) and there are more than SNAPSHOTS_SOFT of them.
@test "who holds a version that was given up is told, and who opens it again reads the new one" {
  learn
  cat >"$TMP/hold.py" <<'PY'
import os, sys, time

query, patterns = sys.argv[1], sys.argv[2]

def reread(fd):
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # the kernel's own pages would serve it
    try:
        return os.pread(fd, 1 << 20, 0)
    except OSError as e:
        return e.errno

held = os.open(f"{query}/limit=1000/results.jsonl", os.O_RDONLY)
whole = os.read(held, 1 << 24)
with open(f"{patterns}/outcome", "w") as outcome:
    outcome.write("success\n")
assert reread(held) == whole[:1 << 20], "gone at once"
limit, got = 1001, b""
while limit < 5000 and not isinstance(got, int):
    time.sleep(6)
    for limit in range(limit, limit + (16 << 20) // len(whole)):
        with open(f"{query}/limit={limit}/results.jsonl") as other:
            other.read()
    limit += 1
    got = reread(held)
again = open(f"{query}/limit=1000/results.jsonl", "rb").read()
print(os.strerror(got) if isinstance(got, int) else "read it", again != whole, again.count(b"\n") == whole.count(b"\n"))
PY
  python3 "$TMP/hold.py" "$Q" "$MNT/general/operator" >"$TMP/out"
  equal "$(cat "$TMP/out")" 'Stale file handle True True'
}

@test "what another process writes into the database shows" {
  learn
  dir=$Q/category=ml/pattern_name=dual_import
  jq -e '.failure_count == 0' "$dir/results.jsonl"
  sql "UPDATE code_patterns SET failure_count = 4 WHERE pattern_name = 'dual_import'"
  eventually jq -e '[.failure_count, .confidence_score] == [4, 0.2]' "$dir/results.jsonl"
}

@test "an archived pattern leaves the results, and what is new enters them" {
  learn
  dir=$Q/category=general
  names "$dir" >"$TMP/before"
  gone=$(sed -n '3s/^[0-9]*-//p' "$TMP/before")
  rm "$(readlink -f "$dir/$(sed -n 3p "$TMP/before")")"
  names "$dir" | not grep -q -- "-$gone"
  jq -r '.pattern_name + "-" + .pattern_signature[0:8] + ".json"' "$dir/results.jsonl" | not grep -q "$gone"
  equal "$(cat "$dir/count")" "$(($(wc -l <"$TMP/before") - 1))"
  equal "$(cat "$Q/component_type=sensor/count")" 0
  operator ClockSensor | sed 's/BaseOperator/BaseSensorOperator/; s/airflow.models/airflow.sensors.base/; s/execute/poke/' >"$IN/clock.py"
  [ "$(cat "$Q/component_type=sensor/count")" -gt 0 ]
}

@test "verdicts go by the paths of results too" {
  learn
  first=$(names "$Q/category=ml/limit=2" | head -n 1)
  verdict "$Q/.." failure "query/category=ml/limit=2/$first"
  equal "$(jq .failure_count "$MNT"/ml/*/*/"${first#*-}")" 1
  verdict "$MNT" failure "query/of=components/$(names "$Q/of=components" | head -n 1)"
  equal "$(jq -s 'map(.failure_count) | add' "$MNT"/components/*/component.json)" 1
  verdict "$MNT" failure "components/ReadOperator/similar/001-WriteOperator"
  equal "$(jq -s 'map(.failure_count) | add' "$MNT"/components/*/component.json)" 2
  fails 'Invalid argument' verdict "$MNT" failure query/category=ml
  fails 'Invalid argument' verdict "$MNT" failure query/category=ml/prompt.md
  fails 'No such file' verdict "$MNT" failure query/category=ml/001-nothing.json
  verdict "$MNT" failure "query/category=ml/../category=ml/../../components/ReadOperator"
}

@test "similar/ has the most similar components, best first" {
  learn
  dir=$MNT/components/ReadOperator/similar
  listed "$dir"
  equal "$(ls "$dir" | head -n 1)" 001-WriteOperator
  equal "$(readlink "$dir/001-WriteOperator")" ../../WriteOperator
  equal "$(readlink -f "$dir/001-WriteOperator")" "$MNT/components/WriteOperator"
  equal "$(jq -r .name "$dir/001-WriteOperator/component.json")" WriteOperator
  equal "$(ls "$dir")" "$(names "$Q/similar_to=ReadOperator/limit=10")"
  equal "$(stat -c %s "$dir/001-WriteOperator")" "$(readlink -n "$dir/001-WriteOperator" | wc -c)"
  equal "$(stat -c %h "$MNT/components/ReadOperator")" 4
  absent "$dir/001-ReadOperator" "$dir/002-WriteOperator.json"
  operator ReadTwiceOperator >"$IN/twice.py"
  ls "$dir" | grep -x '00[12]-ReadTwiceOperator'
  # What was looked at, also in others, is looked at anew after a change, whoever made it.
  for ((i = 0; i < 4; i++)); do
    ls -l "$MNT"/components/*/similar >"$TMP/seen"
    before=$(stat -c %y "$dir")
    operator "ReadMore${i}Operator" >"$IN/more.py"
    for near in ReadOperator ReadTwiceOperator; do
      ls "$MNT/components/$near/similar" | grep -x "00[0-9]-ReadMore${i}Operator"
    done
    [ "$(stat -c %y "$dir")" != "$before" ]
  done
  # No more than ten, however many there are.
  for ((i = 0; i < 12; i++)); do
    operator "Read${i}Operator" >"$IN/read$i.py"
  done
  equal "$(ls "$dir" | wc -l)" 10
}

@test "find, grep -r, du and ls -lR come to an end, and do not enter queries" {
  learn
  ls "$Q/category=ml/limit=3" >"$TMP/out"
  timeout 60 find "$MNT" -name dual_import-\*.json -type f >"$TMP/found"
  equal "$(wc -l <"$TMP/found")" 1
  timeout 60 find "$MNT" -path '*query*' >"$TMP/found"
  equal "$(wc -l <"$TMP/found")" 2
  status=0
  timeout 60 grep -rc 'no_such_text_anywhere' "$MNT" >"$TMP/found" || status=$?
  equal "$status" 1
  equal "$(grep -c '/query/' "$TMP/found")" 1
  timeout 60 ls -lR "$Q" >"$TMP/out"
  timeout 60 ls -lR "$MNT" >"$TMP/out"
  timeout 60 du -s "$MNT" "$Q/category=ml" >"$TMP/out"
}

@test "every file is as long as stat says" {
  learn
  find "$MNT" "$Q/category=ml/limit=3" "$Q/of=components" "$Q/text=ImportError" -type f >"$TMP/files"
  [ "$(grep -c 'prompt.md' "$TMP/files")" -eq 7 ]
  while read -r file; do
    equal "$(stat -c %s "$file")" "$(cat "$file" | wc -c)" "size of $file"
  done <"$TMP/files"
}

@test "a link count is what it should be" {
  learn
  for dir in "$MNT" "$MNT/components" "$MNT/components/ReadOperator" "$MNT/general" "$Q" "$Q/category=ml"; do
    equal "$(stat -c %h "$dir")" "$((2 + $(find "$dir" -mindepth 1 -maxdepth 1 -type d | wc -l)))" "$dir"
  done
}

@test "readers at once, with verdicts coming in, read whole documents" {
  learn
  python3 - "$MNT" <<'PYTHON'
import json, os, random, sys, threading, time
mnt = sys.argv[1]
queries = ["component_type=operator", "category=general", "limit=10000", "of=components", "text=params", "sort=recent"]
until = time.monotonic() + 6
problems, reads = [], [0]
def going():
    return (time.monotonic() < until or reads[0] <= 50) and not problems
def reader(seed):
    random.seed(seed)
    while going():
        directory = f"{mnt}/query/{random.choice(queries)}"
        try:
            with open(f"{directory}/results.jsonl", "rb") as file:
                size, text = os.fstat(file.fileno()).st_size, b""
                while chunk := os.read(file.fileno(), random.choice([1000, 8192, 65536])):
                    text += chunk
            if len(text) != size or not text.endswith(b"\n"):
                problems.append(f"{len(text)} bytes of {size}")
            lines = [json.loads(line) for line in text.splitlines()]
            if len({line.get("id") or line["name"] for line in lines}) != len(lines):
                problems.append("a result twice")
            if not open(f"{directory}/prompt.md").read().startswith("# "):
                problems.append("prompt.md without its heading")
            listing = sorted(name for name in os.listdir(directory) if name[0].isdigit())
            if [int(name.partition("-")[0]) for name in listing] != list(range(1, len(listing) + 1)):
                problems.append("ranks are missing")
            if len(listing) != min(len(lines), 10000 if "limit" in directory else 100):
                problems.append(f"{len(listing)} links and {len(lines)} lines")
            reads[0] += 1
        except Exception as e:
            problems.append(f"{directory}: {e!r}")
def writer(seed):
    random.seed(seed)
    while going():
        word = random.choice(["success", "failure"])
        component = random.choice(os.listdir(f"{mnt}/components"))
        with open(f"{mnt}/outcome", "w") as file:
            file.write(f"{word} components/{component}\n")
        time.sleep(0.005)
threads = [threading.Thread(target=reader, args=(i,)) for i in range(100)]
threads += [threading.Thread(target=writer, args=(i,)) for i in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(reads[0], "rounds")
assert not problems, problems[:5]
PYTHON
}

# Asks much; all of it is in use at once, unless the kernel was made to forget some meanwhile.
asked() {
  python3 - "$Q" <<'PYTHON'
import os, sys
for i in range(20000):
    os.stat(f"{sys.argv[1]}/budget={1000 + i}")
PYTHON
  sleep 0.3
  [ "$(sed -n 's/.*queries in use: //p' "$LOG" | sort -n | tail -n 1)" -ge 20000 ]
}

forgotten() {
  echo 2 >/proc/sys/vm/drop_caches
  [ "$(sed -n 's/.*queries in use: //p' "$LOG" | tail -n 1)" = 0 ]
}

@test "what the kernel forgets is forgotten" {
  [ -w /proc/sys/vm/drop_caches ] || skip 'only root may drop caches'
  stop
  start -d
  learn
  stat "$Q/category=ml/limit=5/count"
  cat "$Q/category=ml/limit=6/count"
  eventually asked
  eventually forgotten
  equal "$(cat "$Q/of=components/count")" 3
}

@test "more queries than are kept are let go by themselves" {
  learn
  python3 - "$Q" <<'PYTHON'
import os, sys
for i in range(80000):
    os.stat(f"{sys.argv[1]}/budget={1000 + i}")
PYTHON
  equal "$(cat "$Q/of=components/count")" 3
}

@test "on an empty store" {
  Q=$MNT/query
  equal "$(ls "$Q/limit=5" | paste -sd' ')" 'count prompt.md results.jsonl'
  equal "$(cat "$Q/of=components/count")" 0
  equal "$(cat "$Q/results.jsonl" 2>/dev/null || echo absent)" absent
  fails 'No such file' ls "$Q/category=ml"
  for file in "$Q"/limit=5/*; do
    equal "$(stat -c %s "$file")" "$(cat "$file" | wc -c)" "$file"
  done
}

@test "a read-only mount answers too" {
  learn
  names "$Q/limit=20" >"$TMP/names"
  stop
  start -o ro
  equal "$(names "$Q/limit=20")" "$(cat "$TMP/names")"
  cat "$Q/limit=20/prompt.md" "$MNT/ml/prompt.md" "$MNT/components/ReadOperator/similar/001-WriteOperator/component.json" >"$TMP/out"
}
