# shellcheck disable=SC2010,SC2034,SC2119,SC2120 # names here are plain; the tests use what is unused here
# What the tests through a mount share. Each test has a database, a mount and a
# daemon of its own; the daemon's log is $LOG. A test passes only where the
# daemon also ended well and the sanitizers had nothing to say, in the
# background neither. How long something takes is no test's matter: machines
# are slow, sanitizers make them slower. What comes by itself is awaited.

bats_require_minimum_version 1.5.0

export LC_ALL=C
: "${PATTERNFS:=$BATS_TEST_DIRNAME/../../build/fs/patternfs}"
: "${PATTERNFS_EXTRACT:=$BATS_TEST_DIRNAME/../../build/extract/patternfs-extract}"
: "${SOURCE_ROOT:=$BATS_TEST_DIRNAME/../..}"
SAMPLE=$SOURCE_ROOT/tests/data/nemo_question_answering_operator.py
COMPONENT=NeMoQuestionAnsweringOperator
TYPES='error_handling execution import initialization logging mock_execution parameter_ordering runtime_parameters structural template_fields validation'

setup() {
  TMP=$BATS_TEST_TMPDIR
  DB=$TMP/patterns.db
  MNT=$TMP/mnt
  LOG=$TMP/log
  IN=$MNT/incoming
  IMPORT=$MNT/ml/operator/import
  PID=
  SECOND=$TMP/second
  SECOND_PID=
  sanitizers_report
  mkdir "$MNT"
  : >"$LOG"
  # The tests of the command line mount for themselves.
  if [ -z "${NO_MOUNT-}" ]; then
    start
  fi
}

teardown() {
  # A test that failed may stand in the mount, or hold a file of it.
  cd /
  exec 8>&- 9>&-
  local status=0
  if [ -n "$SECOND_PID" ]; then
    stop_second || status=1
  fi
  if [ -n "$PID" ]; then
    stop || status=1
  fi
  if ! not_mounted "$MNT"; then
    fusermount3 -u -z "$MNT"
    echo "$MNT was left mounted"
    status=1
  fi
  clean_log || status=1
  return $status
}

# eventually COMMAND…: it succeeds at last; the time is only for what never will.
eventually() {
  local end=$((SECONDS + 120))
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then
      echo "in vain: $*"
      return 1
    fi
    sleep 0.02
  done
}

# What sanitizers find goes to files: a daemon in the background has no other place to say it.
sanitizers_report() {
  local options
  for options in ASAN_OPTIONS LSAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS; do
    export "$options=${!options:+${!options}:}log_path=$TMP/sanitizer"
  done
}

# daemon MOUNTPOINT [OPTION…]: in the foreground, but beside us; returns once it is mounted, DAEMON its process.
daemon() {
  local place=$1
  shift
  # Descriptor 3 is bats' own: a daemon that held it would keep bats waiting. And shells start background jobs with
  # SIGINT ignored.
  env --default-signal=INT "$PATTERNFS" -f "$@" "$DB" "$place" >>"$LOG" 2>&1 3>&- &
  DAEMON=$!
  eventually mounted_or_gone "$place" && mountpoint -q "$place" && return 0
  kill -9 "$DAEMON" 2>/dev/null
  echo "patternfs did not mount:"
  cat "$LOG"
  return 1
}

mounted_or_gone() {
  mountpoint -q "$1" || ! kill -0 "$DAEMON"
}

# not_mounted PLACE: nor is a dead mount there, which looks like no mount point.
not_mounted() {
  ! grep -qF " $1 fuse" /proc/self/mounts
}

# start [OPTION…]: mounts, and returns once it answers.
start() {
  daemon "$MNT" "$@" || return 1
  PID=$DAEMON
}

# start_second [OPTION…]: a second mount of the database, at $SECOND; it ends with the test.
start_second() {
  mkdir "$SECOND"
  daemon "$SECOND" "$@" || return 1
  SECOND_PID=$DAEMON
}

stop_second() {
  local pid=$SECOND_PID
  SECOND_PID=
  stat -f "$SECOND" >/dev/null 2>&1 || true
  eventually fusermount3 -u "$SECOND" || fusermount3 -u -z "$SECOND"
  ends "$pid" 0 "$SECOND"
}

# Unmounts; the daemon must end by itself, with status 0.
stop() {
  cd /
  # libfuse keeps an interrupt that comes too late until the next request, and never frees the last: one more request,
  # that the leak checker has nothing to say of it.
  stat -f "$MNT" >/dev/null 2>&1 || true
  # What a command just ended may still hold is let go in a moment.
  eventually unmounted
  ended 0
}

unmounted() {
  fusermount3 -u "$MNT" 2>>"$TMP/unmount"
}

# ended STATUS: waits for the daemon's end, and compares its status.
ended() {
  local pid=$PID
  PID=
  ends "$pid" "$1" "$MNT"
}

# ends PROCESS STATUS MOUNTPOINT
ends() {
  local pid=$1 status=0
  if ! eventually gone "$pid"; then
    kill -9 "$pid"
    fusermount3 -u -z "$3"
    echo "the daemon did not end:"
    cat "$LOG" "$TMP/unmount"
    return 1
  fi
  wait "$pid" || status=$?
  if [ "$status" -ne "$2" ]; then
    echo "the daemon ended with status $status, expected $2:"
    cat "$LOG"
    return 1
  fi
}

gone() {
  ! kill -0 "$1"
}

# Waits until a daemon in the background has let go of the database.
let_go() {
  eventually test ! -e "$DB-wal" && eventually daemons_gone
}

# Whether a program of this test's is still running. (Whose environment is not to be read has nothing to report either.)
daemons_gone() {
  local pid
  for pid in $(pgrep -x patternfs); do
    if grep -qzxF "BATS_TEST_TMPDIR=$TMP" "/proc/$pid/environ" 2>/dev/null; then
      return 1
    fi
  done
}

# Kills the daemon outright, and clears the mount that it leaves.
crash() {
  kill -9 "$PID"
  wait "$PID" || true
  PID=
  fusermount3 -u -z "$MNT"
}

clean_log() {
  eventually daemons_gone || return 1
  # What a command said in the test's own output is in such a file too.
  if compgen -G "$TMP/sanitizer*" >/dev/null; then
    cat "$TMP"/sanitizer*
    return 1
  fi
  if grep -E 'ERROR: (Address|Leak|Thread|Undefined)|LeakSanitizer|runtime error|Assertion|assertion' "$LOG"; then
    cat "$LOG"
    return 1
  fi
}

# equal GOT EXPECTED [WHAT]
equal() {
  if [ "$1" != "$2" ]; then
    printf '%s:\n  got:      %s\n  expected: %s\n' "${3:-different}" "$1" "$2"
    return 1
  fi
}

# not COMMAND…: it must fail. (bats takes no notice of a command with `!` before it.)
not() {
  if "$@"; then
    printf 'succeeded: %s\n' "$*"
    return 1
  fi
}

# contains TEXT PART
contains() {
  case $1 in
  *"$2"*) ;;
  *)
    printf 'in: %s\nmissing: %s\n' "$1" "$2"
    return 1
    ;;
  esac
}

# fails MESSAGE COMMAND…: it must fail, and say MESSAGE.
fails() {
  local message=$1 status=0 output
  shift
  output=$("$@" 2>&1) || status=$?
  if [ "$status" -eq 0 ]; then
    printf 'succeeded: %s\n%s\n' "$*" "$output"
    return 1
  fi
  contains "$output" "$message"
}

# absent PATH…: nothing is there, by name and in its directory's listing.
absent() {
  local path
  for path in "$@"; do
    if stat "$path" >/dev/null 2>&1; then
      echo "$path is there"
      return 1
    fi
    if ls -A "$(dirname "$path")" 2>/dev/null | grep -qxF -- "$(basename "$path")"; then
      echo "$path is listed"
      return 1
    fi
  done
}

# listed PATH…: there, by name and in its directory's listing.
listed() {
  local path
  for path in "$@"; do
    stat "$path" >/dev/null || return 1
    ls -A "$(dirname "$path")" | grep -qxF -- "$(basename "$path")" || {
      echo "$path is not listed"
      return 1
    }
  done
}

# errno CALL…: the name of the errno of a call of Python's os, such as "os.mkfifo('x')", or OK.
errno() {
  python3 -c '
import errno, os, sys
try:
    exec(sys.argv[1])
    print("OK")
except OSError as e:
    print(errno.errorcode[e.errno])
' "$1"
}

# verdict DIR LINE…: echo LINE > outcome, in DIR, as a shell does it.
verdict() {
  (cd "$1" && shift && echo "$@" >outcome)
}

sql() {
  sqlite3 -cmd '.timeout 60000' "$DB" "$1"
}

# All that counts, as one text: the same before and after means that nothing was learned or forgotten.
counts() {
  sql "SELECT 'patterns', id, archived, component_count, success_count, failure_count FROM code_patterns ORDER BY id;
    SELECT 'components', id, component_name, category, component_type, revision FROM components ORDER BY id;
    SELECT 'pairs', count(*), total(success_count), total(failure_count) FROM pattern_combinations;
    SELECT 'history', count(*) FROM pattern_history"
}

submit() {
  cp "$SAMPLE" "$IN/"
}

# operator NAME [STATEMENT]: a small component, its text on stdout. All of them show the same patterns.
operator() {
  cat <<PYTHON
from airflow.exceptions import AirflowException
from airflow.models import BaseOperator


class $1(BaseOperator):
    template_fields = ('path',)

    def __init__(self, *, path, **kwargs):
        super().__init__(**kwargs)
        if not path:
            raise ValueError("path is required")
        self.path = path

    def execute(self, context):
        self.log.info("Reading %s", self.path)
        ${2:-pass}
        try:
            return context['params'].get('limit', 10)
        except KeyError as e:
            raise AirflowException("no params") from e
PYTHON
}

broken() {
  printf 'from airflow.models import BaseOperator\n\n\nclass BrokenOperator(BaseOperator):\n    def execute(self, context:\n        return 1\n'
}

# The only file that a glob names.
only() {
  if [ $# -ne 1 ] || [ ! -e "$1" ]; then
    echo "expected one file: $*" >&2
    return 1
  fi
  printf '%s\n' "$1"
}
