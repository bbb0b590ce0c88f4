# bash completion for patternfs and patternfs-extract
_patternfs_options='allow_other ro rw sync= max_source= max_time= categories= uid= gid= umask= debug auto_unmount fsname= subtype='

# ELEMENT: the last of an option list, as far as it is typed; WORD, what bash replaces, may begin before it or, where it
# holds a `=`, within it.
_patternfs_list() {
	local element=$1 word=$2

	case $element in
	sync=*) mapfile -t COMPREPLY < <(compgen -W 'full normal' -- "${element#sync=}") ;;
	categories=*)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "${element#categories=}")
		;;
	*=*) ;;
	*)
		mapfile -t COMPREPLY < <(compgen -P "${word%"$element"}" -W "$_patternfs_options" -- "$element")
		[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
		;;
	esac
}

_patternfs() {
	local word=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} typed words before

	COMPREPLY=()
	typed=${line##*[[:space:]]}
	read -ra words <<<"${line%"$typed"}"
	before=${words[-1]-}
	if [[ $before == -o || $typed == -o?* ]]; then
		[[ $before == -o ]] || typed=${typed#-o}
		_patternfs_list "${typed##*,}" "$word"
	elif [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '-f -d -s -h -V -o --check --backup' -- "$word")
	elif [[ $line == *' --backup '* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$word"; compgen -f -X '!*.db' -- "$word")
	fi
}

_patternfs_extract() {
	local word=${COMP_WORDS[COMP_CWORD]}

	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '-c -h -V' -- "$word")
	elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == -c ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$word"; compgen -f -X '!*.py' -- "$word")
	fi
}

complete -F _patternfs patternfs
complete -F _patternfs_extract patternfs-extract
