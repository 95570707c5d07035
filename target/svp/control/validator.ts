/** Checks requests against the schemas of their routes. */
import { Ajv, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv';

/** As fastify asks for it: tells whether the input is good, and what is wrong in `errors`. */
export interface Check {
  (input: unknown): boolean;
  errors?: ErrorObject[] | null;
}

/**
 * A schema is compiled when its route is first asked for something: most never are, and all of them were a quarter of
 * what a start takes.
 */
export function validatorCompiler(): (route: { readonly schema: AnySchema }) => Check {
  const ajv = new Ajv();
  return ({ schema }) => {
    let compiled: ValidateFunction | null = null;
    const check: Check = (input) => {
      compiled ??= ajv.compile(schema);
      const good = compiled(input);
      check.errors = compiled.errors ?? null;
      return good;
    };
    return check;
  };
}
