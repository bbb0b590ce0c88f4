class AHook(BaseHook):
    x = 'a
    b = 'C:\Users'
