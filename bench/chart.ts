import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { comparisons, type Results } from './report.ts';

echarts.use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/** How many times better Concord is, by measure; the line at 1 is the peer. */
export function ratioChart(results: Results): string {
  const rows = comparisons(results)
    .filter(({ ratio }) => ratio !== null)
    .toReversed();
  return render(
    {
      title: {
        text: 'Concord and the peer',
        subtext: `how many times better, medians · ${results.at.slice(0, 10)} · ${results.commit}`,
      },
      grid: { left: 370, right: 70, top: 70, bottom: 40 },
      xAxis: { type: 'log', min: 0.1, name: '×' },
      yAxis: { type: 'category', data: rows.map(({ measure }) => measure.title) },
      series: [
        {
          type: 'bar',
          data: rows.map(({ ratio }) => Number((ratio ?? 0).toFixed(2))),
          label: { show: true, position: 'right', formatter: '{c}×' },
        },
      ],
    },
    900,
    110 + rows.length * 26,
  );
}

/** Lines over a logarithmic axis: how a figure grows with another. */
export function growthChart(title: string, axis: string, unit: string, series: readonly Series[]): string {
  return render(
    {
      title: { text: title },
      legend: { bottom: 0 },
      grid: { left: 90, right: 30, top: 50, bottom: 70 },
      xAxis: { type: 'log', name: axis, nameLocation: 'middle', nameGap: 28 },
      yAxis: { type: 'value', name: unit, min: 0 },
      series: series.map(({ name, points }) => ({ type: 'line', name, data: points.map((point) => [...point]) })),
    },
    640,
    360,
  );
}

function render(option: echarts.EChartsCoreOption, width: number, height: number): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({ animation: false, backgroundColor: '#fff', ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
