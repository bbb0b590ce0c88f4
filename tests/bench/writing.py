"""Writing: verdicts that are durable, and components against the same job in Python."""

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from stores import categories
from subjects import Failed, Patternfs, cpu_of

WRITERS = 8


def write_verdicts(outcome, name, count, ready):
    line = f"success {name}\n".encode()
    descriptor = os.open(outcome, os.O_WRONLY)
    try:
        ready.wait()
        for _ in range(count):
            os.write(descriptor, line)
    finally:
        os.close(descriptor)


def verdicts_a_second(outcomes, count):
    """OUTCOMES: pairs of a file and a pattern's name, a writing process each; COUNT verdicts each."""
    start = multiprocessing.get_context("fork")
    ready = start.Barrier(len(outcomes) + 1, timeout=60)
    writers = [start.Process(target=write_verdicts, args=(*outcome, count, ready)) for outcome in outcomes]
    try:
        for writer in writers:
            writer.start()
        ready.wait()
        began = time.perf_counter()
        for writer in writers:
            writer.join()
        took = time.perf_counter() - began
    except KeyboardInterrupt:
        for writer in writers:
            writer.kill()
        raise
    if any(writer.exitcode for writer in writers):
        raise Failed("a writer of verdicts failed")
    return len(outcomes) * count / took


def bare_commits_a_second(database, count):
    """What a verdict is at the least: a line of the history and a count, a commit each."""
    db = sqlite3.connect(database, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE IF NOT EXISTS patterns (id INTEGER PRIMARY KEY, success_count INTEGER)")
        db.execute("CREATE TABLE IF NOT EXISTS history (id INTEGER PRIMARY KEY, at INTEGER, pattern, event TEXT)")
        db.execute("INSERT OR IGNORE INTO patterns VALUES (1, 0)")
        began = time.perf_counter()
        for _ in range(count):
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO history (at, pattern, event) VALUES (?, 1, 'success')", (time.time_ns(),))
            db.execute("UPDATE patterns SET success_count = success_count + 1 WHERE id = 1")
            db.execute("COMMIT")
        return count / (time.perf_counter() - began)
    finally:
        db.close()


def verdicts(patternfs, work, rounds, count, say):
    """Rates, a list for each of 'one writer', '8 writers', 'bare sqlite3'. PATTERNFS is mounted with sync=full."""
    places = [place for name in categories(patternfs.root) for place in sorted((patternfs.root / name).glob("*/*"))]
    places = [place for place in places if place.is_dir()]
    chosen = places[:: max(1, len(places) // WRITERS)][:WRITERS]
    outcomes = [(place / "outcome", min(place.glob("*.json")).name) for place in chosen]
    rates = {"one writer": [], f"{WRITERS} writers": [], "bare sqlite3": []}
    for round_ in range(rounds):
        say(f"verdicts, round {round_ + 1} of {rounds}")
        rates["bare sqlite3"].append(bare_commits_a_second(work / "bare.db", count))
        rates["one writer"].append(verdicts_a_second(outcomes[:1], count))
        rates[f"{WRITERS} writers"].append(verdicts_a_second(outcomes, max(1, count // 2)))
    return rates


class PythonJob:
    def __init__(self, database):
        command = [sys.executable, "-B", Path(__file__).with_name("python_job.py"), database]
        # It ends with its input.
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def learn(self, path):
        self.process.stdin.write(f"{path}\n".encode())
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise Failed(f"the job in Python ended at {path}")

    def cpu(self):
        return cpu_of(self.process.pid)

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Submitting:
    """The same to both: a running process is given file after file, and answers each."""

    def __init__(self, work, program, files):
        self.work, self.program, self.files = work, program, files
        self.figures = {"patternfs": [], "Python": []}  # (wall, CPU) seconds a file

    def measure(self, rounds, say):
        for round_ in range(rounds):
            say(f"submitting, round {round_ + 1} of {rounds}")
            for name, one_round in (("patternfs", self.through_mount), ("Python", self.in_python)):
                directory = self.work / "submitting"
                directory.mkdir()
                try:
                    self.figures[name].append(one_round(directory / "patterns.db"))
                finally:
                    shutil.rmtree(directory)

    def each(self, learner, learn):
        learn(self.files[0])  # the first makes tables and reads modules
        rest = self.files[1:]
        before = learner.cpu()
        began = time.perf_counter()
        for path in rest:
            learn(path)
        wall = time.perf_counter() - began
        return wall / len(rest), (learner.cpu() - before) / len(rest)

    def through_mount(self, database):
        mount = Patternfs(self.work, self.program, database, name="submitting", options="sync=normal")

        def copy(path):
            # The path has the category, and so has incoming/'s.
            target = mount.root / "incoming" / path.parent.name / path.name
            target.write_bytes(path.read_bytes())

        try:
            mount.start()
            return self.each(mount, copy)
        finally:
            mount.stop()

    def in_python(self, database):
        job = PythonJob(database)
        try:
            return self.each(job, job.learn)
        finally:
            job.stop()
