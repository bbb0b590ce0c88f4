class A(BaseHook): pass
