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
const MEDIAN = '#52606d';
const TAIL = '#b8a1d9';
/** Without quotes: the renderer puts it into an attribute as it stands. */
const FONT = 'Inter, Helvetica, Arial, sans-serif';

/** Percentiles marked in the distribution, and on which side of their line the label stands. */
const MARKED = [
  ['p50', 'center'],
  ['p99', 'right'],
  ['p99.9', 'left'],
] as const;

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
      icon: 'roundRect',
      itemWidth: 14,
      itemHeight: 4,
      itemGap: 24,
      textStyle: { color: QUIET, fontSize: 12 },
      data: legend(result),
    },
    grid: [
      { left: 80, right: 70, top: 152, height: 198 },
      { left: 80, right: 70, top: 440, height: 230 },
    ],
    xAxis: [distributionAxis(result), timeAxis(result)],
    yAxis: [
      valueAxis(0, (value) => `${value} %`),
      valueAxis(1, thousands),
      { ...valueAxis(1, roundLatency), position: 'right', splitLine: { show: false }, min: 0 },
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
    { left: 32, top: 100, text: 'Latency distribution: share of commands', textStyle: heading },
    { left: 32, top: 400, text: 'Over time: commands per second (left) and latency (right)', textStyle: heading },
  ];
}

const axisText = { color: QUIET, fontSize: 11 };

/** Bins are equally wide on a logarithmic scale, so categories draw it; powers of two are labelled. */
function distributionAxis({ distribution }: LoadResult): object {
  const labelled = distribution.map((bin) => Number.isInteger(Number(Math.log2(bin.from).toFixed(6))));
  const few = labelled.filter(Boolean).length < 3;
  return {
    gridIndex: 0,
    type: 'category',
    data: distribution.map((bin) => latencyText(bin.from)),
    axisTick: { show: false },
    axisLine: { lineStyle: { color: LINE } },
    axisLabel: { ...axisText, interval: (index: number) => few || labelled[index] === true },
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

function valueAxis(gridIndex: number, formatter: (value: number) => string): object {
  return {
    gridIndex,
    type: 'value',
    axisLine: { show: false },
    axisTick: { show: false },
    splitNumber: 4,
    splitLine: { lineStyle: { color: LINE } },
    axisLabel: { ...axisText, formatter },
  };
}

/** Axis values are round: `5 ms`, not `5.00 ms`. */
const roundLatency = (microseconds: number): string =>
  microseconds === 0 ? '0' : latencyText(microseconds).replace(/\.?0+ /, ' ');

const thousands = (value: number): string => (value >= 1000 ? `${Number((value / 1000).toFixed(1))} k` : String(value));

function distributionSeries({ distribution, total }: LoadResult): object {
  const percentiles = total.latency?.percentiles ?? {};
  const marks = MARKED.map(([name, align]) => ({
    name,
    align,
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
        .map(({ name, align, at }) => ({
          xAxis: at,
          label: { formatter: ` ${name}  ${latencyText(percentiles[name]!)} `, align, color: INK, fontSize: 11 },
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
  const latency = (name: string, color: string, key: 'p50' | 'p99') => ({
    type: 'line',
    name,
    xAxisIndex: 1,
    yAxisIndex: 2,
    z: 3,
    showSymbol: false,
    lineStyle: { width: 1.2, color },
    itemStyle: { color },
    data: intervals.map((interval) => [interval.at, Number(interval[key].toFixed(1))]),
  });
  return [
    ...(reads.ios > 0 ? [rate('read IOPS', READ, 'readIops')] : []),
    ...(writes.ios > 0 ? [rate('write IOPS', WRITE, 'writeIops')] : []),
    latency('median latency', MEDIAN, 'p50'),
    latency('p99 latency', TAIL, 'p99'),
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
