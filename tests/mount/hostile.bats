#!/usr/bin/env bats
# Mounts of databases with rows that no store writes: all can be walked, nothing leads out, and the daemon stays.
NO_MOUNT=1
load helper

# walked DATABASE: everything that anybody may do.
walked() {
  local link
  DB=$1
  start
  timeout 100 find "$MNT" -printf '%p %s\n' >"$TMP/found" 2>/dev/null || [ $? -lt 124 ]
  timeout 100 find "$MNT" -type f -exec cat {} + >/dev/null 2>&1 || [ $? -lt 124 ]
  timeout 100 cat "$MNT/query/limit=50/prompt.md" "$MNT/query/of=components/results.jsonl" >/dev/null 2>&1 || [ $? -lt 124 ]
  for link in "$MNT"/query/limit=1000/[0-9]* "$MNT"/components/*/patterns/* "$MNT"/components/*/similar/*; do
    case $(realpath -m "$link") in
    "$(realpath "$MNT")"/*) ;;
    *) echo "$1: $link leads to $(readlink "$link")"; return 1 ;;
    esac
  done
  timeout 100 cp "$SAMPLE" "$IN/sample.py" 2>/dev/null || [ $? -lt 124 ]
  timeout 100 sh -c "echo success >'$MNT/storage/operator/outcome'" 2>/dev/null || [ $? -lt 124 ]
  timeout 100 rm -rf "$IN"/* 2>/dev/null || [ $? -lt 124 ]
  : >"$LOG"
  stop
}

@test "hostile databases" {
  mkdir "$TMP/rows"
  "$HOSTILE" write "$TMP/rows" >"$TMP/list"
  [ "$(wc -l <"$TMP/list")" -gt 50 ]
  for database in "$TMP"/rows/*.db; do
    walked "$database" || { echo "$database"; grep "$database" "$TMP/list"; return 1; }
  done
}

@test "what is mounted gives nobody privileges" {
  start
  grep " $MNT fuse.patternfs " /proc/mounts | grep nosuid | grep nodev
}
