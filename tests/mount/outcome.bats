#!/usr/bin/env bats
# Verdicts.

load helper

@test "a failure moves confidence from 1.0 to 0.5, and everything shows it at once" {
  submit
  file=$(only "$IMPORT"/dual_import-*.json)
  grep -x '  "confidence_score": 1.0,' "$file"
  cat "$IMPORT/outcome" >"$TMP/before"
  mtime=$(stat -c %.9Y "$file")
  (cd "$IMPORT" && echo failure dual_import-*.json >outcome)
  grep -x '  "confidence_score": 0.5,' "$file"
  grep -x '  "failure_count": 1,' "$file"
  equal "$(stat -c %s "$file")" "$(wc -c <"$file")" size
  equal "$(stat -c %s "$file")" "$(cat "$file" | wc -c)" "size of what is read"
  [ "$(stat -c %.9Y "$file")" != "$mtime" ]
  [ "$(printf '%s\n' "$mtime" "$(stat -c %.9Y "$file")" | sort -n | tail -n 1)" != "$mtime" ]
  tail -n 1 "$MNT/history.jsonl" | jq -e '.event == "failure" and (.pattern | test("dual_import"))'
  equal "$(stat -c %s "$MNT/history.jsonl")" "$(cat "$MNT/history.jsonl" | wc -c)"
  equal "$(sql "SELECT success_count, failure_count, confidence_score FROM code_patterns WHERE pattern_name = 'dual_import'")" '1|1|0.5'
  equal "$(sed -n 's/^failure //p' "$IMPORT/outcome")" 1
}

@test "a pattern that is held open shows the change too" {
  submit
  file=$(only "$IMPORT"/dual_import-*.json)
  exec 8<"$file"
  cat <&8 >"$TMP/before"
  grep -q '"failure_count": 0' "$TMP/before"
  verdict "$IMPORT" failure "$(basename "$file")"
  python3 -c 'import os; print(os.pread(8, 1 << 20, 0).decode(), end="")' >"$TMP/after"
  exec 8<&-
  grep '"failure_count": 1' "$TMP/after"
  cmp "$TMP/after" "$file"
}

@test "nonsense is refused, changes nothing, and outcome.error says why until the next good write" {
  submit
  counts >"$TMP/before"
  absent "$IMPORT/outcome.error"
  fails 'Invalid argument' verdict "$IMPORT" nonsense
  counts | diff "$TMP/before" -
  listed "$IMPORT/outcome.error"
  contains "$(cat "$IMPORT/outcome.error")" nonsense
  contains "$(cat "$IMPORT/outcome.error")" success
  equal "$(stat -c %s "$IMPORT/outcome.error")" "$(cat "$IMPORT/outcome.error" | wc -c)"
  verdict "$IMPORT" success
  absent "$IMPORT/outcome.error"
}

# lines DIR LINE…: all in one write.
lines() {
  (cd "$1" && shift && env printf '%s\n' "$@" >outcome)
}

@test "several lines in one write are applied all or not at all" {
  submit
  file=$(basename "$(only "$IMPORT"/dual_import-*.json)")
  counts >"$TMP/before"
  # Not the shell's own printf, which writes line by line.
  fails 'Invalid argument' lines "$IMPORT" "success $file" nonsense
  counts | diff "$TMP/before" -
  contains "$(cat "$IMPORT/outcome.error")" 'outcome:2:'
  fails 'No such file' lines "$IMPORT" "success $file" 'failure missing.json'
  counts | diff "$TMP/before" -
  lines "$IMPORT" "success $file" "failure $file"
  equal "$(jq -c '[.success_count, .failure_count]' "$IMPORT/$file")" '[2,1]'
}

@test "a bare verdict at the root is refused, and at a directory it judges what that holds" {
  submit
  counts >"$TMP/before"
  fails 'Invalid argument' verdict "$MNT" success
  counts | diff "$TMP/before" -
  listed "$MNT/outcome.error"
  verdict "$IMPORT" failure
  equal "$(cat "$IMPORT"/*.json | jq .failure_count | sort -u)" 1
  equal "$(sql "SELECT total(failure_count) FROM code_patterns WHERE pattern_type <> 'import'")" 0.0
}

@test "an unknown path is ENOENT" {
  submit
  counts >"$TMP/before"
  fails 'No such file or directory' verdict "$IMPORT" failure dual_import-00000000.json
  fails 'No such file or directory' verdict "$MNT" failure components/NoSuchOperator
  contains "$(cat "$MNT/outcome.error")" NoSuchOperator
  counts | diff "$TMP/before" -
}

@test "a verdict on a component counts for it and for each of its patterns, once" {
  submit
  verdict "$MNT" failure components/$COMPONENT -- 'TypeError: no "key"'
  equal "$(sql 'SELECT DISTINCT success_count, failure_count FROM code_patterns')" '1|1'
  equal "$(jq .failure_count "$MNT/components/$COMPONENT/component.json")" 1
  jq -se 'any(.[]; .event == "failure" and .note == "TypeError: no \"key\"")' "$MNT/history.jsonl"
  verdict "$MNT/components/$COMPONENT" success
  equal "$(sql 'SELECT DISTINCT success_count, failure_count FROM code_patterns')" '2|1'
}

@test "paths lead on from the directory, also through links" {
  submit
  file=$(only "$IMPORT"/dual_import-*.json)
  name=$(basename "$file")
  verdict "$MNT" failure "ml/operator/import/$name"
  equal "$(jq .failure_count "$file")" 1
  verdict "$MNT/ml" failure "operator/import/$name"
  equal "$(jq .failure_count "$file")" 2
  verdict "$MNT/ml/operator/logging" failure "../import/$name"
  equal "$(jq .failure_count "$file")" 3
  verdict "$MNT/components/$COMPONENT" failure "patterns/$(ls "$MNT/components/$COMPONENT/patterns" | grep dual_import)"
  equal "$(jq .failure_count "$file")" 4
  verdict "$MNT" failure "ml/operator/import/$name" "ml/operator/import/$name"
  equal "$(jq .failure_count "$file")" 5 "a pattern named twice"
  counts >"$TMP/before"
  fails 'Invalid argument' verdict "$MNT" failure "../../etc/passwd"
  fails 'Invalid argument' verdict "$MNT" failure "$file"
  fails 'Invalid argument' verdict "$MNT" failure stats.json
  counts | diff "$TMP/before" -
}

@test ">> is the same as >, and a last line without newline is applied at close" {
  submit
  file=$(basename "$(only "$IMPORT"/dual_import-*.json)")
  (cd "$IMPORT" && echo "success $file" >>outcome && echo "success $file" >>outcome)
  equal "$(jq .success_count "$IMPORT/$file")" 3
  (cd "$IMPORT" && printf 'failure %s' "$file" >outcome)
  equal "$(jq .failure_count "$IMPORT/$file")" 1
  printf 'failure %s\n' "$file" | tee -a "$IMPORT/outcome" >"$TMP/out"
  equal "$(jq .failure_count "$IMPORT/$file")" 2
  python3 -c 'import sys; open(sys.argv[1], "w").write("failure " + sys.argv[2])' "$IMPORT/outcome" "$file"
  equal "$(jq .failure_count "$IMPORT/$file")" 3
}

@test "a line may come in pieces" {
  submit
  file=$(basename "$(only "$IMPORT"/dual_import-*.json)")
  # Not the shell's own printf, after which the shell closes a descriptor.
  python3 - "$IMPORT" "$file" <<'PYTHON'
import json, os, sys
os.chdir(sys.argv[1])
def counts():
    document = json.load(open(sys.argv[2]))
    return document["success_count"], document["failure_count"]
fd = os.open("outcome", os.O_WRONLY | os.O_TRUNC)
os.write(fd, b"fail")
os.write(fd, b"ure " + sys.argv[2].encode())
assert counts() == (1, 0), counts()
os.write(fd, b"\nsuccess " + sys.argv[2].encode() + b"\n")
assert counts() == (2, 1), counts()
os.close(fd)
PYTHON
  equal "$(jq -c '[.success_count, .failure_count]' "$IMPORT/$file")" '[2,1]'
}

@test "reading outcome gives the scope's totals" {
  submit
  n=$(ls "$IMPORT"/*.json | wc -l)
  equal "$(sed 's/ *$//' "$IMPORT/outcome")" "success $n
failure 0
confidence 1.0"
  verdict "$IMPORT" failure
  equal "$(sed 's/ *$//' "$IMPORT/outcome")" "success $n
failure $n
confidence 0.5"
  # As long as any other.
  equal "$(stat -c %s "$IMPORT/outcome")" "$(cat "$IMPORT/outcome" | wc -c)"
  equal "$(stat -c %s "$MNT/outcome")" "$(stat -c %s "$IMPORT/outcome")"
  all=$(sql 'SELECT count(*) FROM code_patterns')
  equal "$(sed -n 's/^success //p' "$MNT/outcome")" "$all"
  equal "$(sed -n 's/^success //p' "$MNT/ml/operator/outcome")" "$all"
  verdict "$MNT" success components/$COMPONENT
  contains "$(cat "$MNT/components/$COMPONENT/outcome")" 'success 1'
}

@test "patterns judged together are counted as pairs" {
  submit
  files=$(cd "$IMPORT" && ls ./*.json | head -n 3 | paste -sd' ')
  equal "$(sql 'SELECT total(failure_count) FROM pattern_combinations')" 0.0
  # shellcheck disable=SC2086
  verdict "$IMPORT" failure $files
  equal "$(sql 'SELECT count(*), total(failure_count) FROM pattern_combinations WHERE failure_count > 0')" '3|3.0'
}

@test "history has an event a verdict, with the counts after it, and only grows" {
  submit
  cat "$MNT/history.jsonl" >"$TMP/before"
  jq -e . "$TMP/before" >"$TMP/out"
  verdict "$IMPORT" failure "$(cd "$IMPORT" && ls ./dual_import-*.json)" -- because
  cmp -n "$(stat -c %s "$TMP/before")" "$TMP/before" "$MNT/history.jsonl"
  tail -n +$(($(wc -l <"$TMP/before") + 1)) "$MNT/history.jsonl" >"$TMP/new"
  equal "$(jq -c '[.event, .note, .success_count, .failure_count]' "$TMP/new")" '["failure","because",1,1]'
  equal "$(sql 'SELECT count(*) FROM pattern_history')" "$(wc -l <"$MNT/history.jsonl")"
}

@test "tail -f follows the history" {
  submit
  tail -n +1 -f "$MNT/history.jsonl" >"$TMP/followed" 3>&- &
  tail=$!
  # From then on it follows.
  eventually cmp "$MNT/history.jsonl" "$TMP/followed"
  verdict "$IMPORT" failure -- followed
  status=0
  eventually grep -q followed "$TMP/followed" || status=1
  kill $tail
  wait $tail || true
  equal $status 0
}

@test "writers at once lose nothing" {
  submit
  file=$(basename "$(only "$IMPORT"/dual_import-*.json)")
  pids=
  for dir in "$MNT/ml/operator/import|$file" "$MNT/ml/operator|import/$file" "$MNT/ml|operator/import/$file" "$MNT|ml/operator/import/$file"; do
    (for ((i = 0; i < 50; i++)); do verdict "${dir%|*}" success "${dir#*|}" || exit 1; done) 3>&- &
    pids="$pids $!"
  done
  for pid in $pids; do
    wait "$pid"
  done
  equal "$(jq .success_count "$IMPORT/$file")" 201
}

@test "what another process writes into the database shows" {
  submit
  file=$(only "$IMPORT"/dual_import-*.json)
  cat "$file" >"$TMP/before"
  sql "UPDATE code_patterns SET failure_count = 4 WHERE pattern_name = 'dual_import'"
  eventually jq -e '[.failure_count, .confidence_score] == [4, 0.2]' "$file"
  equal "$(stat -c %s "$file")" "$(cat "$file" | wc -c)"
}
