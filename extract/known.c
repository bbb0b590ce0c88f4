/* Names that mean the same in every component, because Airflow gives them their meaning. Sorted by strcmp. */
#include "known.h"

#include <stdlib.h>
#include <string.h>

static const char *const attributes[] = {
	"allow_nested_operators",
	"aws_hook_class",
	"base_aws_conn_id",
	"caller",
	"client_type",
	"conn_attr",
	"conn_id",
	"conn_name_attr",
	"conn_type",
	"connector",
	"custom_operator_name",
	"default_client_log_level",
	"default_conn_name",
	"deferrable",
	"downstream_task_ids",
	"hook_class",
	"hook_name",
	"inherits_from_empty_operator",
	"inherits_from_skipmixin",
	"is_async",
	"log",
	"mapped_arguments_validated_by_init",
	"operator_extra_links",
	"placeholder",
	"poke_context_fields",
	"resource_type",
	"service_name",
	"shallow_copy_attrs",
	"start_from_trigger",
	"start_trigger_args",
	"strategy",
	"subdag",
	"supports_autocommit",
	"supports_executemany",
	"supports_lineage",
	"task_display_name",
	"task_id",
	"template_ext",
	"template_fields",
	"template_fields_renderers",
	"ui_color",
	"ui_fgcolor",
	"valid_modes",
};

static const char *const methods[] = {
	"__aenter__",
	"__aexit__",
	"__await__",
	"__call__",
	"__del__",
	"__enter__",
	"__eq__",
	"__exit__",
	"__getattr__",
	"__hash__",
	"__init__",
	"__init_subclass__",
	"__new__",
	"__repr__",
	"__str__",
	"as_setup",
	"as_teardown",
	"async_conn",
	"bulk_dump",
	"bulk_load",
	"choose_branch",
	"cleanup",
	"conn",
	"connection",
	"defer",
	"dry_run",
	"execute",
	"execute_callable",
	"execute_complete",
	"get_async_conn",
	"get_autocommit",
	"get_client_type",
	"get_conn",
	"get_connection",
	"get_connection_form_widgets",
	"get_connection_schema",
	"get_connections",
	"get_credentials",
	"get_df",
	"get_df_by_chunks",
	"get_first",
	"get_hook",
	"get_link",
	"get_openlineage_database_info",
	"get_openlineage_database_specific_lineage",
	"get_openlineage_default_schema",
	"get_openlineage_facets_on_complete",
	"get_openlineage_facets_on_failure",
	"get_openlineage_facets_on_start",
	"get_pandas_df",
	"get_pandas_df_by_chunks",
	"get_records",
	"get_session",
	"get_sqlalchemy_engine",
	"get_template_env",
	"get_ui_field_behaviour",
	"get_uri",
	"hook",
	"insert_rows",
	"notify",
	"on_kill",
	"poke",
	"post_execute",
	"pre_execute",
	"prepare_for_execution",
	"prepare_template",
	"render_template",
	"render_template_fields",
	"reserialize",
	"resume_execution",
	"run",
	"serialize",
	"set_autocommit",
	"set_xcomargs_dependencies",
	"skip",
	"skip_all_except",
	"sqlalchemy_url",
	"test_connection",
	"xcom_pull",
	"xcom_push",
};

static const char *const provider_namespaces[] = {
	"apache", "atlassian", "cncf", "common", "dbt", "microsoft",
};

/* Modules of the standard library of Python 3.9 to 3.13, those that begin with an underscore left out. */
static const char *const standard_modules[] = {
#include "stdlib_modules.inc"
};

static int compare(const void *key, const void *member)
{
	const slice *name = key;
	const char *string = *(const char *const *)member;
	int order = strncmp(name->at, string, name->len);

	return order ? order : string[name->len] ? -1 : 0;
}

static bool has(const char *const *names, size_t count, slice name)
{
	return bsearch(&name, names, count, sizeof *names, compare) != NULL;
}

bool is_airflow_attribute(slice name)
{
	return has(attributes, sizeof attributes / sizeof *attributes, name);
}

bool is_airflow_method(slice name)
{
	return has(methods, sizeof methods / sizeof *methods, name);
}

bool is_standard_module(slice name)
{
	return slice_starts(name, "_") ||
	       has(standard_modules, sizeof standard_modules / sizeof *standard_modules, name);
}

bool is_provider_namespace(slice name)
{
	return has(provider_namespaces, sizeof provider_namespaces / sizeof *provider_namespaces, name);
}
