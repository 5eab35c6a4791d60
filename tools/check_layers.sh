#!/usr/bin/env bash
# Fails when a module includes one that stands below it in ARCHITECTURE.md's list, when attest and sandbox meet, or when a
# public header pulls in a library that must stay behind a .cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
order=(core net skill scan dcap attest sandbox store auth service http app)
declare -A rank
for i in "${!order[@]}"; do rank[${order[$i]}]=$i; done
bad=0
complain() { printf '%s\n' "$*" >&2; bad=1; }

for module in "${order[@]}"; do
  while IFS=: read -r file line text; do
    included=$(sed -nE 's/.*#include "(skill_verifier\/)?([a-z]+)\/.*/\2/p' <<<"$text")
    [ -n "$included" ] && [ -n "${rank[$included]:-}" ] || continue
    if [ "${rank[$included]}" -gt "${rank[$module]}" ]; then
      complain "$file:$line: $module must not include $included, which stands below it"
    fi
    if [ "$module $included" = "sandbox attest" ] || [ "$module $included" = "attest sandbox" ]; then
      complain "$file:$line: signer and runner must not know each other"
    fi
    if [ "$module" != "$included" ] && grep -q '#include "[a-z]' <<<"$text" && ! grep -q 'skill_verifier/' <<<"$text"; then
      complain "$file:$line: $module includes a private header of $included"
    fi
  done < <(grep -rnE '#include "' "src/$module" "include/skill_verifier/$module" 2>/dev/null || true)
done

while IFS=: read -r file line text; do
  complain "$file:$line: no third-party header of this kind in include/: $text"
done < <(grep -rnE '#include <(boost/beast|openssl/|sqlite3|archive|yaml-cpp|spdlog|CLI/|nlohmann/json\.hpp)' include || true)

[ "$bad" -eq 0 ] && printf 'module order: clean\n'
exit "$bad"
