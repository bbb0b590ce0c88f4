"""What was measured, as a table, as JSON and as a chart."""

import json
import shutil
import subprocess
from math import log10
from statistics import median

from reading import BOUND


MEMORY = "RssAnon after find over all, MiB"
PEERS = ("bindfs", "rclone")


class Target:
    """VALUE is to be at most LIMIT, or at least with AT_LEAST."""

    def __init__(self, what, value, limit, at_least=False):
        self.what, self.value, self.limit, self.at_least = what, value, limit, at_least
        self.met = value >= limit if at_least else value <= limit

    def __str__(self):
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:g} {'met' if self.met else 'MISSED'}"

    def as_dict(self):
        return {"what": self.what, "value": self.value, "limit": self.limit, "at_least": self.at_least, "met": self.met}


def milliseconds(seconds):
    return f"{seconds * 1e3:.{1 if seconds < 0.1 else 0}f}"


class Report:
    def __init__(self):
        self.lines, self.targets, self.data = [], [], {}

    def line(self, text=""):
        self.lines.append(text)

    def target(self, *arguments, **options):
        target = Target(*arguments, **options)
        self.targets.append(target)
        return target

    # ---- Reading ----

    def reading(self, reading, commands, counts, limits):
        """COUNTS: what there is of what COMMANDS read. LIMITS: {(section, row): the target's ratio to the disk}."""
        names = [subject.name for subject in reading.subjects]
        self.data["reading"] = {"subjects": names, "disk": reading.disk.name, "counts": counts, "rows": []}
        for section in dict.fromkeys(section for section, *_ in reading.times):
            heads = "".join(f"{name:>18}" for name in names)
            self.line()
            title = f"{section}, ms (× {reading.disk.name})"
            self.line(f"{title:<22}{heads}   CPU ×  requests/file  target")
            for command in commands:
                if (section, command.row, "patternfs") in reading.times:
                    self.reading_row(reading, section, command, counts[command.reads], limits)
        self.floor(reading, counts["documents"])

    def reading_row(self, reading, section, command, count, limits):
        key = (section, command.row)
        disk = reading.disk.name
        rounds = {subject.name: reading.times.get((*key, subject.name)) for subject in reading.subjects}
        rounds = {name: times for name, times in rounds.items() if times}
        wall = {name: median(time for time, _ in times) for name, times in rounds.items()}
        cpu = {name: median(time for _, time in times) for name, times in rounds.items()}
        ratios = {name: time / wall[disk] for name, time in wall.items()}
        cells = "".join(
            f"{milliseconds(wall[name]):>9} {f'({ratios[name]:.2f})':>8}" if name in wall else f"{'-':>18}"
            for name in self.data["reading"]["subjects"]
        )
        requests = {kind: median(one[kind] for one in reading.requests[key]) for kind in reading.requests[key][0]}
        verdicts = []
        if key in limits:
            verdicts.append(str(self.target(f"{section} {command.row} / {disk}", ratios["patternfs"], limits[key])))
        if section == "warm" and command.row in BOUND:
            # The close of each; those of directories and prompts are counted too.
            a_file = round(sum(requests.values()) / count, 3)  # as it is printed
            verdicts.append(f"requests {self.target(f'warm {command.row}, requests a file', a_file, 1)}")
        for name in [name for name in PEERS if name in wall]:
            if not self.target(f"{section} {command.row} / {name}", wall["patternfs"] / wall[name], 1).met:
                verdicts.append(f"BEHIND {name}")
        figures = f"{cpu['patternfs'] / cpu[disk]:>5.2f}  {sum(requests.values()) / count:>13.3f}"
        self.line(f"  {command.row:<20}{cells}   {figures}  {', '.join(verdicts)}".rstrip())
        self.data["reading"]["rows"].append(
            {
                "section": section,
                "row": command.row,
                "ms": {name: time * 1e3 for name, time in wall.items()},
                "ratio": ratios,
                "cpu_ms": {name: time * 1e3 for name, time in cpu.items()},
                "rounds": {name: [dict(zip(("wall", "cpu"), one)) for one in times] for name, times in rounds.items()},
                "requests": {kind: number for kind, number in requests.items() if number},
            }
        )

    def floor(self, reading, documents):
        """Warm cat and grep against the disk's time and the requests that they cannot do without."""
        if not reading.floors:
            return
        disk, floor = reading.disk.name, median(reading.floors)
        self.data["floor_us"] = floor * 1e6
        self.line()
        self.line(
            "A request that does nothing, the flush of a document that is only read (dup and close, less the same on "
            f"{disk}): {floor * 1e6:.1f} µs"
        )
        for row in BOUND:
            counts = [sum(one.values()) for one in reading.requests["warm", row]]
            on_disk, took = (
                median(wall for wall, _ in reading.times["warm", row, name]) for name in (disk, "patternfs")
            )
            bound = on_disk + median(counts) * floor * 1.2
            target = self.target(f"warm {row} / ({disk} + requests × floor × 1.2)", took / bound, 1)
            self.line(
                f"  {row:<20} {milliseconds(took)} ms; {disk} + {median(counts):.0f} requests × floor × 1.2 = "
                f"{milliseconds(bound)} ms: {took / bound:.2f}  {target}"
            )

    # ---- Writing ----

    def verdicts(self, rates):
        one, many, bare = (median(rates[name]) for name in ("one writer", "8 writers", "bare sqlite3"))
        self.data["verdicts"] = rates
        self.line()
        self.line("Durable verdicts a second (sync=full)")
        self.line(f"  {'bare sqlite3 commits':<34}{bare:>9.0f}")
        target = self.target("verdicts, one writer / bare sqlite3", one / bare, 0.8, at_least=True)
        self.line(f"  {'one writer through the mount':<34}{one:>9.0f}  {one / bare:.2f} of bare   {target}")
        target = self.target("verdicts, 8 writers / one", many / one, 4, at_least=True)
        self.line(f"  {'8 writers on 8 files':<34}{many:>9.0f}  {many / one:.2f} of one    {target}")

    def submitting(self, figures, files):
        self.data["submitting"] = figures
        self.line()
        self.line(f"Submitting a component, ms a file ({files} files to a running process)        wall      CPU")
        middle = {}
        labels = {
            "patternfs": "patternfs (sync=normal; CPU of the daemon)",
            "Python": "the same job in Python (ast, sqlite3)",
        }
        for name, label in labels.items():
            middle[name] = [median(values) for values in zip(*figures[name])]
            self.line(f"  {label:<70}{middle[name][0] * 1e3:>9.2f}{middle[name][1] * 1e3:>9.2f}")
        wall, cpu = (slow / fast if fast else float("inf") for slow, fast in zip(middle["Python"], middle["patternfs"]))
        self.line(
            f"  {'times faster':<70}{wall:>9.1f}{cpu:>9.1f}  "
            f"{self.target('submitting, Python / patternfs, wall', wall, 5, at_least=True)}"
        )
        self.target("submitting, Python / patternfs, CPU", cpu, 5, at_least=True)

    # ---- Size ----

    def mounting(self, seconds, documents_kib, all_kib):
        self.data["mounting"] = {"ms": seconds * 1e3, "rss_anon_kib": {"patterns": documents_kib, "all": all_kib}}
        self.line()
        self.line(f"Mounting: {seconds * 1e3:.1f} ms {self.target('mount, ms', seconds * 1e3, 10)}")
        self.line(
            f"The daemon's anonymous memory: {documents_kib / 1024:.1f} MiB after find over the patterns, "
            f"{all_kib / 1024:.1f} MiB after find over all {self.target(MEMORY, all_kib / 1024, 32)}"
        )

    def growth(self, table):
        self.data["growth"] = table
        sizes = list(next(iter(table.values())))
        self.line()
        self.line(f"{'Growth':<48}" + "".join(f"{size:>12,}" for size in sizes) + f"{'last/first':>12}")
        limits = {"mount, ms": 10, MEMORY: 32}
        for what, row in table.items():
            ratio = row[sizes[-1]] / row[sizes[0]]
            if what in limits:
                verdict = self.target(f"growth, {what} at {sizes[-1]:,}", row[sizes[-1]], limits[what])
            elif what.endswith("µs"):
                verdict = self.target(f"growth, {what}, {sizes[-1]:,} / {sizes[0]:,}", ratio, 2)
            else:
                verdict = ""
            figures = "".join(f"{row[size]:>12.1f}" for size in sizes)
            self.line(f"  {what:<46}{figures}{ratio:>12.2f}  {verdict}".rstrip())

    # ---- Out ----

    def summary(self):
        missed = [target for target in self.targets if not target.met]
        self.line()
        met = len(self.targets) - len(missed)
        self.line(f"{met} of {len(self.targets)} targets met{'; missed:' if missed else ''}")
        for target in missed:
            self.line(f"  {target.what}: {target.value:.2f}, {target}")

    def text(self):
        return "\n".join(self.lines) + "\n"

    def write_json(self, path):
        self.data["targets"] = [target.as_dict() for target in self.targets]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.data, file, indent=2, ensure_ascii=False)
            file.write("\n")

    def write_chart(self, path):
        """False where there is no gnuplot."""
        if not shutil.which("gnuplot"):
            return False
        subprocess.run(["gnuplot"], input=self.gnuplot(path), text=True, check=True)
        return True

    def gnuplot(self, path):
        disk = self.data["reading"]["disk"]
        colours = {"patternfs": "#1b7837", "read-only": "#7fbf7b", "tmpfs": "#bdbdbd", "bindfs": "#e08214", "rclone": "#8073ac"}
        shown = [name for name in self.data["reading"]["subjects"] if name != disk]
        rows = self.data["reading"]["rows"]
        sections = list(dict.fromkeys(row["section"] for row in rows))
        lines = [
            f"set terminal svg size {480 * len(sections)},420 background 'white' font 'sans,12'",
            f"set output {quoted(path)}",
            "set style data histogram; set style histogram clustered gap 1; set style fill solid border -1",
            # Of logarithms, so that a bar goes down where it is less than the disk's.
            "set yrange [-1.1:2.1]",
            "set ytics nomirror ('0.1' -1, '0.3' -0.523, '1' 0, '3' 0.477, '10' 1, '30' 1.477, '100' 2)",
            "set grid ytics lc rgb '#dddddd'; set xtics nomirror rotate by -20; set xzeroaxis lt -1",
            "set key outside bottom center horizontal; set datafile missing '-'",
            f"set multiplot layout 1,{len(sections)} title {quoted(self.data['title'])}",
        ]
        for section in sections:
            bars = [row for row in rows if row["section"] == section]
            names = [name for name in shown if any(name in row["ratio"] for row in bars)]
            lines.append(f"$d{section} << EOD")
            for row in bars:
                values = (f"{log10(row['ratio'][name]):.4f}" if name in row["ratio"] else "-" for name in names)
                lines.append(f'"{row["row"].split(" */")[0]}" ' + " ".join(values))
            lines.append("EOD")
            plots = ", ".join(
                f"$d{section} using {i + 2}:xtic(1) title {quoted(name)} lc rgb '{colours.get(name, '#555555')}'"
                for i, name in enumerate(names)
            )
            lines.append(f"set title {quoted(f'{section}: time, {disk} = 1')}")
            lines.append(f"plot {plots}")
        return "\n".join(lines) + "\nunset multiplot\n"


def quoted(text):
    return "'" + str(text).replace("'", "''") + "'"
