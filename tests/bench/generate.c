#include "generate.h"

#include <inttypes.h>
#include <string.h>

/* Marsaglia 2003, "Xorshift RNGs", the 64-bit generator with the triple (13, 7, 17). */
struct random {
	uint64_t state;
};

static unsigned below(struct random *random, unsigned end)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (unsigned)((random->state >> 32) % end);
}

#define COUNT(array)	    (sizeof(array) / sizeof *(array))
#define PICK(random, array) ((array)[below(random, COUNT(array))])

static const char *const words[] = {
	"bucket",   "cluster",	 "dataset",    "query",	   "job",	"project",   "region",	"table",
	"topic",    "batch",	 "prefix",     "delta",	   "model",	"partition", "schema",	"source",
	"target",   "timeout",	 "version",    "worker",   "account",	"alias",     "archive", "broker",
	"catalog",  "channel",	 "checkpoint", "column",   "command",	"container", "cursor",	"database",
	"deadline", "delimiter", "device",     "domain",   "endpoint",	"engine",    "event",	"export",
	"field",    "filter",	 "folder",     "format",   "gateway",	"group",     "header",	"image",
	"index",    "instance",	 "interval",   "key",	   "label",	"language",  "ledger",	"limit",
	"location", "manifest",	 "message",    "metric",   "namespace", "network",   "node",	"object",
	"offset",   "output",	 "owner",      "parser",   "password",	"path",	     "payload", "policy",
	"pool",	    "port",	 "profile",    "queue",	   "quota",	"range",     "record",	"replica",
	"report",   "request",	 "resource",   "role",	   "row",	"sample",    "scope",	"secret",
	"segment",  "service",	 "session",    "shard",	   "snapshot",	"stage",     "status",	"stream",
	"subnet",   "tag",	 "task",       "template", "tenant",	"token",     "user",	"vault",
	"view",	    "volume",	 "warehouse",  "window",   "zone",
};
static const char *const nouns[] = { "Cluster", "Dataset", "Function", "Instance", "Job",      "Model",
				     "Object",	"Queue",   "Query",    "Snapshot", "Transfer", "Workflow" };
static const char *const verbs[] = { "Create", "Delete", "Export", "Import", "List", "Run", "Start", "Stop", "Update" };
static const char *const kinds[] = { "Operator", "Sensor", "Hook" };
static const char *const types[] = {
	"str", "int", "bool", "Optional[str]", "Dict[str, Any]", "Sequence[str]", "float"
};
static const char *const defaults[] = { "'default'", "60", "False", "None", "None", "()", "1.5" };
static const char *const errors[] = { "ValueError", "AirflowException", "KeyError", "TypeError", "RuntimeError" };
static const char *const levels[] = { "info", "info", "debug", "warning", "error" };

static const char head[] =
	"# Licensed to whoever reads it, under the terms that came with it.\n"
	"\"\"\"Components made for measuring.\"\"\"\n"
	"import json\nimport logging\nimport os\nimport time\n"
	"from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence\n\n"
	"from airflow.exceptions import AirflowException\n"
	"from airflow.models import BaseOperator\n"
	"from airflow.providers.amazon.aws.hooks.s3 import S3Hook\n"
	"from airflow.hooks.base import BaseHook\n"
	"from airflow.sensors.base import BaseSensorOperator\n\n"
	"try:\n    import boto3\n    HAS_BOTO = True\nexcept ImportError:\n    boto3 = None\n    HAS_BOTO = False\n\n"
	"if TYPE_CHECKING:\n    from airflow.utils.context import Context\n\n"
	"log = logging.getLogger(__name__)\n";

static void write_docstring(pf_text *out, struct random *random, const char *indent, int parameters)
{
	pf_text_printf(out, "%s\"\"\"\n%sLooks after the %s of a %s, until its %s is there.\n\n", indent, indent,
		       PICK(random, words), PICK(random, words), PICK(random, words));
	for (int i = 0; i < parameters; i++)
		pf_text_printf(out,
			       "%s:param %s_%d: the %s that is given to the service as its %s. (templated)\n"
			       "%s:type %s_%d: %s\n",
			       indent, PICK(random, words), i, PICK(random, words), PICK(random, words), indent,
			       PICK(random, words), i, PICK(random, types));
	pf_text_printf(out, "%s\"\"\"\n", indent);
}

static void write_log(pf_text *out, struct random *random, const char *indent)
{
	if (below(random, 3))
		pf_text_printf(out, "%sself.log.%s(\"Working on %s %%s of %s\", self.%s)\n", indent,
			       PICK(random, levels), PICK(random, words), PICK(random, words), PICK(random, words));
	else
		pf_text_printf(out, "%sself.log.%s(f\"The {self.%s} has no %s\")\n", indent, PICK(random, levels),
			       PICK(random, words), PICK(random, words));
}

static void write_guard(pf_text *out, struct random *random)
{
	const char *word = PICK(random, words);

	switch (below(random, 3)) {
	case 0:
		pf_text_printf(out, "        if not self.%s:\n", word);
		break;
	case 1:
		pf_text_printf(out, "        if self.%s is None and len(%s) > %u:\n", word, PICK(random, words),
			       below(random, 100));
		break;
	default:
		pf_text_printf(out, "        if self.%s not in ('%s', '%s'):\n", word, PICK(random, words),
			       PICK(random, words));
		break;
	}
	pf_text_printf(out, "            raise %s(\"%s is missing from %s\")\n", PICK(random, errors), word,
		       PICK(random, words));
}

static void write_loop(pf_text *out, struct random *random)
{
	const char *item = PICK(random, words), *all = PICK(random, words);

	pf_text_printf(
		out,
		"        result = []\n"
		"        for %s in self.%s_list[:%u]:  # in the order of the service\n"
		"            if %s.get('%s') == self.%s or %s['%s'] != \"%s\":\n"
		"                continue\n"
		"            result.append({'%s': %s, '%s': [x.strip() for x in %s.values() if x], 'n': %u + 1})\n",
		item, all, below(random, 1000), item, PICK(random, words), PICK(random, words), item,
		PICK(random, words), PICK(random, words), PICK(random, words), item, PICK(random, words), item,
		below(random, 9));
}

static void write_try(pf_text *out, struct random *random)
{
	const char *word = PICK(random, words);

	pf_text_printf(out,
		       "        try:\n            response = hook.get_conn().%s(%s=self.%s, **self.%s_args)\n"
		       "        except (%s, %s) as e:\n",
		       word, PICK(random, words), PICK(random, words), word, PICK(random, errors),
		       PICK(random, errors));
	write_log(out, random, "            ");
	pf_text_printf(out, "            raise %s(f\"{e} while reading %s\") from e\n", PICK(random, errors), word);
}

static void write_run(pf_text *out, struct random *random)
{
	pf_text_printf(out,
		       "        hook = S3Hook(aws_conn_id=self.%s, region_name=self.%s)\n"
		       "        self.%s = context['params'].get('%s', %u)\n"
		       "        value = context['ti'].xcom_pull(task_ids='%s', key='%s')\n",
		       PICK(random, words), PICK(random, words), PICK(random, words), PICK(random, words),
		       below(random, 100), PICK(random, words), PICK(random, words));
}

static void write_call(pf_text *out, struct random *random)
{
	pf_text_printf(out,
		       "        self.%s = self._wait(\n            %s=json.dumps(value), until_%s=time.time() + %u.5,\n"
		       "            default_%s=os.environ.get('%s', '') if self.%s else -1,\n        )\n",
		       PICK(random, words), PICK(random, words), PICK(random, words), below(random, 60),
		       PICK(random, words), PICK(random, words), PICK(random, words));
}

static void write_statements(pf_text *out, struct random *random, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		switch (below(random, 6)) {
		case 0:
			write_guard(out, random);
			break;
		case 1:
			write_loop(out, random);
			break;
		case 2:
			write_try(out, random);
			break;
		case 3:
			write_call(out, random);
			break;
		case 4:
			write_run(out, random);
			break;
		default:
			write_log(out, random, "        ");
			break;
		}
	}
}

static void write_method(pf_text *out, struct random *random, unsigned number)
{
	const char *word = PICK(random, words);

	if (number == 0)
		pf_text_puts(out, "\n    def execute(self, context: 'Context') -> Any:\n");
	else
		pf_text_printf(out, "\n    def %s_%s_%u(self, hook, value: %s = %s, **kwargs) -> %s:\n", word,
			       PICK(random, words), number, types[number % 7], defaults[number % 7],
			       PICK(random, types));
	write_docstring(out, random, "        ", (int)below(random, 4));
	write_statements(out, random, 2 + below(random, 3));
	pf_text_printf(out, "        return self.%s\n", word);
}

static void write_init(pf_text *out, struct random *random)
{
	unsigned count = 3 + below(random, 8), first = below(random, COUNT(words) - count);

	pf_text_puts(out, "\n    def __init__(\n        self,\n        *,\n");
	for (unsigned i = 0; i < count; i++) {
		unsigned type = below(random, 7);

		pf_text_printf(out, "        %s: %s", words[first + i], types[type]);
		if (i > 1)
			pf_text_printf(out, " = %s", defaults[type]);
		pf_text_puts(out, ",\n");
	}
	pf_text_puts(out, "        **kwargs,\n    ) -> None:\n        super().__init__(**kwargs)\n");
	for (unsigned i = 0; i < count; i++)
		pf_text_printf(out, "        self.%s = %s\n", words[first + i], words[first + i]);
	write_guard(out, random);
}

/* NUMBER, of the module made of SEED: together they make the name its own. */
static void write_class(pf_text *out, struct random *random, uint64_t seed, unsigned number)
{
	const char *kind = PICK(random, kinds);

	pf_text_printf(out, "\n\nclass %s%s%" PRIu64 "No%u%s(Base%s%s):\n", PICK(random, verbs), PICK(random, nouns),
		       seed, number, kind, kind, strcmp(kind, "Sensor") == 0 ? "Operator" : "");
	write_docstring(out, random, "    ", 5);
	pf_text_printf(out, "\n    template_fields: Sequence[str] = ('%s', '%s')\n    ui_color = '#%06x'\n",
		       PICK(random, words), PICK(random, words), below(random, 1 << 24));
	write_init(out, random);
}

void generate_module(pf_text *out, enum module_shape shape, size_t size, uint64_t seed)
{
	struct random random = { seed * 2 + 1 };
	size_t begin = out->len, kept;
	unsigned left = 0, methods = 0, classes = 0;

	pf_text_puts(out, head);
	for (;;) {
		kept = out->len;
		if (left == 0) {
			left = shape == MANY_METHODS ? UINT32_MAX : 2 + below(&random, 6);
			methods = 0;
			write_class(out, &random, seed, classes++);
		}
		write_method(out, &random, methods++);
		left--;
		if (out->failed || out->len - begin > size)
			break;
	}
	if (!out->failed)
		out->len = kept;
}
