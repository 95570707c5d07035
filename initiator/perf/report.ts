/** The picture of a load run: latency distribution and what happened over time, as SVG. */
import type { EChartsCoreOption } from 'echarts/core';
import { latencyText } from '../cli/format.js';
import type { LoadResult } from './engine.js';

/** What the picture says about the run besides the numbers. */
export interface ReportTitle {
  /** What ran, in a few words: `random read, 4 KiB, depth 32`. */
  readonly load: string;
  /** Against what: the URL. */
  readonly unit: string;
}

const WIDTH = 1000;
const HEIGHT = 760;
const INK = '#1f2933';
const QUIET = '#7b8794';
const LINE = '#e4e7eb';
const READ = '#2f6fde';
const WRITE = '#e07a3f';
const TAIL = '#9aa5b1';
const FONT = 'Inter, "Helvetica Neue", Arial, sans-serif';

/** Percentiles marked in the distribution. */
const MARKED = ['p50', 'p99', 'p99.9'] as const;

/** Draws the report. The chart library is loaded only here, because it is large. */
export async function drawReport(result: LoadResult, title: ReportTitle): Promise<string> {
  const [core, charts, components, renderers] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ]);
  core.use([
    charts.BarChart,
    charts.LineChart,
    components.GridComponent,
    components.TitleComponent,
    components.LegendComponent,
    components.MarkLineComponent,
    renderers.SVGRenderer,
  ]);
  const chart = core.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  try {
    chart.setOption(reportOption(result, title));
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** The chart's description; its series are: distribution, reads and writes over time, median and tail over time. */
export function reportOption(result: LoadResult, title: ReportTitle): EChartsCoreOption {
  return {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT, color: INK },
    title: titles(result, title),
    legend: {
      bottom: 12,
      left: 'center',
      itemWidth: 14,
      itemHeight: 8,
      textStyle: { color: QUIET, fontSize: 12 },
      data: legend(result),
    },
    grid: [
      { left: 80, right: 70, top: 140, height: 210 },
      { left: 80, right: 70, top: 440, height: 230 },
    ],
    xAxis: [distributionAxis(result), timeAxis(result)],
    yAxis: [
      valueAxis(0, 'share of commands', (value) => `${value} %`),
      valueAxis(1, 'IOPS', thousands),
      { ...valueAxis(1, 'latency', latencyText), position: 'right', splitLine: { show: false }, min: 0 },
    ],
    series: [distributionSeries(result), ...timeSeries(result)],
  };
}

function titles(result: LoadResult, { load, unit }: ReportTitle): object[] {
  const { total } = result;
  const percentiles = total.latency?.percentiles ?? {};
  const figures = [
    `${Math.round(total.iops).toLocaleString('en-US')} IOPS`,
    `${total.megabytesPerSecond.toFixed(1)} MB/s`,
    ...['p50', 'p99', 'p99.99'].map((name) => `${name} ${latencyText(percentiles[name] ?? 0)}`),
    `max ${latencyText(total.latency?.max ?? 0)}`,
  ];
  const heading = { color: INK, fontSize: 13, fontWeight: 600 };
  return [
    {
      left: 32,
      top: 20,
      text: load,
      subtext: `${figures.join('   ')}\n${unit}`,
      itemGap: 8,
      textStyle: { color: INK, fontSize: 20, fontWeight: 600 },
      subtextStyle: { color: QUIET, fontSize: 13, lineHeight: 19 },
    },
    { left: 32, top: 112, text: 'Latency distribution', textStyle: heading },
    { left: 32, top: 400, text: 'Over time', textStyle: heading },
  ];
}

const axisText = { color: QUIET, fontSize: 11 };

/** Bins are equally wide on a logarithmic scale, so categories draw it. */
function distributionAxis({ distribution }: LoadResult): object {
  const step = Math.max(1, Math.round(distribution.length / 10));
  return {
    gridIndex: 0,
    type: 'category',
    data: distribution.map((bin) => latencyText(Math.sqrt(bin.from * bin.to))),
    axisTick: { show: false },
    axisLine: { lineStyle: { color: LINE } },
    axisLabel: { ...axisText, interval: (index: number) => index % step === 0 },
  };
}

function timeAxis({ seconds }: LoadResult): object {
  return {
    gridIndex: 1,
    type: 'value',
    min: 0,
    max: Math.max(seconds, 0.001),
    splitLine: { show: false },
    axisLine: { lineStyle: { color: LINE } },
    axisLabel: { ...axisText, formatter: (value: number) => `${Number(value.toFixed(1))} s`, showMaxLabel: false },
  };
}

function valueAxis(gridIndex: number, name: string, formatter: (value: number) => string): object {
  return {
    gridIndex,
    type: 'value',
    name,
    nameTextStyle: { ...axisText, padding: [0, 0, 4, 0] },
    splitNumber: 4,
    splitLine: { lineStyle: { color: LINE } },
    axisLabel: { ...axisText, formatter },
  };
}

const thousands = (value: number): string => (value >= 1000 ? `${Number((value / 1000).toFixed(1))} k` : String(value));

function distributionSeries({ distribution, total }: LoadResult): object {
  const percentiles = total.latency?.percentiles ?? {};
  const marks = MARKED.map((name) => ({
    name,
    at: distribution.findIndex((bin) => (percentiles[name] ?? 0) < bin.to),
  }));
  return {
    type: 'bar',
    name: 'share of commands',
    xAxisIndex: 0,
    yAxisIndex: 0,
    barCategoryGap: '8%',
    itemStyle: { color: READ, opacity: 0.85, borderRadius: [2, 2, 0, 0] },
    data: distribution.map((bin) => Number(((bin.ios * 100) / Math.max(1, total.ios)).toFixed(4))),
    markLine: {
      symbol: 'none',
      silent: true,
      lineStyle: { color: INK, type: 'dashed', width: 1, opacity: 0.6 },
      data: marks
        .filter(({ at }) => at >= 0)
        .map(({ name, at }) => ({
          xAxis: at,
          label: { formatter: `${name}\n${latencyText(percentiles[name]!)}`, color: INK, fontSize: 11, lineHeight: 14 },
        })),
    },
  };
}

function timeSeries({ intervals, reads, writes }: LoadResult): object[] {
  const rate = (name: string, color: string, key: 'readIops' | 'writeIops') => ({
    type: 'line',
    name,
    xAxisIndex: 1,
    yAxisIndex: 1,
    stack: 'iops',
    showSymbol: false,
    lineStyle: { width: 1.5, color },
    itemStyle: { color },
    areaStyle: { color, opacity: 0.12 },
    data: intervals.map((interval) => [interval.at, Math.round(interval[key])]),
  });
  const latency = (name: string, type: 'solid' | 'dotted', key: 'p50' | 'p99') => ({
    type: 'line',
    name,
    xAxisIndex: 1,
    yAxisIndex: 2,
    showSymbol: false,
    lineStyle: { width: 1.2, color: TAIL, type },
    itemStyle: { color: TAIL },
    data: intervals.map((interval) => [interval.at, Number(interval[key].toFixed(1))]),
  });
  return [
    ...(reads.ios > 0 ? [rate('read IOPS', READ, 'readIops')] : []),
    ...(writes.ios > 0 ? [rate('write IOPS', WRITE, 'writeIops')] : []),
    latency('median latency', 'solid', 'p50'),
    latency('p99 latency', 'dotted', 'p99'),
  ];
}

function legend({ reads, writes }: LoadResult): string[] {
  return [
    ...(reads.ios > 0 ? ['read IOPS'] : []),
    ...(writes.ios > 0 ? ['write IOPS'] : []),
    'median latency',
    'p99 latency',
  ];
}
