#!/usr/bin/env bats
# What outlives the daemon, however it ends.

load helper

# Every name, kind, inode number, size, mode and time, and every text. But the times of what depends on no row, and of
# outcome, which moves as it is written to.
picture() {
  (
    cd "$MNT" || exit 1
    find . ! -path ./README.md ! -path . -printf '%p %y %i %s %m\n' | sort
    find ml incoming/* components/* history.jsonl stats.json ! -name outcome -printf '%p %T@\n' | sort
    find . -type f ! -path ./README.md -print0 | sort -z | xargs -0 cksum
  )
}

@test "a remount shows the same, inode numbers included" {
  submit
  operator OtherOperator >"$IN/other.py"
  mkdir -p "$IN/a/b"
  echo text >"$IN/a/b/file"
  broken >"$TMP/broken.py"
  fails 'Invalid argument' cp "$TMP/broken.py" "$IN/a/"
  verdict "$IMPORT" failure -- 'a note'
  rm "$(only "$IMPORT"/dual_import-*.json)"
  picture >"$TMP/before"
  [ "$(wc -l <"$TMP/before")" -gt 100 ]
  stop
  start
  picture | diff "$TMP/before" -
}

@test "a prompt that was rendered is kept for the next mount, until its directory changes" {
  submit
  operator OtherOperator >"$IN/other.py"
  cat "$MNT/ml/operator/prompt.md" >"$TMP/before"
  cat "$MNT/ml/prompt.md" "$MNT/general/prompt.md" >"$TMP/others"
  stop
  equal "$(sql 'SELECT count(*) FROM prompts')" 3
  equal "$(sql "SELECT content FROM prompts WHERE content LIKE '# % ml operators%'")" "$(cat "$TMP/before")"
  # To see where they come from.
  sql "UPDATE prompts SET content = 'kept' || char(10)"
  start
  equal "$(cat "$MNT/ml/prompt.md" "$MNT/general/prompt.md")" $'kept\nkept'
  equal "$(stat -c %s "$MNT/ml/operator/prompt.md")" 5
  verdict "$IMPORT" success
  equal "$(cat "$MNT/general/prompt.md")" kept
  contains "$(cat "$MNT/ml/prompt.md")" 'ml components'
  contains "$(cat "$MNT/ml/operator/prompt.md")" 'ml operators'
  stop
  # Of another format, or longer than any: rendered, and kept anew.
  sql "UPDATE prompts SET format = format + 1 WHERE content LIKE '# %'"
  sql "UPDATE prompts SET content = printf('%070000d', 1) WHERE content LIKE 'kept%'"
  start -o ro
  contains "$(cat "$MNT/ml/prompt.md")" 'ml components'
  contains "$(cat "$MNT/general/prompt.md")" 'general components'
  stop
  equal "$(sql "SELECT count(*) FROM prompts WHERE content LIKE '# %' AND format = 1")" 0
  start
  contains "$(cat "$MNT/ml/prompt.md" "$MNT/ml/operator/prompt.md" "$MNT/general/prompt.md")" 'general components'
  # Also of a mount that is killed, after a while.
  for ((i = 0; i < 200; i++)); do
    [ "$(sql "SELECT count(*) FROM prompts WHERE content LIKE '# %' AND format = 1")" -lt 3 ] || break
    sleep 0.1
  done
  crash
  equal "$(sql "SELECT count(*) FROM prompts WHERE content LIKE '# %' AND format = 1")" 3
}

@test "what is most like a component is kept for the next mount, until a component changes" {
  local one="$MNT/components/OneOperator/similar"
  for name in One Two Three; do operator "${name}Operator" >"$IN/$name.py"; done
  ls "$one" >"$TMP/before"
  equal "$(wc -l <"$TMP/before")" 2
  stop
  equal "$(sql 'SELECT count(*) FROM similar')" 1
  # To see where it comes from.
  sql "UPDATE similar SET ids = component_id"
  start
  equal "$(ls "$one")" 001-OneOperator
  equal "$(readlink "$one/001-OneOperator")" ../../OneOperator
  operator FourOperator >"$IN/four.py"
  equal "$(ls "$one" | wc -l)" 3
  rm -f "$IN/four.py"
  stop
  # Of another format: asked for, and kept anew.
  sql "UPDATE similar SET format = format + 1, ids = '1'"
  start -o ro
  equal "$(ls "$one" | wc -l)" 3
  stop
  equal "$(sql 'SELECT ids FROM similar')" 1
  start
  equal "$(ls "$one" | wc -l)" 3
  stop
  equal "$(sql "SELECT count(*) FROM similar WHERE format = 1 AND ids LIKE '% % %'")" 1
}

@test "kill -9 loses nothing that a command was told is done" {
  submit
  verdict "$IMPORT" failure -- 'before the crash'
  operator LastOperator >"$IN/last.py"
  echo text >"$IN/plain"
  counts >"$TMP/before"
  crash
  equal "$(sql 'PRAGMA integrity_check')" ok
  equal "$(sql 'PRAGMA foreign_key_check')" ''
  start
  counts | diff "$TMP/before" -
  operator LastOperator | cmp - "$IN/last.py"
  equal "$(cat "$IN/plain")" text
  contains "$(cat "$MNT/history.jsonl")" 'before the crash'
}

@test "kill -9 amid writing leaves a sound database, with every verdict that was accepted" {
  submit
  name=$(basename "$(only "$IMPORT"/dual_import-*.json)")
  for round in 1 2 3; do
    before=$(jq .success_count "$IMPORT/$name")
    : >"$TMP/accepted"
    (while (cd "$IMPORT" && echo "success $name" >outcome); do echo >>"$TMP/accepted"; done) 2>/dev/null 3>&- &
    writer=$!
    eventually test -s "$TMP/accepted"
    sleep 0.$((round * 3))
    crash
    wait $writer || true
    equal "$(sql 'PRAGMA integrity_check')" ok
    start
    after=$(jq .success_count "$IMPORT/$name")
    accepted=$(wc -l <"$TMP/accepted")
    # One more may have been committed whose answer did not come through.
    [ "$after" -eq $((before + accepted)) ] || [ "$after" -eq $((before + accepted + 1)) ] || {
      echo "$before + $accepted accepted, found $after"
      false
    }
    [ "$accepted" -gt 0 ]
  done
}

@test "SIGTERM and SIGINT end it cleanly" {
  for signal in TERM INT; do
    operator "${signal}Operator" >"$IN/$signal.py"
    kill -$signal "$PID"
    ended 0
    run ! mountpoint -q "$MNT"
    equal "$(sql 'PRAGMA integrity_check')" ok
    start
    listed "$MNT/components/${signal}Operator"
  done
}

@test "a clean end leaves one file" {
  submit
  stop
  equal "$(ls "$TMP" | grep '^patterns.db')" patterns.db
  equal "$(stat -c %a "$DB")" 600
}

@test "two mounts of one database see each other" {
  start_second
  absent "$SECOND/ml"
  submit
  name=$(basename "$(only "$IMPORT"/dual_import-*.json)")
  other=$SECOND/ml/operator/import/$name
  eventually cat "$other"
  verdict "$SECOND/ml/operator/import" failure "$name"
  eventually failed "$IMPORT/$name" 1
  rm "$IMPORT/$name"
  eventually absent "$other"
}

# failed PATTERN TIMES
failed() {
  [ "$(jq .failure_count "$1")" -eq "$2" ]
}

@test "a read-only mount sees what another writes" {
  submit
  start_second -o ro
  name=$(basename "$(only "$IMPORT"/dual_import-*.json)")
  other=$SECOND/ml/operator/import/$name
  failed "$other" 0
  verdict "$IMPORT" failure "$name"
  eventually failed "$other" 1
  equal "$(stat -c %s "$other")" "$(wc -c <"$other")"
  fails 'Read-only file system' touch "$SECOND/incoming/x"
}

@test "the tables answer as documented" {
  submit
  equal "$(sql "SELECT component_name, category, subcategory, component_type, success_count, failure_count, confidence_score, length(pattern_signature), json(libraries_involved), complexity_range IN ('low', 'medium', 'high', 'very_high'), json_valid(pattern_data) FROM code_patterns WHERE pattern_name = 'dual_import'")" "$COMPONENT|ml|nlp|operator|1|0|1.0|32|[\"nemo\",\"omegaconf\"]|1|1"
  equal "$(sql "SELECT component_name, json_valid(extracted_patterns), complexity_score > 0, json_valid(generation_metadata) FROM component_patterns")" "$COMPONENT|1|1|1"
  equal "$(sql "SELECT count(*) > 20, min(at IS NOT NULL) FROM pattern_history WHERE event = 'sighted'")" '1|1'
  sql 'SELECT success_count, failure_count FROM pattern_combinations LIMIT 1'
}

@test "sqlite3 backs it up while it is mounted" {
  submit
  sqlite3 "$DB" ".backup $TMP/copy.db"
  equal "$(sqlite3 "$TMP/copy.db" 'PRAGMA integrity_check; SELECT count(*) FROM component_patterns')" "ok
1"
}
