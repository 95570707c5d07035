/** Markdown tables of the configuration schema; docs/configuration.md holds them between markers. */
import type { TSchema } from '@sinclair/typebox';
import { ConfigSchema } from './config-schema.js';

/** One table per object: the whole first, then each list's items. */
export function configReference(): string {
  const sections = [table('The whole file', ConfigSchema)];
  for (const [field, schema] of Object.entries(ConfigSchema.properties)) {
    const items = (schema as TSchema).items as TSchema | undefined;
    if (items?.properties !== undefined) sections.push(table(`\`${field}[]\``, items));
  }
  return sections.join('\n');
}

function table(title: string, schema: TSchema): string {
  const required = new Set<string>(schema.required ?? []);
  const rows = Object.entries(schema.properties as Record<string, TSchema>).map(([field, each]) => {
    const default_ = required.has(field)
      ? 'required'
      : each.default === undefined
        ? ''
        : `\`${JSON.stringify(each.default)}\``;
    return `| \`${field}\` | ${typeName(each)} | ${default_} | ${each.description ?? ''} |`;
  });
  return [`### ${title}`, '', '| field | type | default | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join(
    '\n',
  );
}

const FORMAT_NAMES: Readonly<Record<string, string>> = {
  size: 'size',
  ldev: 'LDEV number',
  address: 'address',
  http: 'address or `"off"`',
  'iscsi-name': 'iSCSI name',
  initiator: 'iSCSI name or `"*"`',
};

function typeName(schema: TSchema): string {
  if (schema.anyOf !== undefined)
    return schema.anyOf.map((each: TSchema) => `\`${JSON.stringify(each.const)}\``).join(', ');
  if (schema.type === 'array')
    return `list of ${schema.items.properties === undefined ? typeName(schema.items) : 'objects'}`;
  if (Array.isArray(schema.type)) return schema.format === 'rate' ? 'size or `"max"`' : 'size';
  if (schema.patternProperties !== undefined) return 'object: LUN → LDEV number';
  if (schema.type === 'integer') return `integer ${schema.minimum} … ${schema.maximum}`;
  return FORMAT_NAMES[schema.format as string] ?? schema.type;
}
