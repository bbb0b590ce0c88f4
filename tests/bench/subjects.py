"""What is measured: a mount of patternfs, its tree copied to a disk and to memory, and mounts of others over that copy.

All that is started here is stopped by its own stop(), which may be called at any time and more than once.
"""

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

DEADLINE = 60  # seconds until a mount is there, or gone


class Failed(Exception):
    """What keeps the measurement from going on, in a sentence."""


class Interrupts:
    """SIGINT and SIGTERM, once and at the right time.

    They raise KeyboardInterrupt where Python's own handler does, but not within unbroken(): between a process's start
    and the note of it, or half-way through clearing up. After the first they do nothing: then all is being cleared.
    """

    def __init__(self):
        self.depth, self.pending = 0, False

    def catch(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.happened)

    def happened(self, _number, _frame):
        self.pending = True
        self.let()

    def let(self):
        if self.pending and self.depth == 0:
            self.depth = 1  # for ever
            raise KeyboardInterrupt

    @contextmanager
    def unbroken(self):
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
        self.let()


interrupts = Interrupts()


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"waited {DEADLINE} s: {what}")
        time.sleep(0.002)


def start(command, **options):
    """A process in a session of its own, for Ctrl-C is ours, who stop it by unmounting, or as all_of_it() does."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)


@contextmanager
def all_of_it(process):
    """PROCESS, and whatever it started, ends where its end is not waited for."""
    try:
        yield
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


def run(*command, **options):
    """Runs COMMAND and returns what it said; Failed where its status is not 0."""
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    with all_of_it(process):
        said, _ = process.communicate()
    if process.returncode:
        raise Failed(f"{' '.join(map(str, command))}: status {process.returncode}: {said.strip()[-500:]}")
    return said


def is_mounted(path):
    return str(path) in (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())


def unmount(path, *command):
    """Whoever just ended may hold it for a moment; at last it goes lazily."""
    command = command or ("fusermount3", "-u")
    for _ in range(100):
        if not is_mounted(path):
            return
        subprocess.run([*command, path], capture_output=True, check=False)
        time.sleep(0.02)
    subprocess.run([*command, "-z" if "-u" in command else "-l", path], capture_output=True, check=False)


class Copy:
    """A directory that holds the tree as plain files."""

    shows_links = True

    def __init__(self, name, root, can_be_cold=True):
        self.name, self.root, self.can_be_cold = name, root, can_be_cold

    def start(self):
        pass

    def stop(self):
        pass

    def cpu(self):
        """CPU seconds so far of who serves it, if anybody but the kernel does."""
        return 0


class Tmpfs(Copy):
    """A file system in memory of our own: as root; else wherever there is one."""

    def __init__(self, work):
        super().__init__("tmpfs", work / "tmpfs", can_be_cold=False)
        self.root.mkdir()
        self.elsewhere = None

    def start(self):
        with interrupts.unbroken():
            if os.geteuid() == 0:
                subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.root], capture_output=True, check=False)
            if is_mounted(self.root):
                return
            if fs_type("/dev/shm") != "tmpfs" or not os.access("/dev/shm", os.W_OK):
                raise Failed("only root may mount one, and /dev/shm is none")
            self.elsewhere = self.root = Path(run("mktemp", "-d", "/dev/shm/patternfs-bench.XXXXXX").strip())

    def stop(self):
        if self.elsewhere:
            shutil.rmtree(self.elsewhere, ignore_errors=True)
        else:
            unmount(self.root, "umount")


class Mount:
    """A mount and the process that serves it, in the foreground."""

    can_be_cold = shows_links = True
    good_ends = (0,)

    def __init__(self, name, work, command, environment=None):
        """COMMAND has the mount point as {}."""
        self.name = name
        self.root = work / f"mnt-{name}"
        self.log = work / f"{name}.log"
        self.command = [str(self.root) if word == "{}" else str(word) for word in command]
        self.environment = environment
        self.process = None
        self.root.mkdir(exist_ok=True)

    def start(self):
        variables = dict(os.environ, **self.environment) if self.environment else None
        with interrupts.unbroken(), open(self.log, "ab") as log:
            self.process = start(self.command, stdout=log, stderr=log, env=variables)
        wait_for(lambda: is_mounted(self.root) or self.process.poll() is not None, f"{self.name} does not mount")
        if self.process.poll() is not None:
            raise Failed(f"{self.name} did not mount: {self.last_words()}")

    def stop(self):
        with interrupts.unbroken():
            process, self.process = self.process, None
            if not process:
                return
            begun = is_mounted(self.root)
            if begun:
                unmount(self.root)
            else:
                process.terminate()
            try:
                status = process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status = "none, it was killed"
            unmount(self.root)
        if begun and status not in self.good_ends:
            raise Failed(f"{self.name} ended with status {status}: {self.last_words()}")

    def cpu(self):
        return cpu_of(self.process.pid)

    def last_words(self):
        return self.log.read_text(errors="replace")[-1000:]


class Patternfs(Mount):
    def __init__(self, work, program, database, name="patternfs", options="sync=full"):
        super().__init__(name, work, [program, "-f", "-o", options, database, "{}"])
        self.database = database

    def requests(self):
        """How many of each kind there were since the mount began, but for what nobody waits for."""
        with open(self.log, "rb") as log:
            log.seek(0, os.SEEK_END)
            os.kill(self.process.pid, signal.SIGUSR1)
            said = b""
            end = time.monotonic() + DEADLINE
            while not (b" requests: " in said and said.endswith(b"\n")):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Failed(f"no counts of requests: {self.last_words()}")
                time.sleep(0.001)
                said += log.read()
        words = said[said.rindex(b" requests: ") :].split()[1:]
        counts = dict(zip((word.decode() for word in words[::2]), map(int, words[1::2])))
        counts.pop("forget", None)
        return counts

    def anonymous_memory(self):
        """In KiB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
        raise Failed("the kernel does not say RssAnon")


class Rclone(Mount):
    shows_links = False

    good_ends = (0, 1)  # 1: it found itself unmounted


def cpu_of(pid):
    """The CPU seconds of a process so far, of all the threads it has or had."""
    # The clock of a process, CPUCLOCK_SCHED, as clock_getcpuclockid(3) makes its number.
    return time.clock_gettime((~pid << 3) | 2)


def fs_type(path):
    return run("stat", "-f", "-c", "%T", path).strip().replace("ext2/ext3", "ext4")


def others(work, copy):
    """Mounts of others over COPY, and the names of those that are not installed."""
    rows = (
        ("bindfs", Mount, ["bindfs", "-f", copy, "{}"], None),
        ("rclone", Rclone, ["rclone", "mount", copy, "{}"], {"RCLONE_CONFIG": "/dev/null"}),
    )
    there = [kind(name, work, command, variables) for name, kind, command, variables in rows if shutil.which(name)]
    return there, [row[0] for row in rows if not shutil.which(row[0])]
