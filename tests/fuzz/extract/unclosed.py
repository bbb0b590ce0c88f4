class AHook(BaseHook):
    def f(self):
        x = {"a": [1, (2, f"{b["c"]:>{d}}")]
        y = """

  elif x:
