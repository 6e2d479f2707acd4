import { BarChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { EChartsCoreOption } from 'echarts/core';
import { escaped } from './html.ts';

use([BarChart, GridComponent, SVGRenderer]);

const widths = { wide: 920, narrow: 340 } as const;

/**
 * A chart as SVG, drawn twice: letters must not shrink in a narrow window. `label`: what it shows, for who does not see it.
 * The same option always gives the same text.
 */
export function chart(label: string, height: number, option: () => EChartsCoreOption): string {
  const drawings = Object.entries(widths).map(([name, width]) => {
    const instance = init(null, null, { renderer: 'svg', ssr: true, width, height });
    instance.setOption({ animation: false, textStyle: { fontFamily: 'system-ui, sans-serif' }, ...option() });
    const svg = numbered(instance.renderToSVGString(), name);
    instance.dispose();
    return `<div class="${name}" role="img" aria-label="${escaped(label)}">${svg}</div>`;
  });
  return `<figure class="chart">${drawings.join('')}</figure>`;
}

/** The names within a drawing count on through the life of the process: here they begin anew, and are of one drawing. */
function numbered(svg: string, prefix: string): string {
  const names = new Map<string, string>();
  return svg.replace(/\bzr\d+-[\w-]+/g, (name) => {
    const known = names.get(name) ?? `${prefix}${names.size}`;
    names.set(name, known);
    return known;
  });
}
