/** The pictures of docs/benchmarks.md. */
import * as echarts from 'echarts';
import type { Latency } from './latency.js';
import type { Point, Scale } from './scale.js';
import type { Row } from './system.js';

const OWN = '#3b5bdb';
const OTHER = '#adb5bd';
const GRID = { lineStyle: { color: '#e6e6e6' } };

function draw(width: number, height: number, option: echarts.EChartsOption): string {
  const picture = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    picture.setOption({ animation: false, backgroundColor: '#ffffff', ...option });
    return picture.renderToSVGString();
  } finally {
    // Its timer would keep the process from ending.
    picture.dispose();
  }
}

const heading = (text: string, subtext: string) => ({ text, subtext, left: 16, top: 8 });

/** Horizontal bars, one pair a workload, scaled to tgt = 1 so that small and large operations fit one picture. */
export function ratioChart(rows: readonly Row[]): string {
  return draw(980, 90 + rows.length * 56, {
    title: heading('Lunarray against tgt on the same machine', 'operations a second, tgt = 1'),
    grid: { left: 410, right: 60, top: 70, bottom: 30 },
    legend: { right: 16, top: 12, data: ['Lunarray', 'tgt'] },
    xAxis: { type: 'value', min: 0, splitLine: GRID },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map((row) => row.workload.name),
      axisTick: { show: false },
      axisLabel: { width: 390, overflow: 'break' },
    },
    series: [
      {
        name: 'Lunarray',
        type: 'bar',
        itemStyle: { color: OWN },
        label: {
          show: true,
          position: 'right',
          formatter: (params) => `${Number((params as { value: number }).value).toFixed(1)} ×`,
        },
        data: rows.map((row) => row.ratio.tgt?.median ?? 0),
      },
      { name: 'tgt', type: 'bar', itemStyle: { color: OTHER }, data: rows.map((row) => (row.tgt ? 1 : 0)) },
    ],
  });
}

/** Operations a second against queue depth. */
export function depthChart(points: readonly Point[]): string {
  const line = (name: string, color: string, data: (number | null)[]) => ({
    name,
    type: 'line' as const,
    color,
    symbolSize: 7,
    lineStyle: { width: 2.5 },
    data,
  });
  return draw(720, 380, {
    title: heading('4 KiB random reads against queue depth', 'operations a second, one session (lunctl’s engine)'),
    grid: { left: 70, right: 30, top: 70, bottom: 50 },
    legend: { right: 16, top: 12, data: ['Lunarray', 'tgt'] },
    xAxis: {
      type: 'category',
      name: 'commands in flight',
      nameLocation: 'middle',
      nameGap: 30,
      data: points.map(({ label }) => label.replace('depth ', '')),
    },
    yAxis: { type: 'value', splitLine: GRID, axisLabel: { formatter: (value: number) => `${value / 1000} k` } },
    series: [
      line(
        'Lunarray',
        OWN,
        points.map(({ iops }) => Math.round(iops)),
      ),
      line(
        'tgt',
        OTHER,
        points.map(({ tgtIops }) => (tgtIops === null ? null : Math.round(tgtIops))),
      ),
    ],
  });
}

/** Share of commands by latency, on a logarithmic axis. */
export function latencyChart({ distribution, tgtDistribution }: Latency): string {
  const line = (name: string, color: string, bins: Latency['distribution']) => {
    const total = bins.reduce((sum, [, ios]) => sum + ios, 0);
    return {
      name,
      type: 'line' as const,
      color,
      showSymbol: false,
      areaStyle: { opacity: 0.15 },
      data: bins.map(([micros, ios]) => [micros, (ios / total) * 100]),
    };
  };
  return draw(720, 380, {
    title: heading('Latency of 4 KiB random reads, depth 32', 'share of commands in %, one session'),
    grid: { left: 60, right: 30, top: 70, bottom: 50 },
    legend: { right: 16, top: 12, data: ['Lunarray', 'tgt'] },
    xAxis: { type: 'log', name: 'microseconds', nameLocation: 'middle', nameGap: 30, min: 10, splitLine: GRID },
    yAxis: { type: 'value', splitLine: GRID },
    series: [
      line('Lunarray', OWN, distribution),
      ...(tgtDistribution === null ? [] : [line('tgt', OTHER, tgtDistribution)]),
    ],
  });
}

/** Processor time for each operation as things grow; flat is good. */
export function scaleChart({ sessions, ldevs, caches }: Scale): string {
  const points = [...sessions, ...ldevs, ...caches];
  return draw(720, 380, {
    title: heading('What one 4 KiB read costs as things grow', 'processor microseconds of the array; flat is good'),
    grid: { left: 50, right: 20, top: 70, bottom: 80 },
    xAxis: {
      type: 'category',
      data: points.map(({ label }) => label),
      axisLabel: { rotate: 35, interval: 0 },
      axisTick: { show: false },
    },
    yAxis: { type: 'value', min: 0, splitLine: GRID },
    series: [
      {
        type: 'bar',
        label: { show: true, position: 'top', formatter: ({ value }) => Number(value).toFixed(1) },
        data: points.map(({ cpuMicros }, index) => ({
          value: cpuMicros,
          itemStyle: {
            color: index < sessions.length ? OWN : index < sessions.length + ldevs.length ? '#748ffc' : '#bac8ff',
          },
        })),
      },
    ],
  });
}
