/** Prometheus text of the metric families, by prom-client; loaded at the first scrape. */
import { metricFamilies } from './metric-families.js';
import type { MetricsText } from './metrics-server.js';
import type { ArrayView } from './view.js';

/** A function that renders the current values. */
export function metricsOf(array: ArrayView): () => Promise<MetricsText> {
  let render: Promise<() => Promise<MetricsText>> | null = null;
  return async () => {
    render ??= register(array);
    return (await render)();
  };
}

async function register(array: ArrayView): Promise<() => Promise<MetricsText>> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  for (const { name, type, help, labels, samples } of metricFamilies) {
    const set = (add: (labels: Record<string, string>, value: number) => void) => {
      for (const [values, value] of samples(array)) {
        add(Object.fromEntries(labels.map((label, index) => [label, values[index]!])), value);
      }
    };
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    // Set anew at each scrape, so that what has gone does not stay.
    if (type === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          this.reset();
          set((of, value) => this.set(of, value));
        },
      });
    } else {
      new Counter({
        ...options,
        collect() {
          this.reset();
          set((of, value) => this.inc(of, value));
        },
      });
    }
  }
  return async () => {
    const texts: string[] = [];
    for (const { name } of metricFamilies) {
      texts.push(await registry.getSingleMetricAsString(name));
      // With thousands of LDEVs a family takes milliseconds: hosts have their turn in between.
      await new Promise((turn) => setImmediate(turn));
    }
    return { contentType: registry.contentType, text: `${texts.join('\n\n')}\n` };
  };
}

/** Markdown table of the families, for docs/operations.md. */
export function metricsReference(): string {
  const rows = metricFamilies.map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map((l) => `\`${l}\``).join(', ')} | ${help} |`,
  );
  return ['| name | type | labels | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}
