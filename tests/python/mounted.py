"""A mount of its own for each test: a database, a daemon, and nothing left behind."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("SOURCE_ROOT", Path(__file__).resolve().parents[2]))
PATTERNFS = os.environ.get("PATTERNFS", str(ROOT / "build/fs/patternfs"))
SAMPLE = ROOT / "tests/data/nemo_question_answering_operator.py"
DEADLINE = 120  # seconds; for what never will be

OPERATOR = '''\
from airflow.exceptions import AirflowException
from airflow.models import BaseOperator


class {name}(BaseOperator):
    template_fields = ('path',)

    def __init__(self, *, path, **kwargs):
        super().__init__(**kwargs)
        if not path:
            raise ValueError("path is required")
        self.path = path

    def execute(self, context):
        self.log.info("Reading %s", self.path)
        try:
            return context['params'].get('limit', 10)
        except KeyError as e:
            raise AirflowException("no params") from e
'''


class MountedTest(unittest.TestCase):
    """self.mount, self.database; the daemon must end by itself, with status 0, and its log must be clean."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="patternfs-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.mount = self.directory / "mnt"
        self.mount.mkdir()
        self.database = self.directory / "patterns.db"
        self.log = open(self.directory / "log", "w+b")
        self.addCleanup(self.log.close)
        self.daemon = subprocess.Popen(
            [PATTERNFS, "-f", str(self.database), str(self.mount)], stdout=self.log, stderr=self.log
        )
        self.addCleanup(self.unmount)
        self.wait_until(lambda: os.path.ismount(self.mount) or self.daemon.poll() is not None)
        self.assertIsNone(self.daemon.poll(), "it did not mount")

    def wait_until(self, condition):
        end = time.monotonic() + DEADLINE
        while not condition():
            self.assertLess(time.monotonic(), end, "waited too long")
            time.sleep(0.02)

    def unmount(self):
        os.statvfs(self.mount)
        subprocess.run(["fusermount3", "-u", str(self.mount)], stderr=self.log, check=False)
        try:
            status = self.daemon.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
            subprocess.run(["fusermount3", "-u", "-z", str(self.mount)], check=False)
            status = "none: it was killed"
        self.log.seek(0)
        log = self.log.read().decode("utf-8", "replace")
        self.assertEqual(status, 0, log)
        for word in ("Sanitizer", "runtime error", "Assertion"):
            self.assertNotIn(word, log)
