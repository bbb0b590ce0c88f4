#!/usr/bin/env bats
# Submissions: what is learned, receipts, refusals, revisions and metadata.

load helper

@test "the sample's dual import can be read" {
  submit
  cat "$IMPORT"/dual_import-*.json >"$TMP/read"
  equal "$(jq -r .pattern_data.primary "$TMP/read")" 'airflow.sdk.bases.operator import BaseOperator'
  equal "$(jq -r .pattern_data.fallback "$TMP/read")" 'airflow.models import BaseOperator'
  equal "$(jq -r .pattern_name "$TMP/read")" dual_import
  equal "$(jq -r .component_name "$TMP/read")" "$COMPONENT"
  equal "$(jq -c '[.success_count == 1, .failure_count == 0, .confidence_score == 1]' "$TMP/read")" '[true,true,true]'
}

@test "the sample shows all eleven types" {
  submit
  equal "$(sql 'SELECT DISTINCT pattern_type FROM code_patterns ORDER BY 1' | paste -sd' ')" "$TYPES" "in the table"
  equal "$(ls "$MNT/ml/operator" | grep -vxE 'outcome(.error)?|prompt.md' | paste -sd' ')" "$TYPES" "in the tree"
  for type in $TYPES; do
    ls "$MNT/ml/operator/$type/" | grep -q '\.json$' || { echo "$type holds no pattern"; false; }
  done
}

@test "a pattern's document has its keys in order, and a name made of its signature" {
  submit
  keys='id component_name pattern_type pattern_name category subcategory component_type complexity_range success_count failure_count confidence_score confidence_lower_bound component_count pattern_signature libraries_involved pattern_data'
  jq -r --arg keys "$keys" '
    (if (keys_unsorted | join(" ")) != $keys then "keys" else empty end),
    (if (.pattern_signature | test("^[0-9a-f]{32}$")) then empty else "signature" end),
    (if (.pattern_data | has("template") and has("code") and has("lines") and has("examples")) then empty else "data" end),
    ("ml/operator/" + .pattern_type + "/" + .pattern_name + "-" + .pattern_signature[:8] as $path
      | if (input_filename | endswith($path + ".json")) then empty else "path" end)
    | input_filename + ": " + .' "$MNT"/ml/operator/*/*.json >"$TMP/wrong"
  equal "$(cat "$TMP/wrong")" ''
  n=$(ls "$MNT"/ml/operator/*/*.json | wc -l)
  [ $n -ge 22 ]
}

@test "the component is there, byte for byte, and its record shows all eleven types" {
  submit
  dir=$MNT/components/$COMPONENT
  cmp "$SAMPLE" "$dir/source.py"
  equal "$(jq -r 'del(.component_name) | keys | join(" ")' "$dir/patterns.json")" "$TYPES"
  equal "$(jq -c '.template_fields.fields' "$dir/patterns.json")" '["mode","model_type","dataset_file","output_dir"]'
  equal "$(jq -r '.structural.ui_color' "$dir/patterns.json")" '#76b900'
  equal "$(jq -r '.name + " " + .category + " " + .component_type' "$dir/component.json")" "$COMPONENT ml operator"
  equal "$(jq -c .libraries_involved "$dir/component.json")" '["nemo","omegaconf"]'
  equal "$(sql "SELECT complete_code = CAST(readfile('$SAMPLE') AS TEXT) FROM component_patterns")" 1
}

@test "the component links to its patterns, and every link leads somewhere" {
  submit
  n=0
  for link in "$MNT/components/$COMPONENT/patterns"/*; do
    [ -L "$link" ]
    [ -s "$link" ] || { echo "$link leads nowhere"; false; }
    n=$((n + 1))
  done
  equal $n "$(jq '.patterns | length' "$MNT/components/$COMPONENT/component.json")"
  equal $n "$(ls "$MNT"/ml/operator/*/*.json | wc -l)"
}

@test "the receipt names the component and each of its patterns" {
  submit
  receipt=$IN/$(basename "$SAMPLE").receipt.json
  listed "$receipt"
  equal "$(jq -r .status "$receipt")" accepted
  equal "$(jq -r '.components[] | .name + " " + .category + " " + .component_type' "$receipt")" "$COMPONENT ml operator"
  jq -r '.components[].patterns[].path' "$receipt" >"$TMP/paths"
  [ "$(wc -l <"$TMP/paths")" -ge 22 ]
  while read -r path; do
    [ -s "$MNT/$path" ] || { echo "$path is not there"; false; }
  done <"$TMP/paths"
  equal "$(jq -c '[.components[].patterns[] | .new] | unique' "$receipt")" '[true]'
  jq -e 'all(.components[].patterns[]; (.lines | length) == 2 and .type and .name)' "$receipt"
}

@test "the same bytes again change nothing, also under another name" {
  submit
  counts >"$TMP/before"
  submit
  counts | diff "$TMP/before" -
  equal "$(jq -r .status "$IN/$(basename "$SAMPLE").receipt.json")" unchanged
  cp "$SAMPLE" "$IN/another.py"
  counts | diff "$TMP/before" -
  equal "$(jq -r .status "$IN/another.py.receipt.json")" unchanged
  equal "$(jq -r '.components[].name' "$IN/another.py.receipt.json")" "$COMPONENT"
}

@test "a new revision counts each pattern once" {
  operator FirstOperator >"$IN/first.py"
  sql "SELECT pattern_signature, success_count, component_count FROM code_patterns ORDER BY 1" >"$TMP/before"
  operator FirstOperator 'self.extra = 1' >"$IN/first.py"
  equal "$(jq -r .revision "$MNT/components/FirstOperator/component.json")" 2
  equal "$(sql 'SELECT max(success_count), max(component_count) FROM code_patterns')" '1|1'
  [ "$(sql "SELECT count(*) FROM code_patterns")" -ge "$(wc -l <"$TMP/before")" ]
  contains "$(cat "$MNT/components/FirstOperator/source.py")" 'self.extra = 1'
}

@test "a further component that shows a pattern adds one to its count" {
  operator FirstOperator >"$IN/first.py"
  file=$(only "$MNT"/general/operator/error_handling/exception_handler-*.json)
  equal "$(jq -c '[.success_count, .component_count]' "$file")" '[1,1]'
  operator SecondOperator >"$IN/second.py"
  equal "$(jq -c '[.success_count, .component_count, .component_name]' "$file")" '[2,2,"FirstOperator"]'
  equal "$(sql 'SELECT min(component_count), max(component_count) FROM code_patterns WHERE archived = 0')" '2|2'
}

@test "a module with several components yields several" {
  { operator OneOperator; echo; echo; operator TwoOperator | sed 1,4d; } >"$TMP/both.py"
  cp "$TMP/both.py" "$IN/"
  equal "$(ls "$MNT/components" | paste -sd' ')" 'OneOperator TwoOperator'
  equal "$(jq -r '[.components[].name] | join(" ")' "$IN/both.py.receipt.json")" 'OneOperator TwoOperator'
}

@test "a syntax error is refused, with its line and column in compiler form" {
  broken >"$TMP/broken.py"
  counts >"$TMP/before"
  fails 'Invalid argument' cp "$TMP/broken.py" "$IN/"
  listed "$IN/broken.py" "$IN/broken.py.error"
  equal "$(wc -l <"$IN/broken.py.error")" 1 lines
  grep -E '^broken\.py:[0-9]+:[0-9]+: error: .*expected' "$IN/broken.py.error"
  cmp "$TMP/broken.py" "$IN/broken.py"
  absent "$IN/broken.py.receipt.json"
  counts | diff "$TMP/before" -
}

@test "the error goes when the file is accepted, or removed" {
  broken >"$TMP/broken.py"
  fails 'Invalid argument' cp "$TMP/broken.py" "$IN/"
  listed "$IN/broken.py.error"
  operator BrokenOperator >"$TMP/broken.py"
  cp "$TMP/broken.py" "$IN/"
  absent "$IN/broken.py.error"
  listed "$IN/broken.py.receipt.json"

  broken >"$TMP/other.py"
  fails 'Invalid argument' cp "$TMP/other.py" "$IN/"
  rm "$IN/other.py"
  equal "$(ls -A "$IN" | grep -c '^other')" 0
}

@test "what is no component is refused, and why is said" {
  echo 'x = 1' >"$TMP/plain.py"
  fails 'Invalid argument' cp "$TMP/plain.py" "$IN/"
  grep -E '^plain\.py:([0-9]+:[0-9]+:)? error: ' "$IN/plain.py.error"
  printf 'x = "\xff"\n' >"$TMP/latin.py"
  fails 'Invalid or incomplete multibyte' cp "$TMP/latin.py" "$IN/"
  contains "$(cat "$IN/latin.py.error")" 'latin.py:1:'
  equal "$(sql 'SELECT count(*) FROM code_patterns')" 0
}

@test "a file over the limit is refused as too large" {
  stop
  start -o max_source=65536
  { operator BigOperator; yes '# padding' | head -c 65536; } >"$TMP/big.py"
  fails 'File too large' cp "$TMP/big.py" "$IN/"
  absent "$MNT/components/BigOperator"
  operator SmallOperator >"$IN/small.py"
  listed "$MNT/components/SmallOperator"
}

@test "a file of 4 MiB and one byte is refused, one of 1 MiB is accepted" {
  { operator BigOperator; yes '# padding' | head -c $((4 << 20)); } >"$TMP/big.py"
  fails 'File too large' cp "$TMP/big.py" "$IN/"
  { operator BigOperator; yes '# sixty-four bytes of padding, so that the lines are not too many' | head -c $((1 << 20)); } >"$TMP/large.py"
  cp "$TMP/large.py" "$IN/"
  cmp "$TMP/large.py" "$MNT/components/BigOperator/source.py"
}

@test "a directory category=… sets the category, without mkdir" {
  cp "$SAMPLE" "$IN/category=vision/subcategory=ocr/"
  equal "$(jq -r '.category + " " + .subcategory' "$MNT/components/$COMPONENT/component.json")" 'vision ocr'
  listed "$MNT/vision"
  absent "$MNT/ml"
  equal "$(ls "$IN")" 'category=vision'
}

@test "a bad value in a key=value directory is refused" {
  fails 'Invalid argument' mkdir -p "$IN/category=No Such"
  fails 'Invalid argument' cp "$SAMPLE" "$IN/component_type=widget/x.py"
  fails 'Invalid argument' cp "$SAMPLE" "$IN/category=incoming/x.py"
  mkdir "$IN/colour=blue"
  cp "$SAMPLE" "$IN/colour=blue/x.py"
  listed "$MNT/ml"
}

@test "NAME.json before NAME.py describes it" {
  echo '{"category": "speech", "subcategory": "asr", "success_score": 87.5, "author": "somebody"}' >"$IN/op.json"
  operator DescribedOperator >"$IN/op.py"
  equal "$(jq -r '.category + " " + .subcategory' "$MNT/components/DescribedOperator/component.json")" 'speech asr'
  equal "$(sql "SELECT success_score FROM component_patterns")" 87.5
  contains "$(cat "$MNT/components/DescribedOperator/component.json")" somebody
}

@test "NAME.json after NAME.py moves the component, and every count stays right" {
  operator MovedOperator >"$IN/op.py"
  operator OtherOperator >"$IN/other.py"
  n=$(jq .total_patterns "$MNT/stats.json")
  listed "$MNT/general"
  echo '{"category": "speech"}' >"$IN/op.json"
  equal "$(jq -r .category "$MNT/components/MovedOperator/component.json")" speech
  equal "$(cat "$MNT"/speech/operator/*/*.json | jq -c '[.success_count, .component_count]' | sort -u)" '[1,1]'
  equal "$(cat "$MNT"/general/operator/*/*.json | jq -c .component_count | sort -u)" 1
  equal "$(jq .total_patterns "$MNT/stats.json")" $((2 * n))
  echo '{"category": "speech"}' >"$IN/other.json"
  absent "$MNT/general"
  equal "$(cat "$MNT"/speech/operator/*/*.json | jq -c '[.success_count, .component_count]' | sort -u)" '[2,2]'
}

@test "NAME.json goes before the path" {
  mkdir -p "$IN/category=vision"
  echo '{"category": "speech"}' >"$IN/category=vision/op.json"
  operator AnyOperator >"$IN/category=vision/op.py"
  equal "$(jq -r .category "$MNT/components/AnyOperator/component.json")" speech
}

@test "each key: NAME.json goes before the path, the path before what is inferred" {
  while read -r key inferred above path json; do
    # Each in a directory of its own, below one that says something else.
    dir=$IN/$key=$above/$key=$path
    document=$MNT/components/${key/_/}Operator/component.json
    operator "${key/_/}Operator" >"$TMP/op.py"
    cp "$TMP/op.py" "$IN/$key.py"
    equal "$(jq -r ".$key" "$document")" "$inferred" "$key inferred"
    cp "$TMP/op.py" "$dir/"
    equal "$(jq -r ".$key" "$document")" "$path" "$key by its path"
    jq -n --arg key "$key" --argjson json "$json" '{($key): $json}' >"$dir/op.json"
    equal "$(jq -c ".$key" "$document")" "$json" "$key by NAME.json"
    # The others are inferred as before.
    equal "$(jq -c "del(.$key) | [.category, .subcategory, .component_type, .success_score] - [null]" "$document")" \
      "$(jq -nc --arg key "$key" '{category: "general", component_type: "operator"} | del(.[$key]) | [.[]]')" "beside $key"
  done <<KEYS
category general outer vision "speech"
subcategory null outer ocr "asr"
component_type operator trigger sensor "hook"
success_score null 10 50 87.5
KEYS
  listed "$MNT/speech/operator" "$MNT/general/operator" "$MNT/general/hook"
  absent "$MNT/vision" "$MNT/outer" "$MNT/general/sensor" "$MNT/general/trigger"
}

@test "what is said takes the place of what is inferred" {
  echo '{"category": "speech", "component_type": "sensor"}' >"$TMP/said.json"
  cp "$SAMPLE" "$IN/op.py"
  document=$MNT/components/$COMPONENT/component.json
  equal "$(jq -r '[.category, .subcategory, .component_type] | join(" ")' "$document")" 'ml nlp operator'
  cp "$TMP/said.json" "$IN/op.json"
  equal "$(jq -r '[.category, .subcategory, .component_type] | join(" ")' "$document")" 'speech nlp sensor'
  listed "$MNT/speech/sensor"
  absent "$MNT/ml"
}

@test "metadata that cannot be is refused" {
  operator AnyOperator >"$IN/op.py"
  counts >"$TMP/before"
  echo '{"category": "Not Good"}' >"$TMP/op.json"
  fails 'Invalid argument' cp "$TMP/op.json" "$IN/op.json"
  contains "$(cat "$IN/op.json.error")" 'op.json:1:'
  echo '{"category": ' >"$TMP/op.json"
  fails 'Invalid argument' cp "$TMP/op.json" "$IN/op.json"
  counts | diff "$TMP/before" -
}

@test "moving a submission below other metadata moves the component" {
  operator MovedOperator >"$IN/op.py"
  mkdir -p "$IN/category=speech"
  mv "$IN/op.py" "$IN/category=speech/"
  equal "$(jq -r .category "$MNT/components/MovedOperator/component.json")" speech
  absent "$MNT/general" "$IN/op.py"
  equal "$(ls "$IN")" 'category=speech'
  listed "$IN/category=speech/op.py.receipt.json"
}

@test "links are those of the revision, also where the kernel knew the others" {
  operator LinkOperator 'self.log.warning("gone soon")' >"$IN/op.py"
  links=$MNT/components/LinkOperator/patterns
  ls -l "$links" >"$TMP/before"
  log=$(grep -l 'log.warning' "$links"/log_call-*.json)
  cat "$log" >/dev/null
  operator LinkOperator 'self.log.error("now this")' >"$IN/op.py"
  absent "$log"
  new=$(grep -l 'log.error' "$links"/log_call-*.json)
  listed "$new"
  # An archived pattern has no link either; rm is answered before the notice of that (see fs/change.h).
  rm "$(realpath "$new")"
  eventually test ! -L "$new"
  absent "$new"
}

@test "removing a submission leaves what was learned" {
  submit
  counts >"$TMP/before"
  rm "$IN/$(basename "$SAMPLE")"
  equal "$(ls -A "$IN")" ''
  counts | diff "$TMP/before" -
  cmp "$SAMPLE" "$MNT/components/$COMPONENT/source.py"
  # By name its receipt is still removed without complaint.
  rm "$IN/$(basename "$SAMPLE").receipt.json"
}

@test "rm *, rm -r and rmdir do not stumble over receipts and errors" {
  broken >"$TMP/broken.py"
  submit
  fails 'Invalid argument' cp "$TMP/broken.py" "$IN/"
  (cd "$IN" && rm -- *)
  equal "$(ls -A "$IN")" ''
  mkdir -p "$IN/a/b"
  cp "$SAMPLE" "$IN/a/b/"
  fails 'Invalid argument' cp "$TMP/broken.py" "$IN/a/"
  rm -r "$IN/a"
  equal "$(ls -A "$IN")" ''
  mkdir "$IN/c"
  operator GoneOperator >"$IN/c/gone.py"
  rm "$IN/c/gone.py"
  rmdir "$IN/c"
  equal "$(ls -A "$IN")" ''
}

@test "removing a pattern's file archives it, and a later sighting brings it back" {
  submit
  file=$(only "$IMPORT"/dual_import-*.json)
  id=$(jq .id "$file")
  n=$(jq .total_patterns "$MNT/stats.json")
  rm "$file"
  absent "$file"
  equal "$(jq .total_patterns "$MNT/stats.json")" $((n - 1))
  equal "$(sql "SELECT archived FROM code_patterns WHERE id = $id")" 1
  equal "$(ls "$MNT/components/$COMPONENT/patterns" | grep -c dual_import)" 0
  contains "$(tail -n 1 "$MNT/history.jsonl")" '"archived"'
  sed 's/NeMoQuestionAnsweringOperator/NeMoOtherOperator/' "$SAMPLE" >"$IN/other.py"
  listed "$file"
  equal "$(jq .id "$file")" "$id"
  contains "$(grep "\"restored\"" "$MNT/history.jsonl")" dual_import
}

@test "a directory whose last pattern is archived goes" {
  submit
  rm "$MNT"/ml/operator/mock_execution/*.json
  absent "$MNT/ml/operator/mock_execution"
  rm "$MNT"/ml/operator/*/*.json
  absent "$MNT/ml"
  equal "$(jq .total_patterns "$MNT/stats.json")" 0
}

@test "names that end in .receipt.json or .error cannot be created" {
  equal "$(errno "open('$IN/x.py.receipt.json', 'w')")" EPERM
  equal "$(errno "open('$IN/x.py.error', 'w')")" EPERM
  equal "$(errno "os.mkdir('$IN/x.error')")" EPERM
  echo x >"$IN/plain"
  equal "$(errno "os.rename('$IN/plain', '$IN/x.py.error')")" EPERM
  equal "$(ls -A "$IN")" plain
}

@test "receipts and errors are read-only" {
  submit
  receipt=$IN/$(basename "$SAMPLE").receipt.json
  cat "$receipt" >"$TMP/before"
  case $(errno "os.write(os.open('$receipt', os.O_WRONLY), b'x')") in EROFS | EPERM | EACCES) ;; *) false ;; esac
  cmp "$TMP/before" "$receipt"
}

@test "other names are kept and never judged" {
  for name in .op.py.swp 4913 op.py~ .op.py.Xa3f9q '#op.py#' notes.txt; do
    broken >"$IN/$name"
    broken | cmp - "$IN/$name"
  done
  equal "$(ls -A "$IN" | wc -l)" 6
  equal "$(sql 'SELECT count(*) FROM code_patterns')" 0
}

@test "patternfs-extract finds in the sample what the mount shows" {
  submit
  "$PATTERNFS_EXTRACT" "$SAMPLE" >"$TMP/extract.json"
  jq -e . "$TMP/extract.json" >"$TMP/out"
  contains "$(cat "$TMP/extract.json")" "$COMPONENT"
  fails 'error: ' "$PATTERNFS_EXTRACT" <(broken)
}
