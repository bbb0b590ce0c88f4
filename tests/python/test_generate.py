"""contrib/examples/generate.py: a prompt out, an answer in, what was learned."""

import json
import subprocess
import sys
import unittest

from mounted import OPERATOR, ROOT, SAMPLE, MountedTest

GENERATE = ROOT / "contrib/examples/generate.py"


class GenerateTest(MountedTest):
    def generate(self, *arguments, status=0):
        done = subprocess.run(
            [sys.executable, "-B", str(GENERATE), str(self.mount), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def submit_sample(self):
        (self.mount / "incoming" / SAMPLE.name).write_bytes(SAMPLE.read_bytes())

    def answer(self, text):
        path = self.directory / "answer.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def component(self, name):
        return json.loads((self.mount / "components" / name / "component.json").read_text(encoding="utf-8"))

    def last_event(self):
        return json.loads((self.mount / "history.jsonl").read_text(encoding="utf-8").split("\n")[-2])

    def test_prompt(self):
        self.submit_sample()
        prompt = self.generate("ml", "operator", "FooOperator")
        self.assertIn("Write an Airflow operator called FooOperator", prompt)
        self.assertIn("\n## Imports\n", prompt)
        self.assertIn("from airflow.sdk.bases.operator import BaseOperator", prompt)
        self.assertGreater(len(prompt), 4000)
        self.assertLess(len(self.generate("ml", "operator", "FooOperator", "--budget", "300")), 1600)

    def test_learns(self):
        answer = self.answer(OPERATOR.format(name="FooOperator"))
        self.assertEqual(self.generate("ml", "operator", "FooOperator", answer), "FooOperator: learned\n")
        document = self.component("FooOperator")
        self.assertEqual((document["category"], document["component_type"]), ("ml", "operator"))
        self.assertEqual((document["success_count"], document["failure_count"]), (1, 0))
        self.assertEqual(self.last_event()["note"], "answer.py compiles")
        self.assertIn("raise ValueError", self.generate("ml", "operator", "BarOperator"))

    def test_does_not_work(self):
        # A syntax tree, but no program: only the compiler says so.
        answer = self.answer(OPERATOR.format(name="FooOperator") + "\ndef f():\n    nonlocal unbound\n")
        self.assertIn("no binding for nonlocal", self.generate("ml", "operator", "FooOperator", answer, status=1))
        self.assertEqual(self.component("FooOperator")["failure_count"], 1)
        self.assertIn("no binding for nonlocal", self.last_event()["note"])

    def test_refused(self):
        answer = self.answer("class FooOperator(BaseOperator:\n")
        self.assertIn("FooOperator.py:1:", self.generate("ml", "operator", "FooOperator", answer, status=1))
        self.assertFalse((self.mount / "components" / "FooOperator").exists())


if __name__ == "__main__":
    unittest.main()
