// Names in an option become colours and functions; the same file runs in the browser and in the engine.
// The rules of numbers are those of wxcube/figures/numbers.py; tests hold both to one table of cases.
var wxcubeCharts = (function () {
  'use strict';

  var MISSING = '–';
  var MINUS = '−';
  var STEPS = {
    zh: [[1e6, 1e4, 1, '万'], [1e8, 1e4, 0, '万'], [1e9, 1e8, 2, '亿'], [1e10, 1e8, 1, '亿'],
         [Infinity, 1e8, 0, '亿']],
    en: [[1e5, 1e3, 1, 'k'], [1e6, 1e3, 0, 'k'], [1e7, 1e6, 2, 'M'], [1e8, 1e6, 1, 'M'],
         [1e9, 1e6, 0, 'M'], [1e10, 1e9, 2, 'B'], [1e11, 1e9, 1, 'B'], [Infinity, 1e9, 0, 'B']]
  };
  var UNITS = {zh: {ms: ' 毫秒', s: ' 秒'}, en: {ms: ' ms', s: ' s'}};

  function rounded(value, places) {
    var power = Math.pow(10, places);
    var scaled = Math.floor(value * power + 0.5 + 1e-9);
    var digits = places ? String(scaled % power).padStart(places, '0').replace(/0+$/, '') : '';
    var whole = String(Math.floor(scaled / power)).replace(/\B(?=(\d{3})+$)/g, ',');
    return whole + (digits ? '.' + digits : '');
  }

  function exact(value) {
    if (value == null) return MISSING;
    var size = Math.abs(value);
    var text = rounded(size, size === Math.floor(size) || size >= 100 ? 0 : 1);
    return (value < 0 && text !== '0' ? MINUS : '') + text;
  }

  function count(value, lang) {
    if (value == null) return MISSING;
    var size = Math.abs(value);
    if (Math.floor(size + 0.5) < 1e4) return exact(value);
    var step = STEPS[lang].find(function (s) {
      return Number(rounded(size / s[1], s[2]).replace(/,/g, '')) * s[1] < s[0];
    });
    return (value < 0 ? MINUS : '') + rounded(size / step[1], step[2]) + step[3];
  }

  function percent(value) {
    if (value == null) return MISSING;
    var size = Math.abs(value) * 100;
    if (size > 0 && size < 0.005) return value < 0 ? '<' + MINUS + '0.01%' : '<0.01%';
    return (value < 0 ? MINUS : '') + rounded(size, size >= 0.995 ? 1 : 2) + '%';
  }

  function milliseconds(value, lang) {
    if (value == null) return MISSING;
    if (value < 999.5) return rounded(value, 0) + UNITS[lang].ms;
    return rounded(value / 1000, 1) + UNITS[lang].s;
  }

  var NUMBERS = {'@count': count, '@exact': exact, '@percent': percent, '@ms': milliseconds};

  // a label's callback gets an object, an axis' the value itself
  function valueOf(given) {
    if (given === null || typeof given !== 'object') return given;
    var value = given.value;
    return Array.isArray(value) ? value[value.length - 1] : value;
  }

  // beneath the chart, so that it hides neither figures nor another chart
  function below(point, _given, _element, _shape, size) {
    var room = Math.max(size.viewSize[0] - size.contentSize[0], 0);
    return [Math.min(Math.max(point[0] - size.contentSize[0] / 2, 0), room), size.viewSize[1]];
  }

  // panels name themselves in the ids of their series
  function panelOf(points) {
    var id = (points.map(function (one) { return one.seriesId; })
      .filter(function (one) { return one.slice(0, 6) === 'panel '; })[0] || '');
    return id ? id.slice(6, id.lastIndexOf('\n')) : '';
  }

  // and their formatter, which may be another one in each
  function formatOf(id) {
    return NUMBERS[(/^panel [^]* (@\w+)$/.exec(id) || [])[1]];
  }

  // one line per name: a series can be drawn in parts, of which one has the value
  function tooltip(format, lang) {
    return function (given) {
      var points = [].concat(given);
      var values = {};
      points.forEach(function (one) {
        var value = valueOf(one);
        if (one.seriesId.slice(0, 4) === 'gaps') return;
        if (value == null && one.seriesName in values) return;
        values[one.seriesName] = (formatOf(one.seriesId) || format)(value, lang);
      });
      var box = document.createElement('div');
      var panel = panelOf(points);
      var title = points[0].axisValueLabel || points[0].name;
      addLine(box, panel ? title + ' · ' + panel : title, 'tooltip-title');
      Object.keys(values).forEach(function (name) {
        addLine(box, name + '  ' + values[name], 'tooltip-line');
      });
      return box;
    };
  }

  function addLine(box, text, name) {
    var line = document.createElement('div');
    line.className = name;
    line.textContent = text;
    box.appendChild(line);
  }

  function named(text, palette, lang) {
    if (text.slice(0, 2) === '@@') return text.slice(1);
    if (Object.prototype.hasOwnProperty.call(palette, text)) return palette[text];
    if (text === '@below') return below;
    if (text === '@day') return function (label) { return String(label).slice(5); };
    if (NUMBERS[text]) return function (given) { return NUMBERS[text](valueOf(given), lang); };
    if (text.slice(0, 9) === '@tooltip:') return tooltip(NUMBERS[text.slice(9)], lang);
    return text;
  }

  function resolve(part, palette, lang) {
    if (typeof part === 'string') return part[0] === '@' ? named(part, palette, lang) : part;
    if (Array.isArray(part)) return part.map(function (one) { return resolve(one, palette, lang); });
    if (part === null || typeof part !== 'object') return part;
    var whole = {};
    Object.keys(part).forEach(function (key) { whole[key] = resolve(part[key], palette, lang); });
    return whole;
  }

  return {resolve: resolve, count: count, exact: exact, percent: percent, milliseconds: milliseconds};
})();
