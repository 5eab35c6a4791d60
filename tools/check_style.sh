#!/usr/bin/env bash
# House rules that a grep can see. Each line says what to do instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bad=0
rule() { # message, extended regexp, pathspec…
  local message=$1 pattern=$2
  shift 2
  local hits
  hits=$(git grep -nE "$pattern" -- "$@" || true)
  [ -z "$hits" ] && return 0
  printf '%s\n  %s\n' "$hits" "$message" >&2
  bad=1
}
rule 'use asio waits or events, never a thread that sleeps' '(this_thread::sleep|[^_]usleep\(|[^_a-z]sleep\([0-9])' 'src/*.cpp' 'src/*.hpp' 'tests/*.cpp' 'tests/*.hpp'
rule 'a TODO names its kind: TODO(security): …' '\b(TODO[^(]|FIXME\b|XXX\b|HACK\b)' '*.cpp' '*.hpp' dev
rule 'co_spawn with detached loses the exception: use TaskGroup' 'asio::detached' 'src/*.cpp' 'src/*.hpp'
rule 'std::regex on outside text can blow the stack' 'std::regex' 'src/*' 'include/*'
rule 'parse outside JSON with core::parse_json (depth, duplicates)' '(^|[^d])Json::parse\(|nlohmann::(ordered_)?json::parse\(' 'src/*.cpp' ':!src/core/json.cpp'
rule 'no path of a developer machine in the tree' '(/root/|/home/[a-z]+/[a-z]+/)' '*.cpp' '*.hpp' dev tools .ci ':!tools/check_style.sh'
long=$(git ls-files '*.cpp' '*.hpp' | xargs wc -l | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines, the limit is 600" }')
if [ -n "$long" ]; then
  printf '%s\n' "$long" >&2
  bad=1
fi
[ "$bad" -eq 0 ] && printf 'style rules: clean\n'
exit "$bad"
