"""PatternStorage over a real mount."""

import json
import sqlite3
import sys
import tempfile
import threading
import unittest
from contextlib import closing

from mounted import OPERATOR, ROOT, SAMPLE, MountedTest

sys.path.insert(0, str(ROOT / "contrib/python"))

from pattern_storage import PatternStorage, PatternStorageError, RefusedError  # noqa: E402

NEMO = "NeMoQuestionAnsweringOperator"


class StorageTest(MountedTest):
    def setUp(self):
        super().setUp()
        self.storage = PatternStorage(self.mount)

    def store_sample(self, **arguments):
        return self.storage.store_component_patterns(NEMO, SAMPLE.read_text(encoding="utf-8"), **arguments)

    def component(self, name):
        return json.loads((self.mount / "components" / name / "component.json").read_text(encoding="utf-8"))

    def row(self, statement, *values):
        with closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            return dict(connection.execute(statement, values).fetchone())

    def incoming(self):
        return sorted(str(path.relative_to(self.mount)) for path in (self.mount / "incoming").rglob("*"))


class StoreTest(StorageTest):
    def test_receipt(self):
        receipt = self.store_sample()
        self.assertEqual(receipt["status"], "accepted")
        self.assertEqual([row["path"] for row in receipt["components"]], [f"components/{NEMO}"])
        stored = (self.mount / "components" / NEMO / "source.py").read_bytes()
        self.assertEqual(stored, SAMPLE.read_bytes())

    def test_metadata(self):
        generation = {"model": "m", "tries": [1, {"a": 2}]}
        self.store_sample(metadata={"category": "cloud", "subcategory": "x", "success_score": 175.5, **generation})
        document = self.component(NEMO)
        self.assertEqual((document["category"], document["subcategory"]), ("cloud", "x"))
        self.assertEqual(document["success_score"], 175.5)
        self.assertEqual(document["generation_metadata"], generation)
        # Judged once: there is no first revision without the metadata.
        self.assertEqual(document["revision"], 1)
        self.assertFalse((self.mount / "ml").exists())

    def test_nothing_is_left_in_incoming(self):
        self.store_sample(metadata={"category": "cloud"})
        with self.assertRaises(RefusedError):
            self.storage.store_component_patterns("Bad", "def f(:\n")
        self.assertEqual(self.incoming(), [])
        self.assertEqual(self.component(NEMO)["category"], "cloud")

    def test_patterns_are_not_looked_at(self):
        self.store_sample(patterns={"import": object()})
        self.assertGreater(self.component(NEMO)["pattern_count"], 50)

    def test_failure(self):
        self.store_sample(success=False)
        document = self.component(NEMO)
        self.assertEqual((document["success_count"], document["failure_count"]), (0, 1))
        for path in document["patterns"]:
            pattern = json.loads((self.mount / path).read_text(encoding="utf-8"))
            self.assertEqual((path, pattern["success_count"], pattern["failure_count"]), (path, 1, 1))

    def test_again_changes_nothing(self):
        self.store_sample()
        before = self.storage.get_pattern_statistics()
        receipt = self.store_sample()
        self.assertEqual(receipt["status"], "unchanged")
        self.assertEqual(self.storage.get_pattern_statistics(), before)

    def test_failure_of_an_unchanged_component(self):
        self.store_sample()
        self.store_sample(success=False)
        self.assertEqual(self.component(NEMO)["failure_count"], 1)

    def test_refused_code(self):
        with self.assertRaises(RefusedError) as caught:
            self.storage.store_component_patterns("Bad", "from airflow.models import BaseOperator\n\nclass X(:\n")
        self.assertRegex(str(caught.exception), r"^Bad\.py:3:\d+: error: .*expected")
        with self.assertRaises(RefusedError) as caught:
            self.storage.store_component_patterns("Empty", "x = 1\n")
        self.assertIn("Empty.py", str(caught.exception))
        self.assertEqual(self.storage.get_pattern_statistics()["total_components"], 0)

    def test_refused_metadata(self):
        with self.assertRaises(RefusedError) as caught:
            self.store_sample(metadata={"category": "No Such"})
        self.assertRegex(str(caught.exception), r"\.json:1:\d+: error: category 'No Such'")
        self.assertEqual(self.storage.get_pattern_statistics()["total_components"], 0)
        self.assertEqual(self.incoming(), [])

    def test_metadata_that_is_no_json(self):
        for value in (object(), float("nan")):
            with self.assertRaises((TypeError, ValueError)):
                self.store_sample(metadata={"model": value})
        self.assertEqual(self.incoming(), [])

    def test_code_that_is_no_text(self):
        with self.assertRaises(ValueError):
            self.storage.store_component_patterns("Bad", "x = '\ud800'")
        self.assertEqual(self.incoming(), [])

    def test_names(self):
        for name in ("", "a/b", "../x", ".hidden", "a b", "a\n", "a\0", "-x", "x" * 201, "é" * 101):
            with self.subTest(name=name), self.assertRaisesRegex(ValueError, "expected a component's name"):
                self.storage.store_component_patterns(name, "")
        self.assertEqual(self.incoming(), [])

    def test_writers_do_not_clash(self):
        errors = []

        def store(number):
            try:
                # The same file name in all of them, with other metadata.
                code = OPERATOR.format(name=f"Number{number}Operator")
                storage = PatternStorage(self.mount)
                storage.store_component_patterns("same", code, metadata={"category": f"c{number}", "n": number})
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)

        threads = [threading.Thread(target=store, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        for number in range(8):
            document = self.component(f"Number{number}Operator")
            self.assertEqual(document["category"], f"c{number}")
            self.assertEqual(document["generation_metadata"], {"n": number})
            self.assertEqual(document["revision"], 1)
        self.assertEqual(self.incoming(), [])


class OutcomeTest(StorageTest):
    def test_note(self):
        self.store_sample()
        self.storage.record_outcome([f"components/{NEMO}"], False, "TypeError:\n  -- no\tsuch")
        event = json.loads((self.mount / "history.jsonl").read_text(encoding="utf-8").split("\n")[-2])
        self.assertEqual((event["event"], event["note"]), ("failure", "TypeError: -- no such"))
        self.assertEqual(self.component(NEMO)["failure_count"], 1)

    def test_all_or_nothing(self):
        self.store_sample()
        with self.assertRaises(RefusedError) as caught:
            self.storage.record_outcome([f"components/{NEMO}", "components/None"], True)
        self.assertIn("components/None", str(caught.exception))
        self.assertEqual(self.component(NEMO)["success_count"], 0)

    def test_paths(self):
        for paths in ([], [""], ["a b"], ["a\nfailure components/x"]):
            with self.subTest(paths=paths), self.assertRaises(ValueError):
                self.storage.record_outcome(paths, True)


class ReadTest(StorageTest):
    def test_best_patterns(self):
        self.store_sample()
        rows = self.storage.get_best_patterns("ml", "operator", "validation", limit=5)
        self.assertEqual(len(rows), 5)
        for row in rows:
            stored = self.row("SELECT * FROM code_patterns WHERE id = ?", row["id"])
            for column in set(row) - {"pattern_data", "libraries_involved", "confidence_lower_bound"}:
                self.assertEqual(row[column], stored[column], column)
            self.assertEqual(row["confidence_score"], 1.0)
            self.assertEqual(row["pattern_data"], json.loads(stored["pattern_data"]))
            self.assertEqual(row["libraries_involved"], ["nemo", "omegaconf"])
            self.assertEqual((row["category"], row["pattern_type"]), ("ml", "validation"))
        self.assertEqual(len(self.storage.get_best_patterns("ml", "operator")), 10)

    def test_best_come_first(self):
        self.store_sample()
        best = self.storage.get_best_patterns("ml", "operator", "validation", limit=100)
        path = next(path for path in self.component(NEMO)["patterns"] if best[-1]["pattern_signature"][:8] in path)
        self.storage.record_outcome([path] * 1, True)
        self.storage.record_outcome([path] * 1, True)
        again = self.storage.get_best_patterns("ml", "operator", "validation", limit=100)
        self.assertEqual(again[0]["id"], best[-1]["id"])
        self.assertEqual(again[0]["success_count"], 3)
        self.assertEqual(len(again), len(best))

    def test_min_confidence(self):
        self.store_sample(success=False)
        self.assertEqual(self.storage.get_best_patterns("ml", "operator"), [])
        self.assertEqual(len(self.storage.get_best_patterns("ml", "operator", min_confidence=0.5, limit=3)), 3)
        self.assertEqual(len(self.storage.get_best_patterns("ml", "operator", min_confidence=0, limit=3)), 3)

    def test_unknown_is_empty(self):
        self.assertEqual(self.storage.get_best_patterns("nowhere", "operator"), [])
        self.store_sample()
        self.assertEqual(self.storage.get_best_patterns("nowhere", "operator"), [])
        self.assertEqual(self.storage.get_best_patterns("ml", "sensor"), [])
        self.assertEqual(self.storage.get_similar_components("nowhere", "nlp"), [])
        self.assertEqual(self.storage.get_similar_components("ml", "nowhere"), [])

    def test_values_that_cannot_be(self):
        for arguments in (
            ("ml", "opera"),
            ("m/l", "operator"),
            ("", "operator"),
            ("ml", "operator", "imports"),
            ("ml", "operator", None, 1.5),
            ("ml", "operator", None, 0.7, 0),
        ):
            with self.subTest(arguments=arguments), self.assertRaises(ValueError):
                self.storage.get_best_patterns(*arguments)

    def test_similar_components(self):
        self.store_sample(metadata={"success_score": 170, "model": "m"})
        for number, score in enumerate((149, 150, 200.5, 180)):
            self.storage.store_component_patterns(
                "x",
                OPERATOR.format(name=f"Number{number}Operator"),
                metadata={"category": "ml", "subcategory": "nlp", "success_score": score},
            )
        rows = self.storage.get_similar_components("ml", "nlp", limit=10)
        names = {row["component_name"] for row in rows}
        self.assertEqual(names, {NEMO, "Number1Operator", "Number2Operator", "Number3Operator"})
        self.assertEqual(len(self.storage.get_similar_components("ml", "nlp")), 3)
        self.assertEqual(len(self.storage.get_similar_components("ml", None, 200)), 1)
        for row in rows:
            stored = self.row("SELECT * FROM component_patterns WHERE id = ?", row["id"])
            self.assertEqual(set(row), set(stored))
            for column in set(row) - {"extracted_patterns", "generation_metadata"}:
                self.assertEqual(row[column], stored[column], column)
            self.assertEqual(row["extracted_patterns"], json.loads(stored["extracted_patterns"]))
            self.assertEqual(row["generation_metadata"], json.loads(stored["generation_metadata"] or "null"))

    def test_statistics(self):
        self.store_sample()
        statistics = self.storage.get_pattern_statistics()
        total = self.row("SELECT count(*) AS n FROM code_patterns")["n"]
        self.assertEqual(statistics["total_patterns"], total)
        self.assertEqual(statistics["total_components"], 1)
        self.assertEqual(statistics["high_confidence_patterns"], total)
        self.assertEqual(statistics["average_confidence"], 1.0)
        self.assertEqual(statistics["patterns_by_category"], {"ml": total})
        self.assertEqual(sum(statistics["patterns_by_type"].values()), total)


class NoMountTest(unittest.TestCase):
    def test_no_mount(self):
        with tempfile.TemporaryDirectory() as directory:
            with self.assertRaisesRegex(PatternStorageError, "no patternfs is mounted there"):
                PatternStorage(directory)


if __name__ == "__main__":
    unittest.main()
