from __future__ import annotations

import asyncio as aio
from contextlib import (AsyncExitStack as Stack,)

type Pair[T: (int, str), *Ts, **P] = tuple[T, *Ts]


@(lambda f: f)
class Café[T](BaseOperator, metaclass=Meta):
    template_fields: Sequence[str] = ("sql", *BaseOperator.template_fields)
    match = case = type = _ = None

    def __init__(self, a, /, b: int = 1_000, *args: *Ts, c, d=0xFF, **kwargs) -> None:
        super().__init__(**kwargs)
        self.a, (self.b, *self.c) = a, b
        self.d = lambda x=1, *y, **z: (yield)

    async def execute(self, context):
        async with (aio.timeout(1) as t, Stack() as s):
            async for i, in self.items[*a, 1:2, ...]:
                await s
        try:
            print(f"{context['ti']!r:>{self.b}} {a=:%H:%M} {f'{x}'} {{}}", rb"\x")
        except* (KeyError, ValueError) as group:
            raise
        match context:
            case {"params": {"k": [1, *rest]}, **others} if rest:
                return *rest, 1
            case Point(x=0 | 1 as n) | (-1.5e3j) | None | a.b:
                pass
            case _: ...
        if (n := len(a)) > 10 and not b \
           or c:
            global g
            del g[0], g.h
        return [x async for x in y if z for w in x]
