#!/bin/sh
# Runs a wrong call of a tool: it must print one line on stderr and exit with 2.
# That line goes to stdout, for FileCheck.
output=$("$@" 2>&1 >/dev/null)
code=$?
printf '%s\n' "$output"
if [ $code -ne 2 ]; then
  echo "exit code $code, expected 2: $*" >&2
  exit 1
fi
if [ "$(printf '%s\n' "$output" | wc -l)" -ne 1 ] || [ -z "$output" ]; then
  echo "expected one line on stderr: $*" >&2
  exit 1
fi
