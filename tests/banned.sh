#!/bin/sh
# Functions that cannot be used safely are banned, not left to care. Also: no file over 800 lines.
cd "$(dirname "$0")/.." || exit 1
bad=0
files=$(find src tests -name '*.[ch]')
# shellcheck disable=SC2086
if grep -nE '(^|[^_[:alnum:]])(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|alloca|scanf|sscanf|tmpnam|mktemp|system|popen)[[:space:]]*\(' $files; then
	echo "banned: use snprintf, strtoul with a check, or the helpers in base/"
	bad=1
fi
# shellcheck disable=SC2086
if grep -nE '#[[:space:]]*include[[:space:]]*"(policy|detect|sink|cmd)/' src/proto/*.[ch] src/packet/*.[ch] src/op/*.[ch] src/base/*.[ch] src/flow/*.[ch] 2>/dev/null; then
	echo "banned: the left half knows no policy (src/README.md)"
	bad=1
fi
for f in $files; do
	lines=$(wc -l <"$f")
	if [ "$lines" -gt 800 ]; then
		echo "$f: $lines lines; is it one concept?"
		bad=1
	fi
done
exit $bad
