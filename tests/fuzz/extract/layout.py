class AHook(BaseHook):
	if a:
        b
  # c
  d = \
1; e;
