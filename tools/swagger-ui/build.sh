#!/bin/sh
# Copies Swagger UI into src/wxcube/server/static, without its source map; needs Node and npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
static="$here/../../src/wxcube/server/static"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work"
cd "$work"
npm ci --ignore-scripts --no-audit --no-fund --silent
cd node_modules/swagger-ui-dist
cp swagger-ui-bundle.js "$static/swagger-ui.js"
sed '/sourceMappingURL/d' swagger-ui.css > "$static/swagger-ui.css"
{ cat NOTICE; echo; cat LICENSE; echo; cat swagger-ui-bundle.js.LICENSE.txt; } > "$static/swagger-ui.LICENSE.txt"
cd "$static"
sha256sum swagger-ui.js swagger-ui.css > swagger-ui.sha256
