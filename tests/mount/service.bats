#!/usr/bin/env bats
# What is installed beside the program: systemd's units, run as systemd would, and the shells' completions.
load helper
NO_MOUNT=1

UNITS=${PATTERNFS%/fs/patternfs}/contrib
COMPLETIONS=$SOURCE_ROOT/contrib/completions

# unit_lines UNIT KEY: the values of KEY, as commands: no `-` before them, %f and %h the mount point's, %i in the test's
# folder, the program this build's.
unit_lines() {
  sed -n "s/^$2=//p" "$UNITS/$1" |
    sed -e 's/^-\(.*\)/\1 || true/' -e "s#%f#$MNT#g" -e "s#%h#$TMP/home#g" -e "s#/var/lib/patternfs/%i#$TMP/unit#" \
      -e "s#[^ ]*/bin/patternfs #$PATTERNFS #"
}

# run_unit UNIT: starts it, and waits until it has daemonized.
run_unit() {
  local PATTERNFS_OPTIONS=
  eval "$(unit_lines "$1" Environment)"
  eval "$(unit_lines "$1" ExecStartPre)"
  eval "$(unit_lines "$1" ExecStart)" 3>&-
}

@test "the system's unit mounts, over a dead mount point too, and unmounts" {
  [ "$(id -u)" -eq 0 ] || skip "a unit of the system runs as root"
  run_unit patternfs@.service
  cp "$SAMPLE" "$IN/"
  [ "$(stat -c %a "$TMP/unit.db")" = 600 ]
  kill -9 "$(pgrep -f "^$PATTERNFS .*$MNT\$")"
  run ls "$MNT"
  [ "$status" -ne 0 ]
  run_unit patternfs@.service
  [ -e "$MNT/components/$COMPONENT/source.py" ]
  eval "$(unit_lines patternfs@.service ExecStop)"
  not mountpoint -q "$MNT"
}

@test "a user's unit makes its mount point, mounts and unmounts" {
  export XDG_DATA_HOME=$TMP/data
  run_unit patternfs.service
  mountpoint -q "$TMP/home/patterns"
  cp "$SAMPLE" "$TMP/home/patterns/incoming/"
  [ -e "$TMP/data/patternfs/patterns.db" ]
  eval "$(unit_lines patternfs.service ExecStop)"
  not mountpoint -q "$TMP/home/patterns"
}

# Every option that the program names is completed, and no other word of the mount's own.
@test "the completions know the program's options" {
  for option in $("$PATTERNFS" -h | grep -oE '(allow_other|[a-z_]+=|ro$)' | sort -u) ro; do
    grep -q "\b${option%=}\b" "$COMPLETIONS/patternfs.bash"
    grep -q "\b${option%=}\b" "$COMPLETIONS/_patternfs"
    grep -q "\b${option%=}\b" "$COMPLETIONS/patternfs.fish"
  done
}

# bash_completes LINE WORD…: what bash offers, where WORDs are the line as bash splits it.
bash_completes() {
  bash -c 'source "$0"; COMP_LINE=$1; COMP_POINT=${#1}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _patternfs; echo "${COMPREPLY[*]}"' "$COMPLETIONS/patternfs.bash" "$@"
}

@test "bash completes" {
  [ "$(bash_completes 'patternfs -o al' patternfs -o al)" = allow_other ]
  [ "$(bash_completes 'patternfs -oal' patternfs -oal)" = -oallow_other ]
  [ "$(bash_completes 'patternfs -o ro,al' patternfs -o ro,al)" = ro,allow_other ]
  [ "$(bash_completes 'patternfs -o sync=normal,al' patternfs -o sync = normal,al)" = normal,allow_other ]
  [ "$(bash_completes 'patternfs -o sync=n' patternfs -o sync = n)" = normal ]
  [ "$(bash_completes 'patternfs -' patternfs -)" = "-f -d -s -h -V -o --check --backup" ]
  mkdir "$TMP/files"
  cd "$TMP/files"
  touch patterns.db other.txt
  mkdir place
  [ "$(bash_completes 'patternfs p' patternfs p)" = "place patterns.db" ]
  cd /
}

@test "fish completes" {
  fish_completes() {
    HOME=$TMP fish --no-config -c "source $COMPLETIONS/patternfs.fish; complete -C'$1'" | cut -f1
  }
  [ "$(fish_completes 'patternfs -o al')" = allow_other ]
  [ "$(fish_completes 'patternfs -o sync=normal,al')" = sync=normal,allow_other ]
}

# On a terminal of its own: nothing else asks zsh's completion.
@test "zsh completes" {
  zsh -n "$COMPLETIONS/_patternfs"
  cat >"$TMP/drive" <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($1 \$fpath); autoload -U compinit; compinit -D -u; echo set up: \$((6 * 7))"
zpty -r shell output '*set up: 42*'
zpty -w -n shell $'patternfs -o sync=norm\t'
zpty -r shell output '*sync=normal*'
END
  HOME=$TMP timeout 120 zsh -f "$TMP/drive" "$COMPLETIONS" </dev/null
}
