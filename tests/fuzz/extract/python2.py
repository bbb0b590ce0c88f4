class OldOperator(BaseOperator):
    def execute(self, context, (a, b)):
        print "x", `a`
        print >>f, "x"
        exec "x" in y
        try:
            raise E, "x"
        except E, e:
            return 0777 + 10L <> ur"x"
