# Shared by the scripts of this folder; sourced, never run.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Prints the command that repeats a failure.
on_failure() { printf '\nfailed; repeat with: %s\n' "$1" >&2; }
