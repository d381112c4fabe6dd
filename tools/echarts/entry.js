// The parts of ECharts that charts of wxcube need; build.sh makes src/wxcube/charts/static/echarts.js of them.
import * as echarts from 'echarts/core';
import {BarChart, HeatmapChart, LineChart} from 'echarts/charts';
import {
  AriaComponent, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent,
  TooltipComponent, VisualMapPiecewiseComponent,
} from 'echarts/components';
import {SVGRenderer} from 'echarts/renderers';

echarts.use([
  BarChart, HeatmapChart, LineChart,
  AriaComponent, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent,
  TooltipComponent, VisualMapPiecewiseComponent,
  SVGRenderer,
]);

export const {init, getInstanceByDom, version} = echarts;
