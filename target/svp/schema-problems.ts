/** What is wrong with an input, by the errors of its schema, in words and with the path of the field. */
import type { ErrorObject } from 'ajv';

export interface Problem {
  /** `ldevs[0].capacity`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

type SchemaError = Pick<ErrorObject, 'keyword' | 'instancePath' | 'params' | 'message'>;

const UNKNOWN = 'unknown field';

/** The first of them, which is there, and of the others as many as fit a line. */
export function tellProblems(problems: readonly Problem[]): string {
  const lines = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return `${lines[0]}${lines.length > 1 ? ` (and ${lines.length - 1} more: ${lines.slice(1, 4).join('; ')})` : ''}`;
}

/** `/ldevs/0/capacity` → `ldevs[0].capacity`. */
function pathOf(pointer: string, last = ''): string {
  const steps = pointer.split('/').slice(1);
  if (last !== '') steps.push(last);
  return steps
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');
}

/** What is wrong with an input by its schema. @param hint what a text format stands for, in words */
export function schemaProblems(
  errors: readonly SchemaError[],
  hint: (format: string) => string | undefined = () => undefined,
): Problem[] {
  const problems: Problem[] = [];
  const unions = new Map<string, unknown[]>();
  for (const error of errors) {
    // TypeBox writes a choice of literals as anyOf of const; told as one problem that lists them.
    if (error.keyword === 'const') {
      const values = unions.get(error.instancePath) ?? [];
      values.push((error.params as { allowedValue: unknown }).allowedValue);
      unions.set(error.instancePath, values);
      continue;
    }
    if (error.keyword === 'type' && unions.has(error.instancePath)) continue;
    problems.push(schemaProblem(error, unions.get(error.instancePath) ?? [], hint));
  }
  // A misspelt field is both unknown and missing: the first says more.
  problems.sort((a, b) => Number(b.message === UNKNOWN) - Number(a.message === UNKNOWN));
  return problems.filter(
    (problem, index) => problems.findIndex((p) => p.path === problem.path && p.message === problem.message) === index,
  );
}

function withArticle(type: unknown): string {
  const word = type === 'string' ? 'text' : String(type);
  if (word === 'text') return word;
  return /^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`;
}

function schemaProblem(
  error: SchemaError,
  allowed: readonly unknown[],
  hint: (format: string) => string | undefined,
): Problem {
  const params = error.params as Record<string, unknown>;
  const path = pathOf(error.instancePath);
  switch (error.keyword) {
    case 'additionalProperties':
      return { path: pathOf(error.instancePath, String(params.additionalProperty)), message: UNKNOWN };
    case 'required':
      return { path: pathOf(error.instancePath, String(params.missingProperty)), message: 'missing' };
    case 'format':
      return { path, message: `must be ${hint(String(params.format)) ?? String(params.format)}` };
    case 'anyOf':
      return { path, message: `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}` };
    case 'type':
      return { path, message: `must be ${[params.type].flat().map(withArticle).join(' or ')}` };
    default:
      return { path, message: error.message ?? error.keyword };
  }
}
