# fish completion for patternfs and patternfs-extract
complete -c patternfs -s f -d 'stay in the foreground'
complete -c patternfs -s d -d 'the same, and log every request'
complete -c patternfs -s s -d 'one serving thread'
complete -c patternfs -s h -d 'help'
complete -c patternfs -s V -d 'version'
complete -c patternfs -l check -r -F -d 'look whether a database is whole'
complete -c patternfs -l backup -r -F -d 'copy a database'
complete -c patternfs -s o -x -d 'options' -a '(__fish_append , \
	allow_other\t"let other users in" \
	ro\t"read-only" \
	rw\t"read and write" \
	sync=full\t"wait for the disk at each commit" \
	sync=normal\t"a power cut may cost the last commits" \
	max_source=\t"the largest file taken, in bytes" \
	max_time=\t"the most CPU time that a file may take, in milliseconds" \
	categories=\t"rows for inferring categories" \
	uid=\t"who owns the files" \
	gid=\t"whose group the files are in" \
	umask=\t"what is hidden of their modes, octal" \
	auto_unmount\t"unmount when the daemon dies")'

complete -c patternfs-extract -s c -r -F -d 'rows for inferring categories'
complete -c patternfs-extract -s h -d 'help'
complete -c patternfs-extract -s V -d 'version'
complete -c patternfs-extract -k -x -a '(__fish_complete_suffix .py)'
