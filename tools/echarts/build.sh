#!/bin/sh
# Builds src/wxcube/charts/static/echarts.js from tools/echarts/entry.js; needs Node and npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
static="$here/../../src/wxcube/charts/static"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/entry.js" "$here/package.json" "$here/package-lock.json" "$work"
cd "$work"
npm ci --no-audit --no-fund --silent
npx esbuild entry.js --bundle --minify --format=iife --global-name=echarts --target=es2019 \
  --log-level=warning --outfile="$static/echarts.js"
cp node_modules/echarts/LICENSE "$static/echarts.LICENSE.txt"
{ echo; cat node_modules/zrender/LICENSE; } >> "$static/echarts.LICENSE.txt"
cd "$static"
sha256sum echarts.js > echarts.js.sha256
