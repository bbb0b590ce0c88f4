"""Stores to measure: made of generated modules by the real code, through a mount; and what their size costs."""

import json
import os
import random
import shutil
import subprocess
import time
from statistics import median

from subjects import Patternfs, interrupts, run, unmount, wait_for

NOT_CATEGORIES = ("incoming", "components", "query")
LOOKUPS = 500
LISTED = 30  # entries of the directory that is listed, about


def categories(root):
    return sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and entry.name not in NOT_CATEGORIES)


def count_patterns(mount):
    return json.loads((mount.root / "stats.json").read_text())["total_patterns"]


def copy(work, program, original):
    """A copy of the database ORIGINAL that is ours to write to, also where somebody has it mounted."""
    database = work / f"copy-of-{original.name}"
    run(program, "--backup", original, database)
    return database


def build(work, program, modules, wanted, say):
    """A database of at least WANTED patterns, and how many modules it took."""
    database = work / f"patterns-{wanted}.db"
    batch = work / "batch"
    mount = Patternfs(work, program, database, name=f"building-{wanted}", options="sync=normal")
    there, made = 0, 0
    try:
        mount.start()
        while there < wanted:
            # Later modules teach less: what they show is known.
            count = int((wanted - there) * made / there * 1.1) + 1 if there else wanted // 20 + 1
            batch.mkdir()
            run(modules, batch, str(made), str(count))
            run("cp", "-r", f"{batch}/.", mount.root / "incoming/")
            shutil.rmtree(batch)
            made += count
            there = count_patterns(mount)
            say(f"{there:,} patterns of {made:,} modules")
    finally:
        mount.stop()
    return database, made


def mount_time(work, program, database):
    """Seconds until a mount in the background is ready, as who starts it sees it."""
    root = work / "mnt-timed"
    root.mkdir(exist_ok=True)
    with interrupts.unbroken():
        began = time.perf_counter()
        subprocess.run([program, database, root], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - began
        unmount(root)
        # Nobody waits for a daemon in the background; the last it does is to remove the journal.
        wait_for(lambda: not os.path.exists(f"{database}-wal"), "the daemon does not let go of the database")
    return took


def find(mount, names):
    run("sh", "-c", 'find "$@" >/dev/null', "sh", *names, cwd=mount.root)


def memory_after_find(work, program, database):
    """KiB of anonymous memory of a fresh daemon, after find over the categories, and after find over all."""
    mount = Patternfs(work, program, database, name="memory")
    try:
        mount.start()
        find(mount, categories(mount.root))
        documents = mount.anonymous_memory()
        find(mount, [*categories(mount.root), "components"])
        return documents, mount.anonymous_memory()
    finally:
        mount.stop()


def sample(mount):
    """Documents of a store, one directory of about LISTED entries, and queries; the same for the same store."""
    documents, directories = [], []
    for category in categories(mount.root):
        for kind in categories(mount.root / category):
            for place in categories(mount.root / category / kind):
                path = f"{category}/{kind}/{place}"
                names = sorted(name for name in os.listdir(mount.root / path) if name.endswith(".json"))
                documents += (f"{path}/{name}" for name in names)
                directories.append((abs(len(names) - LISTED), path))
    chosen = random.Random(1)
    queries = sorted({tuple(path.split("/")[:2]) for path in documents})
    return (
        chosen.sample(documents, min(LOOKUPS, len(documents))),
        min(directories)[1],
        [f"query/category={category}/component_type={kind}/limit=10/results.jsonl" for category, kind in queries],
    )


def costs(work, program, database, chosen):
    """Microseconds of a lookup, of an entry of a listing with attributes, and of a query for the ten best.

    The mount is fresh, no name is known to the kernel, and the database is in the page cache.
    """
    documents, directory, queries = chosen
    mount = Patternfs(work, program, database, name="costs")
    try:
        mount.start()
        for place in {os.path.dirname(path) for path in documents}:
            os.stat(mount.root / place)
        took = {"lookup": clock(lambda path: os.stat(mount.root / path), documents)}
        os.stat(mount.root / directory)
        began = time.perf_counter()
        entries = sum(entry.stat(follow_symlinks=False).st_size >= 0 for entry in os.scandir(mount.root / directory))
        took["ls, an entry"] = (time.perf_counter() - began) / entries * 1e6
        took["ten best"] = clock(lambda path: (mount.root / path).read_bytes(), queries)
        return took
    finally:
        mount.stop()


def clock(call, arguments):
    began = time.perf_counter()
    for argument in arguments:
        call(argument)
    return (time.perf_counter() - began) / len(arguments) * 1e6


def growth(work, program, paths, rounds, say):
    """{what: {patterns: median}}, of the databases at PATHS; they take turns."""
    databases, chosen = {}, {}
    for database in paths:
        mount = Patternfs(work, program, database, name="sample")
        try:
            mount.start()
            patterns = count_patterns(mount)
            databases[patterns], chosen[patterns] = database, sample(mount)
        finally:
            mount.stop()
    databases = dict(sorted(databases.items()))
    seen = {}
    for round_ in range(rounds):
        say(f"growth, round {round_ + 1} of {rounds}")
        for patterns, database in databases.items():
            figures = {"mount, ms": mount_time(work, program, database) * 1e3}
            took = costs(work, program, database, chosen[patterns])
            figures.update((f"{what}, µs", value) for what, value in took.items())
            for what, value in figures.items():
                seen.setdefault(what, {}).setdefault(patterns, []).append(value)
    for patterns, database in databases.items():
        say(f"memory at {patterns:,}")
        documents, all_ = memory_after_find(work, program, database)
        seen.setdefault("RssAnon after find over the patterns, MiB", {})[patterns] = [documents / 1024]
        seen.setdefault("RssAnon after find over all, MiB", {})[patterns] = [all_ / 1024]
    return {what: {patterns: median(values) for patterns, values in row.items()} for what, row in seen.items()}
