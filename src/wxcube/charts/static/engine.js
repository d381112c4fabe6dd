// Draws an option as SVG text, in an engine without a browser.
var self = globalThis;
var setTimeout = function () { return 0; };
var clearTimeout = function () {};

function drawSvg(option, palette, lang, width, height) {
  var chart = echarts.init(null, null, {renderer: 'svg', ssr: true, width: width, height: height});
  try {
    chart.setOption(wxcubeCharts.resolve(JSON.parse(option), JSON.parse(palette), lang));
    // the engine hands over plain strings only; ECharts' own is a chain of pieces
    return [chart.renderToSVGString()].join('');
  } finally {
    chart.dispose();
  }
}
