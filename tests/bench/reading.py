"""Reading: the same commands over every subject, in turn, warm and cold."""

import os
import subprocess
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from subjects import Failed, Mount, all_of_it, run, start

DOCUMENTS = "for c; do printf '%s\\0' \"$c\"/*/*/*.json; done"
# READS: what a request is counted by. LINKS: the tree has symbolic links, which not all subjects show.
Command = namedtuple("Command", "row script reads links")
# In the directory that holds the categories, whose names are the arguments.
COMMANDS = (
    Command("find", 'find "$@"', "files", False),
    Command("ls -lR", 'ls -lR "$@"', "files", False),
    Command("du", 'du -s "$@"', "files", False),
    Command("cat */*/*/*.json", DOCUMENTS + " | xargs -0 cat", "documents", False),
    Command("grep -r", 'grep -r xcom_pull "$@"', "files", False),
    Command("find components", "find components", "components", True),
)
BOUND = ("cat */*/*/*.json", "grep -r")  # warm: by the disk and a request a file
SLOW = 10  # seconds: what takes longer is done once, not each round
FLOOR_REQUESTS = 2000


def timed(script, directory, names, sink):
    """Wall and CPU seconds of a shell script and all it starts. What it says goes to SINK, which is emptied first."""
    sink.seek(0)
    sink.truncate()
    began = time.perf_counter()
    process = start(["sh", "-c", script, "sh", *names], cwd=directory, stdout=sink, stderr=subprocess.PIPE)
    with all_of_it(process):
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode or errors:
        raise Failed(f"{script} in {directory}: status {process.returncode}: {errors.decode(errors='replace')[-500:]}")
    return wall, usage.ru_utime + usage.ru_stime


def can_drop_caches():
    return os.access("/proc/sys/vm/drop_caches", os.W_OK)


def drop_caches():
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3\n")


def close_once_more(path, times):
    """Seconds of that many dup() and close() of a descriptor of PATH: in a FUSE mount each is a FLUSH, and no other."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        began = time.perf_counter()
        for _ in range(times):
            os.close(os.dup(descriptor))
        return time.perf_counter() - began
    finally:
        os.close(descriptor)


class Reading:
    def __init__(self, subjects, patternfs, disk, names, commands, rounds, drop, say):
        """SUBJECTS are started; PATTERNFS and DISK, the copy there, are among them. NAMES: the categories."""
        self.subjects, self.patternfs, self.disk = subjects, patternfs, disk
        self.names, self.commands, self.rounds, self.drop, self.say = names, commands, rounds, drop, say
        self.times = {}  # (section, row, subject) → [(wall, CPU)]
        self.requests = {}  # (section, row) → [{kind: count}]
        self.floors = []  # seconds a request
        # In memory, for it must not wait for a disk, and no pipe, for it must not wait for a reader.
        self.sink = tempfile.TemporaryFile(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)

    def check_same(self):
        """All must show the same names, sizes and bytes, else the comparison is none."""
        checks = [
            ("names and sizes", 'find "$@" -type f -printf "%p %s\\n" -o -printf "%p %y\\n"', False),
            ("bytes", DOCUMENTS + " | xargs -0 cat", False),
        ]
        if any(command.links for command in self.commands):
            checks.append(("components", 'find components -printf "%p %y %l\\n"', True))
        for what, script, links in checks:
            script = f"({script}) | LC_ALL=C sort | sha256sum"
            seen = {subject.name: self.said(script, subject) for subject in self.able(links)}
            different = [name for name, said in seen.items() if said != seen[self.disk.name]]
            if different:
                raise Failed(f"{', '.join(different)}: other {what} than {self.disk.name}")

    def said(self, script, subject):
        return run("sh", "-c", script, "sh", *self.names, cwd=subject.root)

    def counts(self):
        """What there is of what commands read."""
        scripts = {
            "files": 'find "$@" -type f | wc -l',
            "documents": DOCUMENTS + " | tr -cd '\\0' | wc -c",
        }
        if any(command.links for command in self.commands):
            scripts["components"] = "find components -type f | wc -l"
        return {what: int(self.said(script, self.disk)) for what, script in scripts.items()}

    def able(self, links):
        return [subject for subject in self.subjects if subject.shows_links or not links]

    def again(self, section, row, subject, round_):
        times = self.times.get((section, row, subject.name), [])
        return round_ == 0 or (times and times[0][0] < SLOW)

    def order(self, round_, command):
        """Each round another begins, so that none is always behind the same."""
        able = self.able(command.links)
        turn = round_ % len(able)
        return able[turn:] + able[:turn]

    def measure(self, section, command, subject):
        """Once; beside the time the CPU that it took, of the command and of who serves, and the daemon's requests."""
        key = (section, command.row)
        before = self.patternfs.requests() if subject is self.patternfs else None
        served = subject.cpu()
        wall, cpu = timed(command.script, subject.root, self.names, self.sink)
        cpu += subject.cpu() - served
        if before:
            after = self.patternfs.requests()
            self.requests.setdefault(key, []).append({kind: after[kind] - before[kind] for kind in after})
        self.times.setdefault((*key, subject.name), []).append((wall, cpu))

    def warm(self):
        for round_ in range(self.rounds):
            self.say(f"warm, round {round_ + 1} of {self.rounds}")
            for command in self.commands:
                for subject in self.order(round_, command):
                    if self.again("warm", command.row, subject, round_):
                        timed(command.script, subject.root, self.names, self.sink)
                        self.measure("warm", command, subject)
                        if subject is self.patternfs and command.row in BOUND:
                            self.measure_floor()

    def measure_floor(self):
        document = min((self.patternfs.root / self.names[0]).glob("*/*/*.json"))
        before = self.patternfs.requests()
        took = close_once_more(document, FLOOR_REQUESTS)
        after = self.patternfs.requests()
        if after["flush"] - before["flush"] < FLOOR_REQUESTS:
            return  # closing costs no request any more
        bare = close_once_more(self.disk.root / document.relative_to(self.patternfs.root), FLOOR_REQUESTS)
        self.floors.append((took - bare) / FLOOR_REQUESTS)

    def cold(self):
        for subject in self.subjects:
            if isinstance(subject, Mount) and not subject.can_be_cold:
                subject.stop()
        for round_ in range(self.rounds):
            self.say(f"cold, round {round_ + 1} of {self.rounds}")
            for command in self.commands:
                for subject in self.order(round_, command):
                    if subject.can_be_cold and self.again("cold", command.row, subject, round_):
                        self.measure_cold(command, subject)

    def measure_cold(self, command, subject):
        subject.stop()
        if self.drop:
            drop_caches()
        subject.start()
        # The programs themselves are no part of it.
        run("sh", "-c", "for tool in find ls du cat grep xargs; do $tool --version; done")
        self.measure("cold", command, subject)
