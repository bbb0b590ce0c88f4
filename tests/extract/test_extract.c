/*
 * The extractor, by rows: sources and what must come out of them. A row that
 * fails names itself, and the loop goes on.
 */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static pf_module *extract(const char *row, const char *path, const char *source)
{
	pf_module *module = NULL;
	pf_err err = { 0 };

	if (pf_extract(extractor, path, source, strlen(source), &module, &err) < 0)
		fail_row(row, "refused", err.why, "accepted");
	return module;
}

/* --- components ------------------------------------------------------------------------------------------------ */

static const struct {
	const char *name, *source, *want; /* NAME:TYPE for each component, then -NAME for each skip */
} component_rows[] = {
	{ "a base", "class Foo(BaseOperator):\n    pass\n", "Foo:operator" },
	{ "dotted base", "class Foo(models.BaseOperator):\n    pass\n", "Foo:operator" },
	{ "sensor operator", "class Foo(BaseSensorOperator):\n    pass\n", "Foo:sensor" },
	{ "own name", "class FooHook(LoggingMixin):\n    pass\n", "FooHook:hook" },
	{ "no base", "class FooTrigger:\n    pass\n", "FooTrigger:trigger" },
	{ "alias", "from a import BaseNotifier as _B\nclass Foo(_B):\n    pass\n", "Foo:notifier" },
	{ "subscript, not first", "class Foo(Mixin, AwsBaseOperator[S3Hook]):\n    pass\n", "Foo:operator" },
	{ "through the module", "class A(B):\n    pass\nclass B(BaseHook):\n    pass\n", "A:hook B:hook" },
	{ "circle", "class A(B):\n    x = 1\nclass B(A):\n    x = 1\nclass C(BaseHook):\n    pass\n", "C:hook" },
	{ "async by base only", "class FooAsync(FooOperator):\n    pass\n", "FooAsync:operator" },
	{ "nested", "class A:\n    class Inner(BaseHook):\n        pass\n", "Inner:hook" },
	{ "conditional", "if X:\n    class A(BaseHook):\n        pass\n", "A:hook" },
	{ "twice in try",
	  "try:\n    class A(BaseHook):\n        x = 1\nexcept ImportError:\n    class A(BaseHook):\n        y = 1\n",
	  "A:hook -A" },
	{ "stand-in",
	  "try:\n    from a import BaseOperator\nexcept ImportError:\n    class BaseOperator:\n        pass\n"
	  "class A(BaseOperator):\n    pass\n",
	  "A:operator -BaseOperator" },
	{ "bom and crlf",
	  "\xef\xbb\xbf"
	  "class A(BaseHook):\r\n    pass\r\n",
	  "A:hook" },
};

static void test_components(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof component_rows / sizeof *component_rows; i++) {
		pf_module *module = extract(component_rows[i].name, "a.py", component_rows[i].source);
		pf_text got = { 0 };

		if (!module)
			continue;
		for (size_t j = 0; j < module->component_count; j++)
			pf_text_printf(&got, "%s%s:%s", got.len ? " " : "", module->components[j].name,
				       pf_component_type_name((int)module->components[j].type));
		for (size_t j = 0; j < module->skip_count; j++)
			pf_text_printf(&got, " -%s", module->skips[j].name);
		if (strcmp(got.bytes, component_rows[i].want) != 0)
			fail_row(component_rows[i].name, "components", got.bytes, component_rows[i].want);
		pf_text_free(&got);
		pf_module_free(module);
	}
	rows_done();
}

/* --- records --------------------------------------------------------------------------------------------------- */

#define INIT "class A(BaseOperator):\n    def __init__(self, "
#define RUN  "class A(BaseOperator):\n    def execute(self, context):\n        "

/* PATH is of keys and indexes below the record; WANT is compact JSON. */
static const struct {
	const char *name, *source, *path, *want;
} record_rows[] = {
	{ "first base", "class A(Mixin, B.BaseOperator[T], metaclass=M):\n    pass\n", "structural.base_class",
	  "\"Mixin\"" },
	{ "component base", "class A(Mixin, B.BaseOperator[T], metaclass=M):\n    pass\n", "structural.component_base",
	  "\"B.BaseOperator\"" },
	{ "bases", "class A(Mixin, BaseOperator[T], metaclass=M):\n    pass\n", "structural.base_classes",
	  "[\"Mixin\",\"BaseOperator[T]\"]" },
	{ "class keywords", "class A(BaseOperator, metaclass=M):\n    pass\n", "structural.class_keywords",
	  "[\"metaclass=M\"]" },
	{ "decorators over lines", "@deprecated(\n    reason='x',  # why\n)\nclass A(BaseOperator):\n    pass\n",
	  "structural.decorators", "[\"deprecated( reason='x', )\"]" },
	{ "a setter defines twice",
	  "class AHook(B):\n    @property\n    def x(self):\n        return 1\n    @x.setter\n    def x(self, v):\n    "
	  "    pass\n",
	  "structural.methods", "[\"x\"]" },
	{ "ui_color", "class A(BaseOperator):\n    ui_color = '#fff'\n", "structural.ui_color", "\"#fff\"" },
	{ "dual import",
	  "try:\n    from airflow.sdk.bases.operator import BaseOperator\nexcept ImportError:\n    from airflow.models "
	  "import BaseOperator\nclass A(BaseOperator):\n    pass\n",
	  "import.dual_imports.0",
	  "{\"primary\":\"airflow.sdk.bases.operator import BaseOperator\",\"fallback\":\"airflow.models import "
	  "BaseOperator\",\"pattern\":\"try_except_import\",\"exceptions\":[\"ImportError\"]}" },
	{ "guarded import",
	  "try:\n    import nemo\n    OK = True\nexcept (ImportError, OSError):\n    nemo = None\n    OK = "
	  "False\nclass "
	  "A(BaseOperator):\n    pass\n",
	  "import.guarded_imports",
	  "[{\"primary\":\"nemo\",\"exceptions\":[\"ImportError\",\"OSError\"],\"flags\":[\"OK\"]}]" },
	{ "type checking",
	  "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import C as D\nclass A(BaseOperator):\n    "
	  "pass\n",
	  "import.import_items.1",
	  "{\"module\":\"a\",\"name\":\"C\",\"alias\":\"D\",\"level\":1,\"where\":\"type_checking\"}" },
	{ "libraries", "import os, boto3\nimport airflow.x\nfrom numpy.x import y\nclass A(BaseOperator):\n    pass\n",
	  "import.libraries", "[\"boto3\",\"numpy\"]" },
	{ "providers",
	  "from airflow.providers.apache.hive.hooks import b\nimport airflow.providers.amazon\nimport "
	  "airflow.providers\n"
	  "from airflow.providers.amazon.aws import x\nclass A(BaseOperator):\n    pass\n",
	  "import.libraries", "[\"airflow.providers.amazon\",\"airflow.providers.apache.hive\"]" },
	{ "inherited main method", "class A(BaseOperator):\n    pass\n", "execution.main_method", "null" },
	{ "poke before execute",
	  "class A(BaseSensor):\n    def execute(self, context):\n        pass\n    async def poke(self, context):\n   "
	  "     "
	  "return True\n",
	  "execution.main_method", "\"poke\"" },
	{ "returns", RUN "def f():\n            return 1\n        return f(\n            2)\n", "execution.returns",
	  "[\"f( 2)\"]" },
	{ "context keys", RUN "return context['ti'], context.get('ds')\n", "execution.context_keys",
	  "[\"ti\",\"ds\"]" },
	{ "defers", RUN "self.defer(trigger=T())\n", "execution.defers", "true" },
	{ "handlers",
	  RUN "try:\n            f()\n        except (A, b.C) as e:\n            self.log.error(e)\n            raise "
	      "X from e\n",
	  "error_handling.try_blocks.0.handlers.0.exceptions", "[\"A\",\"b.C\"]" },
	{ "handler actions",
	  RUN "try:\n            f()\n        except A:\n            self.log.error(1)\n            x = 1\n            "
	      "raise\n",
	  "error_handling.try_blocks.0.handlers.0.actions", "[\"log_error\",\"assign\",\"reraise\"]" },
	{ "raise", RUN "raise ValueError('no')\n", "error_handling.raises.0",
	  "{\"exception\":\"ValueError\",\"message\":\"'no'\",\"line\":3}" },
	{ "fields", "class A(BaseOperator):\n    template_fields: Sequence[str] = ('a', \"b\",)\n",
	  "template_fields.fields", "[\"a\",\"b\"]" },
	{ "fields hidden by a reference", "class A(BaseOperator):\n    template_fields = ('a', *B.template_fields)\n",
	  "template_fields.complete", "false" },
	{ "fields hidden by a call", "class A(BaseOperator):\n    template_fields = aws_template_fields('a')\n",
	  "template_fields.complete", "false" },
	{ "fields complete", "class A(BaseOperator):\n    template_fields = ['a']\n", "template_fields.complete",
	  "true" },
	{ "renderers", "class A(BaseOperator):\n    template_fields_renderers = {'sql': 'sql'}\n",
	  "template_fields.renderers", "{\"sql\":\"sql\"}" },
	{ "keyword-only required after optional", INIT "a=1, *, b, **kwargs):\n        pass\n",
	  "parameter_ordering.required_before_optional", "false" },
	{ "required", INIT "a=1, *, b, **kwargs):\n        pass\n", "parameter_ordering.required", "[\"b\"]" },
	{ "parameter", INIT "*, b: int | None = None):\n        pass\n", "parameter_ordering.parameters.0",
	  "{\"name\":\"b\",\"kind\":\"keyword_only\",\"annotation\":\"int | "
	  "None\",\"default\":\"None\",\"required\":false}" },
	{ "availability flag",
	  "try:\n    import x\n    OK = True\nexcept ImportError:\n    OK = False\n" RUN
	  "if not OK:\n            return 'mock'\n",
	  "mock_execution.checks.1.trigger", "\"availability_flag\"" },
	{ "none guard",
	  "try:\n    import x\nexcept ImportError:\n    x = None\n" RUN "if x is None:\n            return 1\n",
	  "mock_execution.checks.1.trigger", "\"none_guard\"" },
	{ "environment", RUN "if os.environ.get('M'):\n            return 1\n", "mock_execution.checks.0.trigger",
	  "\"environment\"" },
	{ "log call", RUN "self.log.info('%s', context)\n", "logging.calls.0",
	  "{\"level\":\"info\",\"logger\":\"self.log\",\"format\":\"percent\",\"message\":\"'%s'\",\"argument_count\":"
	  "1,\"line\":3}" },
	{ "log f-string", RUN "logger.error(f'{context}')\n", "logging.calls.0.format", "\"fstring\"" },
	{ "log str.format", RUN "logger.error('{}'.format(context))\n", "logging.calls.0.format", "\"str_format\"" },
	{ "guard required", INIT "a):\n        if not a:\n            raise ValueError('a')\n",
	  "validation.guards.0.check", "\"required\"" },
	{ "guard enum", INIT "a):\n        if a not in ('x', 'y'):\n            raise ValueError('a')\n",
	  "validation.guards.0.check", "\"enum\"" },
	{ "guard type", INIT "a):\n        if not isinstance(a, str):\n            raise ValueError('a')\n",
	  "validation.guards.0.subject", "\"a\"" },
	{ "guard range", INIT "a):\n        if a < 0:\n            raise ValueError('a')\n",
	  "validation.guards.0.check", "\"range\"" },
	{ "dag_run conf", RUN "x = context['dag_run'].conf.get('k', 1)\n", "runtime_parameters.accesses.0.source",
	  "\"dag_run_conf\"" },
	{ "xcom", RUN "x = context['ti'].xcom_pull(task_ids='a', key='k')\n", "runtime_parameters.accesses.0.key",
	  "\"k\"" },
	{ "connection", RUN "x = BaseHook.get_connection(self.conn_id)\n", "runtime_parameters.accesses.0.key",
	  "null" },
	{ "super first", INIT "a, **kwargs):\n        super().__init__(**kwargs)\n        self.a = a\n",
	  "initialization.super_init", "\"first\"" },
	{ "super arguments", INIT "a, **kwargs):\n        super().__init__(task_id=a,\n            **kwargs)\n",
	  "initialization.super_arguments", "[\"task_id=a\",\"**kwargs\"]" },
	{ "assignments", INIT "a):\n        self.a: int = a  # why\n", "initialization.assignments",
	  "[{\"attribute\":\"a\",\"value\":\"a\"}]" },
};

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof record_rows / sizeof *record_rows; i++) {
		pf_module *module = extract(record_rows[i].name, "a.py", record_rows[i].source);
		cJSON *record;
		char *got;

		if (!module)
			continue;
		record = cJSON_Parse(module->components[0].record);
		got = cJSON_PrintUnformatted(follow(record, record_rows[i].path));
		if (!got || strcmp(got, record_rows[i].want) != 0)
			fail_row(record_rows[i].name, record_rows[i].path, got ? got : "(nothing)",
				 record_rows[i].want);
		free(got);
		cJSON_Delete(record);
		pf_module_free(module);
	}
	rows_done();
}

/* --- canonical forms ------------------------------------------------------------------------------------------- */

/* The first unit of that name has that template. */
static const struct {
	const char *name, *source, *unit, *want;
} template_rows[] = {
	{ "structural", "@d(1)\nclass A(BaseOperator):\n    x = 1\n    ui_color = ''\n    def execute(self): pass\n",
	  "structural_pattern", "@d\nclass $1(BaseOperator):\n    ui_color = ...\n    def execute(...): ..." },
	{ "dual import",
	  "try:\n    from a import (B,)\nexcept ImportError:\n    from c import B\nclass A(B, BaseOperator):\n    "
	  "pass\n",
	  "dual_import", "try:\n    from a import B\nexcept ImportError:\n    from c import B" },
	{ "import item", "import a.b as c\nclass A(BaseOperator):\n    x = c.y\n", "import_item", "import a.b as c" },
	{ "execution",
	  "class A(BaseOperator):\n    async def execute(self, context, *, e=None):\n        return context['ti']\n",
	  "execution_pattern",
	  "async def execute(self, context, *, optional):\n    context[\"ti\"]\n    return $expression" },
	{ "handler", RUN "try:\n            f()\n        except (B, A):\n            raise X()\n", "exception_handler",
	  "except A, B:\n    raise\n    # raises X" },
	{ "raise", RUN "raise X(f'{a}' % b, self.c, k=1) from None\n", "raise", "raise X($str, $, k=$num) from None" },
	{ "template field", "class A(BaseOperator):\n    template_fields = ('a',)\n", "template_field", "\"a\"" },
	{ "template fields", "class A(BaseOperator):\n    template_fields: t.Sequence[str] = ('a',)\n",
	  "template_fields_pattern", "template_fields: Sequence[str] = tuple of $str" },
	{ "parameter", INIT "a: Optional[typing.List[str]] = None):\n        pass\n", "parameter",
	  "a: list[str] | None = None" },
	{ "ordering", INIT "a, *, b=1, **k):\n        pass\n", "parameter_ordering_pattern",
	  "(self, required, *, optional, **kwargs)" },
	{ "log call", RUN "self.log.info('x %s', context)\n", "log_call", "log.info($str, $)  # percent" },
	{ "guard",
	  INIT
	  "a):\n        if not (self.a and\n            a):\n            raise ValueError('x')\n        self.a = a\n",
	  "guard", "if not ($1 and $2):\n    raise ValueError" },
	{ "parentheses where operators need them",
	  INIT "a):\n        self.x = (a if (a or 1) else (lambda: (a))) + (-(a)) * ((a))\n", "init_statement",
	  "self.$1 = ($2 if $2 or $num else lambda: $2) + -$2 * $2" },
	{ "a method of a second base of the module",
	  "class A(BaseOperator, B[int]):\n    def __init__(self):\n        self.check(1)\nclass B(C):\n    pass\n"
	  "class C(A, B):\n    def check(self, x):\n        pass\n",
	  "init_statement", "self.$1($num)" },
	{ "a plain assignment by other names",
	  INIT "a, deferrable):\n        self.b = a\n        self.deferrable = a\n", "init_statement",
	  "self.deferrable = $1" },
	{ "a local is no parameter", INIT "a):\n        b = a()\n        self.b = b\n        self.c = b + 1\n",
	  "init_statement", "$1 = $2()" },
	{ "an exception of a variable", RUN "try:\n            f()\n        except context:\n            pass\n",
	  "exception_handler", "except $:\n    pass" },
	{ "a catalog is no logger", RUN "self.catalog.error('x')\n        self.log.info(1)\n", "log_call",
	  "log.info($num)  # other" },
	{ "runtime access", RUN "return context['params']\n", "runtime_access", "context[\"params\"]" },
	{ "a parameter", RUN "return self.params.get('k', 1)\n", "runtime_access", "params.get(\"k\", ...)" },
	{ "access with a default", RUN "return kwargs\n    def f(self, **kwargs):\n        kwargs.get('k', 1)\n",
	  "runtime_access", "kwargs.get(\"k\", ...)" },
	{ "xcom push", RUN "self.xcom_push(context, key='k', value=1)\n", "runtime_access", "xcom_push(key=\"k\")" },
	{ "xcom pull", RUN "self.xcom_pull(context, key='k', default=1)\n", "runtime_access",
	  "xcom_pull(key=\"k\", ...)" },
	{ "connection", RUN "self.get_connection(self.conn_id)\n", "runtime_access", "get_connection($1)" },
	{ "returns", RUN "if context:\n            return 1\n        return f()\n", "execution_pattern",
	  "def execute(self, context):\n    return $call\n    return $literal" },
	{ "super and defer", RUN "super().execute(context)\n        self.defer(trigger=T())\n", "execution_pattern",
	  "def execute(self, context):\n    super().execute(...)\n    self.defer(...)" },
	{ "super", INIT "a, **k):\n        super(A, self).__init__(a=a, **k)\n", "initialization_pattern",
	  "super().__init__(a=$1, **$2)  # only" },
	{ "statement", INIT "a):\n        if (a): self.b = a or 'x'\n", "init_statement",
	  "if $1:\n    self.$2 = $1 or $str" },
};

static char *template_of(const pf_module *module, const char *unit, char signature[33])
{
	const pf_component *component = &module->components[0];

	for (size_t i = 0; i < component->pattern_count; i++) {
		pf_text document = { 0 };
		char *template = NULL;
		cJSON *json;

		if (strcmp(component->patterns[i].name, unit) != 0)
			continue;
		pf_text_printf(&document, "{%s}", component->patterns[i].data);
		json = cJSON_Parse(document.bytes);
		if (cJSON_GetStringValue(cJSON_GetObjectItem(json, "template")))
			template = strdup(cJSON_GetStringValue(cJSON_GetObjectItem(json, "template")));
		memcpy(signature, component->patterns[i].signature, 33);
		cJSON_Delete(json);
		pf_text_free(&document);
		return template;
	}
	return NULL;
}

static void test_templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof template_rows / sizeof *template_rows; i++) {
		pf_module *module = extract(template_rows[i].name, "a.py", template_rows[i].source);
		char signature[33], *got;

		if (!module)
			continue;
		got = template_of(module, template_rows[i].unit, signature);
		if (!got || strcmp(got, template_rows[i].want) != 0)
			fail_row(template_rows[i].name, template_rows[i].unit, got ? got : "(none)",
				 template_rows[i].want);
		free(got);
		pf_module_free(module);
	}
	rows_done();
}

/* Two sources whose first unit of that name is the same pattern, or is not. */
static const struct {
	const char *name, *unit;
	bool same;
	const char *a, *b;
} signature_rows[] = {
	{ "renamed and reworded", "init_statement", true, INIT "a):\n        self.x = a or 'y'\n",
	  INIT "bb):\n        # why\n        self.zz = (\n            bb\n            or f\"{bb}\"\n        )\n" },
	{ "numbers by binding", "init_statement", false, INIT "a, b):\n        self.x = a + a\n",
	  INIT "a, b):\n        self.x = a + b\n" },
	{ "another operator", "init_statement", false, INIT "a):\n        self.x = a or 1\n",
	  INIT "a):\n        self.x = a and 1\n" },
	{ "a guard of self", "guard", true, INIT "a):\n        if not a:\n            raise V('x')\n",
	  INIT "a):\n        self.a = a\n        if not self.a:\n            raise V(\"other\", 2)\n" },
	{ "another exception", "guard", false, INIT "a):\n        if not a:\n            raise V('x')\n",
	  INIT "a):\n        if not a:\n            raise W('x')\n" },
	{ "an import's alias", "init_statement", true, "import m\n" INIT "a):\n        self.x = m.f(a)\n",
	  "import m as q\n" INIT "a):\n        self.x = q.f(a)\n" },
	{ "a local that shadows an import", "init_statement", false, "import m\n" INIT "a):\n        self.x = m.f(a)\n",
	  "import m\n" INIT "m):\n        self.x = m.f(m)\n" },
	{ "API names stay", "init_statement", false, INIT "a):\n        self.x = a.f()\n",
	  INIT "a):\n        self.x = a.g()\n" },
	{ "context keys stay", "runtime_access", false, RUN "return context['ti']\n", RUN "return context['ds']\n" },
	{ "annotations agree", "parameter", true, INIT "a: Optional[Dict[str, int]] = 'x'):\n        pass\n",
	  INIT "a: dict[str, int] | None = \"x\"):\n        pass\n" },
	{ "names of parameters stay", "parameter", false, INIT "a: int):\n        pass\n",
	  INIT "b: int):\n        pass\n" },
	{ "order of exceptions", "exception_handler", true,
	  RUN "try:\n            f()\n        except (B, A) as e:\n            pass\n",
	  RUN "try:\n            g()\n        except (A, B):\n            pass\n" },
	{ "log level", "log_call", false, RUN "self.log.info('a')\n", RUN "self.log.error('a')\n" },
	{ "log wording", "log_call", true, RUN "self.log.info('a %s', context)\n",
	  RUN "logger.info(\"other %r\", self.x)\n" },
	{ "idle parentheses", "init_statement", true,
	  INIT "a):\n        self.x = (((a.b) == (1)) and (not (a in (self).y))) or (f)(x for x in a)\n",
	  INIT "a):\n        self.x = a.b == 1 and not a in self.y or f((x for x in a))\n" },
	{ "parentheses that tell", "init_statement", false, INIT "a):\n        self.x = a and (a or 1)\n",
	  INIT "a):\n        self.x = a and a or 1\n" },
	{ "operands to the right", "init_statement", false, INIT "a):\n        self.x = a - (a - 1)\n",
	  INIT "a):\n        self.x = a - a - 1\n" },
	{ "a power of a negative number", "init_statement", false, INIT "a):\n        self.x = (-a) ** 2\n",
	  INIT "a):\n        self.x = -a ** 2\n" },
	{ "bare tuples", "init_statement", true, INIT "a):\n        for (x, y) in (a, a): self.x[x, y] = (x, y)\n",
	  INIT "a):\n        for x, y in a, a: self.x[(x, y)] = x, y\n" },
	{ "a key of an import by another name", "init_statement", true,
	  "from airflow.configuration import conf\n" INIT "a):\n        self.x = conf.get('k', 1)\n",
	  "from airflow.configuration import conf as settings\n" INIT "a):\n        self.x = settings.get('k', 1)\n" },
	{ "a use of a dotted import", "import_item", true, "import a.b\nclass A(BaseOperator):\n    x = a\n",
	  "import a . b\nclass A(BaseOperator):\n    x = a\n" },
	{ "a logger got in a roundabout way", "log_call", true, "say = logging.getLogger(1)\n" RUN "say.info('a')\n",
	  "say = (logging . getLogger)(1)\n" RUN "say.info('a')\n" },
	{ "white space in a dotted name", "import_item", true, "from a.b import c\nclass A(BaseOperator):\n    x = c\n",
	  "from a . \\\n b import (c)\nclass A(BaseOperator):\n    x = c\n" },
	{ "white space in an operator", "guard", true, INIT "a):\n        if a not  in self.b:\n            raise V\n",
	  INIT "a):\n        if a not in self.b:\n            raise V\n" },
	{ "super in parentheses", "initialization_pattern", true, INIT "a):\n        (super()).__init__(a)\n",
	  INIT "a):\n        super().__init__(a)\n" },
	{ "None in parentheses", "mock_execution_pattern", true,
	  "try:\n    import m\nexcept ImportError:\n    m = (None)\n" RUN "if m is None:\n            raise X\n",
	  "try:\n    import m\nexcept ImportError:\n    m = None\n" RUN "if m is None:\n            raise X\n" },
	{ "quotes of a key", "runtime_access", true, RUN "return f(context[\"ti\"])\n",
	  RUN "return f(context[r'''ti'''])\n" },
	{ "quotes of a kept string", "init_statement", true, INIT "a):\n        f(self.params['k'])\n",
	  INIT "a):\n        f(self.params[u\"\"\"k\"\"\"])\n" },
	{ "quotes and aliases of a default", "parameter", true,
	  "import m\n" INIT "a=(f'x', b\"y\", m.z)):\n        pass\n",
	  "import m as n\n" INIT "a=(F\"\"\"x\"\"\", B'y', n.z)):\n        pass\n" },
	{ "kwargs by another name", "init_statement", true,
	  INIT "**kwargs):\n        f('a' in kwargs, kwargs.pop('a'))\n",
	  INIT "**others):\n        f('a' in others, others.pop('a'))\n" },
	{ "a key of kwargs", "runtime_access", false, INIT "**others):\n        f(others['a'])\n",
	  INIT "**others):\n        f(others['b'])\n" },
	{ "a logger by another name", "log_call", true,
	  "import logging\nlog = logging.getLogger(__name__)\n" RUN "log.info('a')\n",
	  "import logging\nsay = logging.getLogger(__name__)\n" RUN "say.info('a')\n" },
	{ "an exception of a local", "exception_handler", true,
	  RUN "try:\n            f()\n        except (B, context.exceptions.A):\n            pass\n",
	  "class A(BaseOperator):\n    def execute(self, other):\n        try:\n            f()\n        except "
	  "((other).exceptions.A, B):\n            pass\n" },
	{ "an exception of an attribute", "exception_handler", true,
	  INIT "a):\n        self.a = a\n        try:\n            f()\n        except self.a.X:\n            pass\n",
	  INIT "a):\n        self.b = a\n        try:\n            f()\n        except self.b.X:\n            pass\n" },
	{ "one-line block", "init_statement", true, INIT "a):\n        if a: f(a)\n",
	  INIT "a):\n        if (a):\n            f(a,)\n" },
};

static void test_signatures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof signature_rows / sizeof *signature_rows; i++) {
		pf_module *a = extract(signature_rows[i].name, "a.py", signature_rows[i].a);
		pf_module *b = extract(signature_rows[i].name, "b.py", signature_rows[i].b);
		char first[33] = "", second[33] = "", *x = NULL, *y = NULL;

		if (a && b) {
			x = template_of(a, signature_rows[i].unit, first);
			y = template_of(b, signature_rows[i].unit, second);
		}
		if (!x || !y || (strcmp(first, second) == 0) != signature_rows[i].same)
			fail_row(signature_rows[i].name, signature_rows[i].same ? "differ" : "agree", x ? x : "(none)",
				 y ? y : "(none)");
		free(x);
		free(y);
		pf_module_free(a);
		pf_module_free(b);
	}
	rows_done();
}

/* --- what is trivial ------------------------------------------------------------------------------------------- */

/* The first unit of that name says little, or something. */
static const struct {
	const char *source, *unit;
	bool want;
} trivial_rows[] = {
	{ "import os\nclass A(BaseOperator):\n    x = os.y\n", "import_item", true },
	{ "from collections.abc import B\nclass A(BaseOperator):\n    x = B\n", "import_item", true },
	{ "from .os import B\nclass A(BaseOperator):\n    x = B\n", "import_item", false },
	{ "import osmosis\nclass A(BaseOperator):\n    x = osmosis.y\n", "import_item", false },
	{ "try:\n    import os\nexcept ImportError:\n    import so as os\nclass A(BaseOperator):\n    x = os\n",
	  "dual_import", false },
	{ RUN "pass\n", "execution_pattern", true },
	{ RUN "return f()\n", "execution_pattern", true },
	{ RUN "self.defer()\n        return f()\n", "execution_pattern", false },
	{ RUN "self.log.info('x')\n", "log_call", true },
	{ RUN "self.log.error(context)\n", "log_call", true },
	{ RUN "self.log.info('%s', context)\n", "log_call", false },
	{ RUN "raise\n", "raise", true },
	{ RUN "raise X()\n", "raise", false },
	{ RUN "self.get_connection(context)\n", "runtime_access", false },
	{ RUN "context[self.key]\n", "runtime_access", true },
	{ INIT "*, k=1):\n        pass\n", "parameter", false },
	{ INIT "**anything: Any):\n        pass\n", "parameter", true },
	{ INIT "*args, **kwargs):\n        pass\n", "parameter_ordering_pattern", true },
	{ INIT "a, **kwargs):\n        pass\n", "parameter_ordering_pattern", false },
	{ INIT "a):\n        self.b = None\n", "init_statement", true },
	{ INIT "a):\n        self.b = a + a\n", "init_statement", false },
	{ INIT "a):\n        self.b = a or None\n", "init_statement", false },
};

static void test_trivial(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof trivial_rows / sizeof *trivial_rows; i++) {
		pf_module *module = extract(trivial_rows[i].unit, "a.py", trivial_rows[i].source);
		const pf_pattern *pattern = NULL;

		for (size_t p = 0; module && p < module->components[0].pattern_count && !pattern; p++)
			if (strcmp(module->components[0].patterns[p].name, trivial_rows[i].unit) == 0)
				pattern = &module->components[0].patterns[p];
		if (!pattern || pattern->trivial != trivial_rows[i].want)
			fail_row(trivial_rows[i].unit, trivial_rows[i].source,
				 !pattern	    ? "(nothing)"
				 : pattern->trivial ? "trivial"
						    : "not trivial",
				 trivial_rows[i].want ? "trivial" : "not trivial");
		pf_module_free(module);
	}
	rows_done();
}

/* --- category, complexity -------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *path, *source, *want;
} category_rows[] = {
	{ "an optional library", "op.py",
	  "try:\n    import nemo\nexcept ImportError:\n    nemo = None\nclass "
	  "NeMoQuestionAnsweringOperator(BaseOperator):\n"
	  "    pass\n",
	  "ml/nlp [\"nemo\"] 0" },
	{ "a provider's path", "providers/snowflake/operators/x.py", "class A(BaseOperator):\n    pass\n",
	  "database/warehouse [] 0" },
	{ "words", "x.py", "class SlackFooOperator(BaseOperator):\n    pass\n", "notification/chat [] 0" },
	{ "a word is a whole one", "x.py", "class SlackenOperator(BaseOperator):\n    pass\n", "general/- [] 0" },
	{ "of several words", "x.py", "class GCPSpeechToTextHook:\n    pass\n", "ml/speech [] 0" },
	{ "from one to another", "x.py", "class GCSToBigQueryOperator(BaseOperator):\n    pass\n", "transfer/- [] 0" },
	{ "words of a base", "x.py", "class Nightly(airflow.SnowflakeOperator):\n    pass\n",
	  "database/warehouse [] 0" },
	{ "words of the file", "in/s3_upload.py", "class ArchiveOperator(BaseOperator):\n    pass\n",
	  "storage/object [] 0" },
	{ "no words of the folders", "s3/x.py", "class NightlyOperator(BaseOperator):\n    pass\n", "general/- [] 0" },
	{ "a provider's module says more than its provider", "x.py",
	  "from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook\n"
	  "from airflow.providers.amazon.aws.hooks.glue_crawler import X\nclass A(BaseOperator):\n    pass\n",
	  "processing/etl [\"airflow.providers.amazon\"] 0" },
	{ "the innermost providers", "providers/amazon/src/airflow/providers/ssh/x.py", "class AHook:\n    pass\n",
	  "compute/remote [] 0" },
	{ "no providers/", "myproviders/ssh/x.py", "class AHook:\n    pass\n", "general/- [] 0" },
	{ "Airflow 1", "x.py", "from airflow.contrib.hooks.snowflake_hook import Y\nclass AHook:\n    pass\n",
	  "database/warehouse [] 0" },
	{ "a package around it", "x.py", "import snowflake.connector.cursor\nclass AHook:\n    pass\n",
	  "database/warehouse [\"snowflake\"] 0" },
	{ "a name from a package", "x.py", "from google.cloud import (a, vision_v1 as v)\nclass AHook:\n    pass\n",
	  "ml/vision [\"google\"] 0" },
	{ "a name that goes on is another", "x.py", "import boto3x\nclass AHook:\n    pass\n",
	  "general/- [\"boto3x\"] 0" },
	{ "a private name says nothing", "x.py",
	  "from airflow.providers.x import _parse_s3_config\nclass AHook:\n    pass\n",
	  "general/- [\"airflow.providers.x\"] 0" },
	{ "the class's name before its imports", "x.py",
	  "from airflow.providers.amazon.aws.hooks.s3 import S3Hook\nclass DataprocOperator(BaseOperator):\n"
	  "    pass\n",
	  "processing/spark [\"airflow.providers.amazon\"] 0" },
	{ "a purpose before a cloud", "x.py", "import boto3, pandas\nclass AHook:\n    pass\n",
	  "processing/dataframe [\"boto3\", \"pandas\"] 0" },
	{ "nothing", "x.py", "class XyzOperator(BaseOperator):\n    pass\n", "general/- [] 0" },
	{ "complexity", "x.py",
	  INIT
	  "a):\n        if a and b or c:\n            return [x for x in a if x]\n    def f(self):\n        pass\n",
	  "general/- [] 7" },
};

static void test_categories(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof category_rows / sizeof *category_rows; i++) {
		pf_module *module = extract(category_rows[i].name, category_rows[i].path, category_rows[i].source);
		const pf_component *component;
		char got[256];

		if (!module)
			continue;
		component = &module->components[0];
		snprintf(got, sizeof got, "%s/%s %s %d", component->category,
			 component->subcategory ? component->subcategory : "-", component->libraries,
			 component->complexity_score);
		if (strcmp(got, category_rows[i].want) != 0)
			fail_row(category_rows[i].name, "category", got, category_rows[i].want);
		pf_module_free(module);
	}
	rows_done();
}

static void repeat(pf_text *text, const char *part, int times)
{
	while (times-- > 0)
		pf_text_puts(text, part);
}

/* --- a user's categories --------------------------------------------------------------------------------------- */

/* What such rows make of a component, on top of the embedded ones. */
static const struct {
	const char *name, *csv, *source, *want;
} table_rows[] = {
	{ "none", "", "import boto3\nclass AHook:\n    pass\n", "cloud/amazon" },
	{ "a header alone", "kind,token,category,subcategory,weight", "class AHook:\n    pass\n", "general/-" },
	{ "an import", "import,acme.billing,finance,invoices,9\n", "from acme import billing\nclass AHook:\n    pass\n",
	  "finance/invoices" },
	{ "no subcategory", "import,acme,finance,,9\n", "import acme\nclass AHook:\n    pass\n", "finance/-" },
	{ "a provider", "provider,acme,finance,,9\n",
	  "from airflow.providers.acme.hooks import x\nclass AHook:\n    pass\n", "finance/-" },
	{ "a word, in any case", "word,hamsterWHEEL,pets,,9\n", "class TheHamsterWheelHook:\n    pass\n", "pets/-" },
	{ "in place of an embedded row", "import,boto3,ours,aws,1\n", "import boto3\nclass AHook:\n    pass\n",
	  "ours/aws" },
	{ "in place of a word", "word,s3,buckets,,5\n", "class S3Hook:\n    pass\n", "buckets/-" },
	{ "the heavier", "import,a,light,,98\nimport,b,heavy,,99\n", "import b, a\nclass AHook:\n    pass\n",
	  "heavy/-" },
	{ "the longer token", "import,a,package,,5\nimport,a.b,module,,5\n", "import a.b\nclass AHook:\n    pass\n",
	  "module/-" },
	{ "header, comments, empty lines, CR LF, a byte-order mark, no newline at the end",
	  "\xef\xbb\xbfkind,token,category,subcategory,weight\r\n\r\n# \"caf\xc3\xa9\", ours\r\nimport,a,b,c,1",
	  "import a\nclass AHook:\n    pass\n", "b/c" },
};

static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table_rows / sizeof *table_rows; i++) {
		const char *csv = table_rows[i].csv, *source = table_rows[i].source;
		pf_err err = { 0 };
		pf_categories *categories = pf_categories_new("c.csv", csv, strlen(csv), &err);
		pf_extract_limits limits = { .categories = categories };
		pf_extractor *other = categories ? pf_extractor_new(&limits, &err) : NULL;
		pf_module *module = NULL;
		char got[256] = "";

		if (other && pf_extract(other, "x.py", source, strlen(source), &module, &err) == 0)
			snprintf(got, sizeof got, "%s/%s", module->components[0].category,
				 module->components[0].subcategory ? module->components[0].subcategory : "-");
		if (strcmp(got, table_rows[i].want) != 0)
			fail_row(table_rows[i].name, "category", *got ? got : err.why, table_rows[i].want);
		pf_module_free(module);
		pf_extractor_free(other);
		pf_categories_free(categories);
	}
	rows_done();
}

#define WANT_NAME    "expected a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved name"
#define WANT_DOTTED  "expected names with dots between them, at most 128 bytes, such as "
#define WANT_WORD    "expected at most 64 letters and digits, such as BigQuery"
#define WANT_WEIGHT  "expected an integer from 1 to 99"
#define WANT_COLUMNS "kind,token,category,subcategory,weight"
#define TEN	     "0123456789"
#define FIFTY	     TEN TEN TEN TEN TEN

static const struct {
	const char *name, *csv;
	size_t len; /* 0: as long as the string */
	int code;
	const char *why;
} table_refusals[] = {
	{ "kind", "impor,a,b,c,1\n", 0, EINVAL, "c.csv:1:1: error: kind 'impor', expected import, provider or word" },
	{ "kind in capitals", "# x\nImport,a,b,c,1\n", 0, EINVAL,
	  "c.csv:2:1: error: kind 'Import', expected import, provider or word" },
	{ "empty kind", ",a,b,c,1\n", 0, EINVAL, "c.csv:1:1: error: kind '', expected import, provider or word" },
	{ "a header that is not first", "\n" WANT_COLUMNS, 0, EINVAL,
	  "c.csv:2:1: error: kind 'kind', expected import, provider or word" },
	{ "white space", " import,a,b,c,1\n", 0, EINVAL,
	  "c.csv:1:1: error: kind ' import', expected import, provider or word" },
	{ "empty token", "import,,b,c,1\n", 0, EINVAL,
	  "c.csv:1:8: error: token '', " WANT_DOTTED "google.cloud.storage" },
	{ "a token's form", "import,a-b,b,c,1\n", 0, EINVAL,
	  "c.csv:1:8: error: token 'a-b', " WANT_DOTTED "google.cloud.storage" },
	{ "a dot first", "provider,.a,b,c,1\n", 0, EINVAL, "c.csv:1:10: error: token '.a', " WANT_DOTTED "amazon.aws" },
	{ "a dot last", "provider,a.,b,c,1\n", 0, EINVAL, "c.csv:1:10: error: token 'a.', " WANT_DOTTED "amazon.aws" },
	{ "two dots", "provider,a..b,b,c,1\n", 0, EINVAL,
	  "c.csv:1:10: error: token 'a..b', " WANT_DOTTED "amazon.aws" },
	{ "a digit first", "import,a.1,b,c,1\n", 0, EINVAL,
	  "c.csv:1:8: error: token 'a.1', " WANT_DOTTED "google.cloud.storage" },
	{ "a long token", "import,a" FIFTY FIFTY TEN TEN "12345678,b,c,1\n", 0, EINVAL,
	  "c.csv:1:8: error: token 'a012345678901234567890123456789012345678…', " WANT_DOTTED "google.cloud.storage" },
	{ "empty word", "word,,b,c,1\n", 0, EINVAL, "c.csv:1:6: error: token '', " WANT_WORD },
	{ "a word's form", "word,a_b,b,c,1\n", 0, EINVAL, "c.csv:1:6: error: token 'a_b', " WANT_WORD },
	{ "no ASCII", "word,caf\xc3\xa9,b,c,1\n", 0, EINVAL, "c.csv:1:6: error: token 'caf\xc3\xa9', " WANT_WORD },
	{ "a long word", "word," FIFTY TEN "12345,b,c,1\n", 0, EINVAL,
	  "c.csv:1:6: error: token '" TEN TEN TEN TEN "…', " WANT_WORD },
	{ "category", "import,a,B C,c,1\n", 0, EINVAL, "c.csv:1:10: error: category 'B C', " WANT_NAME },
	{ "empty category", "import,a,,c,1\n", 0, EINVAL, "c.csv:1:10: error: category '', " WANT_NAME },
	{ "a reserved category", "import,a,incoming,c,1\n", 0, EINVAL,
	  "c.csv:1:10: error: category 'incoming', " WANT_NAME },
	{ "a way out of the directory", "import,a,..,c,1\n", 0, EINVAL,
	  "c.csv:1:10: error: category '..', " WANT_NAME },
	{ "subcategory", "import,a,b,/c,1\n", 0, EINVAL, "c.csv:1:12: error: subcategory '/c', " WANT_NAME },
	{ "a control character", "import,a,b\x1b[2J\xc2\x9b,c,1\n", 0, EINVAL,
	  "c.csv:1:10: error: category 'b?[2J?\?', " WANT_NAME },
	{ "weight 0", "import,a,b,c,0\n", 0, EINVAL, "c.csv:1:14: error: weight '0', " WANT_WEIGHT },
	{ "weight 100", "import,a,b,c,100\n", 0, EINVAL, "c.csv:1:14: error: weight '100', " WANT_WEIGHT },
	{ "weight -1", "import,a,b,c,-1\n", 0, EINVAL, "c.csv:1:14: error: weight '-1', " WANT_WEIGHT },
	{ "weight 1.5", "import,a,b,c,1.5\n", 0, EINVAL, "c.csv:1:14: error: weight '1.5', " WANT_WEIGHT },
	{ "no weight", "import,a,b,c,\n", 0, EINVAL, "c.csv:1:14: error: weight '', " WANT_WEIGHT },
	{ "four fields", "import,a,b,1\n", 0, EINVAL, "c.csv:1:13: error: 4 fields, expected 5: " WANT_COLUMNS },
	{ "one field", "import\n", 0, EINVAL, "c.csv:1:7: error: 1 field, expected 5: " WANT_COLUMNS },
	{ "six fields", "import,a,b,c,1,\n", 0, EINVAL,
	  "c.csv:1:15: error: more than 5 fields, expected " WANT_COLUMNS },
	{ "columns are characters", "\xc3\xa9\xc3\xa9,a\"", 0, EINVAL,
	  "c.csv:1:5: error: '\"', expected fields without quotes: " WANT_COLUMNS },
	{ "quotes", "import,\"a\",b,c,1\n", 0, EINVAL,
	  "c.csv:1:8: error: '\"', expected fields without quotes: " WANT_COLUMNS },
	{ "a carriage return", "import,a,b,c,1\rimport,b,b,c,1\n", 0, EINVAL,
	  "c.csv:1:15: error: a carriage return, expected one only before a newline" },
	{ "NUL", "import,a,b,c,1\nimport\0\n", 23, EINVAL, "c.csv:2:7: error: a NUL byte, expected text" },
	{ "latin-1", "# caf\xe9\n", 0, EILSEQ, "c.csv:1:6: error: byte 0xe9 is not UTF-8, expected UTF-8" },
	{ "a token twice", "import,a,b,c,1\nword,a,b,c,1\nimport,a,b,c,1\n", 0, EINVAL,
	  "c.csv:3:8: error: import 'a' again, expected each once (it is on line 1)" },
	{ "a word twice", "word,Ab,b,c,1\nword,aB,b,c,1\n", 0, EINVAL,
	  "c.csv:2:6: error: word 'ab' again, expected each once (it is on line 1)" },
};

static void refuses_table(const char *name, const char *csv, size_t len, int code, const char *why)
{
	pf_err err = { 0 };
	pf_categories *categories = pf_categories_new("c.csv", csv, len, &err);

	if (categories || err.code != code || strcmp(err.why, why) != 0)
		fail_row(name, categories ? "accepted" : "message", err.why, why);
	pf_categories_free(categories);
}

static void test_table_refusals(void **state)
{
	pf_text large = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof table_refusals / sizeof *table_refusals; i++)
		refuses_table(table_refusals[i].name, table_refusals[i].csv,
			      table_refusals[i].len ? table_refusals[i].len : strlen(table_refusals[i].csv),
			      table_refusals[i].code, table_refusals[i].why);
	pf_text_puts(&large, "\n#");
	repeat(&large, FIFTY, 20);
	refuses_table("a long line", large.bytes, large.len, EINVAL,
		      "c.csv:2:1001: error: 1001 bytes in a line, expected at most 1000");
	repeat(&large, "\n", PF_CATEGORIES_MAX);
	refuses_table("a large file", large.bytes, large.len, EFBIG,
		      "c.csv: error: over 1048576 bytes, expected at most that");
	pf_text_free(&large);
	rows_done();
}

/* --- refusals -------------------------------------------------------------------------------------------------- */

#define NO_CLASS                                                                                                       \
	": error: no component class, expected a class that is or extends an Operator, Sensor, Hook, Trigger or "      \
	"Notifier"

static const struct {
	const char *name, *source;
	size_t len; /* 0: as long as the string */
	int code;
	const char *why;
} refusal_rows[] = {
	{ "empty", "", 0, EINVAL, "x.py" NO_CLASS },
	{ "comments", "# nothing\n", 0, EINVAL, "x.py" NO_CLASS },
	{ "no component", "class A:\n    pass\n", 0, EINVAL, "x.py" NO_CLASS },
	{ "NUL", "a = 1\nb = '\0'\n", 13, EINVAL, "x.py:2: error: NUL byte, expected Python source" },
	{ "latin-1", "a = 1\n# \xe9\n", 0, EILSEQ, "x.py:2: error: byte 0xe9 is not UTF-8, expected UTF-8" },
	{ "open bracket", "class A(BaseOperator):\n    x = f(1,\n    def g(self):\n        pass\n", 0, EINVAL,
	  "x.py:2:10: error: '(' is never closed, expected ')' to close the bracket" },
	{ "colon", "class A(BaseOperator)\n    x = 1\n", 0, EINVAL,
	  "x.py:1:22: error: unexpected end of line, expected ':'" },
	{ "no body", "class A(BaseOperator):\n", 0, EINVAL,
	  "x.py:1:23: error: unexpected end of line, expected an indented block after 'class' of line 1" },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusal_rows / sizeof *refusal_rows; i++) {
		size_t len = refusal_rows[i].len ? refusal_rows[i].len : strlen(refusal_rows[i].source);
		pf_module *module = NULL;
		pf_err err = { 0 };
		int rc = pf_extract(extractor, "dir/x.py", refusal_rows[i].source, len, &module, &err);

		if (rc != -refusal_rows[i].code || module || strcmp(err.why, refusal_rows[i].why) != 0)
			fail_row(refusal_rows[i].name, rc ? "message" : "accepted", err.why, refusal_rows[i].why);
		pf_module_free(module);
	}
	rows_done();
}

/* --- hostile input --------------------------------------------------------------------------------------------- */

#define UNCOUNTABLE "x.py: error: too many comments in a row or too deeply nested code, expected fewer than 65,536"

/* Whatever comes out, it comes out, in time. */
static void test_hostile(void **state)
{
	static const struct {
		const char *name, *before, *open, *middle, *close, *after;
		int times;
		const char *why; /* the reason of a refusal; NULL: accepted */
	} rows[] = {
		{ "parentheses", INIT "a):\n        self.x = ", "(", "a", ")", "\n", 5000, NULL },
		{ "lists", INIT "a):\n        self.x = ", "[", "a", "]", "\n", 5000, NULL },
		{ "attributes", INIT "a):\n        self.x = a", ".b", "", "", "\n", 5000, NULL },
		{ "calls", INIT "a):\n        self.x = ", "f(", "a", ")", "\n", 5000, NULL },
		{ "log calls", INIT "a):\n        ", "log.info(", "a", ")", "\n", 2000, NULL },
		{ "not", INIT "a):\n        if ", "not ", "a", "", ":\n            raise X\n", 5000, NULL },
		{ "lambdas", INIT "a):\n        self.x = ", "lambda b: ", "a", "", "\n", 5000, NULL },
		{ "a long line", "class A(BaseOperator):\n    x = '", "y", "", "", "'\n", 1 << 20, NULL },
		{ "unclosed", INIT "a):\n        self.x = ", "(", "", "", "\n", 5000,
		  "x.py:3:5017: error: '(' is never closed, expected ')' to close the bracket" },
		/* More children than libtree-sitter 0.20 can count: it would free what was never allocated. */
		{ "65,000 comments", "class A(BaseOperator):\n    x = 1\n", "#\n", "", "", "", 65000, NULL },
		{ "65,536 comments", "class A(BaseOperator):\n    x = 1\n", "#\n", "", "", "", 65536, UNCOUNTABLE },
		{ "65,536 unclosed", INIT "a):\n        self.x = ", "(", "", "", "\n", 70000, UNCOUNTABLE },
		{ "annotations", "class A(BaseOperator):\n    def __init__(self, a: ", "Optional[", "int", "]",
		  "):\n        pass\n", 2000, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pf_text source = { 0 };
		pf_module *module = NULL;
		pf_err err = { 0 };

		pf_text_puts(&source, rows[i].before);
		repeat(&source, rows[i].open, rows[i].times);
		pf_text_puts(&source, rows[i].middle);
		repeat(&source, rows[i].close, rows[i].times);
		pf_text_puts(&source, rows[i].after);
		pf_extract(extractor, "x.py", source.bytes, source.len, &module, &err);
		if (strcmp(err.why, rows[i].why ? rows[i].why : "") != 0)
			fail_row(rows[i].name, "reason", err.why, rows[i].why ? rows[i].why : "accepted");
		pf_module_free(module);
		pf_text_free(&source);
	}
	rows_done();
}

static void test_limits(void **state)
{
	pf_extract_limits limits = { .max_source = 16 };
	pf_err err = { 0 };
	pf_module *module = NULL;
	pf_extractor *small = pf_extractor_new(&limits, &err);

	(void)state;
	assert_non_null(small);
	assert_int_equal(pf_extract(small, "x.py", "class A(BaseHook): x = 1\n", 25, &module, &err), -EFBIG);
	assert_string_equal(err.why, "x.py: error: 25 bytes, expected at most 16");
	pf_extractor_free(small);
}

static void test_time(void **state)
{
	pf_extract_limits limits = { .timeout_ms = 1 };
	pf_err err = { 0 };
	pf_module *module = NULL;
	pf_extractor *hasty = pf_extractor_new(&limits, &err);
	pf_text source = { 0 };

	(void)state;
	assert_non_null(hasty);
	pf_text_puts(&source, "class A(BaseHook):\n");
	repeat(&source, "    x = [a for a in b if c]\n", 50000);
	assert_int_equal(pf_extract(hasty, "x.py", source.bytes, source.len, &module, &err), -ETIMEDOUT);
	assert_string_equal(err.why, "x.py: error: took over 1 ms of CPU time, expected less");
	assert_null(module);
	pf_text_free(&source);
	pf_extractor_free(hasty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_components), cmocka_unit_test(test_records),
		cmocka_unit_test(test_trivial),	   cmocka_unit_test(test_templates),
		cmocka_unit_test(test_signatures), cmocka_unit_test(test_categories),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_time),
		cmocka_unit_test(test_tables),	   cmocka_unit_test(test_table_refusals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
