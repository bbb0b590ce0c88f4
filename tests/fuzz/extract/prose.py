```python
Here is the operator “you” wanted:
class AOperator(BaseOperator)
    def f(self, a=1, b):
	return f(a=1, b c)
      else if x = 1:
```
