#!/bin/sh
# Every C file is as .clang-format (of clang-format 14, Debian 12's) would have it.
cd "$(dirname "$0")/.." || exit 1
case $(clang-format --version 2>/dev/null) in
*version\ 14*) ;;
*) echo "clang-format 14 is not here"; exit 77 ;;
esac
find src tests -name '*.[ch]' -exec clang-format --dry-run --Werror {} +
