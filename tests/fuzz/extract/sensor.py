from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

try:
    from airflow.sdk.bases.sensor import BaseSensorOperator as Base
except (ImportError, ModuleNotFoundError):
    from airflow.sensors.base import BaseSensorOperator as Base

if TYPE_CHECKING:
    from airflow.utils.context import Context

from .hooks import FileHook


class DropSensor(Base, Mixin[int], metaclass=Meta):
    """Waits."""

    template_fields: Sequence[str] = ("path", "glob") + Base.template_fields
    poke_interval = 60

    def __init__(self, *, path: str | None = None, glob="*", mode: Optional[str] = "poke", **kwargs) -> None:
        super().__init__(**kwargs)
        if path is None or not isinstance(path, (str, Path)):
            raise ValueError(f"path must be {'a' 'b'}, not {path!r}")
        if mode not in ("poke", "reschedule") and (n := len(mode)) > 3:
            raise AirflowException("mode %s" % mode, n)
        self.path, self.glob = path, glob

    @property
    def size(self): return self._size

    @size.setter
    def size(self, value): self._size = value

    def poke(self, context: Context) -> bool:
        conf = context["dag_run"].conf.get("limit", 10)
        found = [f for f in FileHook(self.conn_id).get_conn().glob(self.glob) if f.size > conf]
        self.log.debug("%d of %s", len(found), {k: v for k, v in context["params"].items()})
        try:
            for i, name in enumerate(found):
                if "{{" in name:
                    continue
                with open(name) as file, lock(i):
                    yield_ = file.read()
        except (OSError, KeyError) as e:
            self.log.exception(e)
            return False
        else:
            match found:
                case [x, *_] if x:
                    context["ti"].xcom_push(key="found", value=lambda y=x: y)
                case _:
                    raise AirflowSkipException
        finally:
            del conf
        return bool(found)


if True:

    class Inner:
        class DeepTrigger(BaseTrigger):
            async def run(self):
                await self.hook.wait(*args, **{"a": 1})
                yield TriggerEvent({"status": "success"})
