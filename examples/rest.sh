#!/usr/bin/env bash
# The REST interface with curl and a token:   examples/rest.sh [SYMBOL]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
of_run() { node -p 'JSON.parse(fs.readFileSync(process.argv[1]))[process.argv[2]]' "${TARANG_DATA:-.data}/run.json" "$1"; }
url="${GATEWAY_URL:-$(of_run gateway_url)}"
token="${TOKEN:-$(of_run token)}"
symbol="${1:-NIFTY}"

get() {
  echo "GET $1" >&2
  curl --fail-with-body --silent --show-error --header "Authorization: Bearer $token" "$url$1"
  echo
}

get "/health"
expiries="$(get "/fo/expiries?symbol=$symbol")"
echo "$expiries"
expiry="$(node -p "JSON.parse(process.argv[1]).expiries[0]" "$expiries")"
get "/fo/strikes?symbol=$symbol&expiry=$expiry"
get "/fo/max-pain?symbol=$symbol&expiry=$expiry"
get "/fo/pcr?symbol=$symbol&expiry=$expiry"
get "/strategies"
