class A(B.BaseNotifier):
	def notify(self, context): raise X