/* Names that stand for themselves: Airflow's class attributes and methods, the standard library's modules. */
#ifndef PF_KNOWN_H
#define PF_KNOWN_H

#include "tree.h"

bool is_airflow_attribute(slice name);
bool is_airflow_method(slice name);
/* NAME is a top-level module of Python's standard library. */
bool is_standard_module(slice name);
/* Providers of that name have two parts: `apache` in airflow.providers.apache.hive. */
bool is_provider_namespace(slice name);

#endif
