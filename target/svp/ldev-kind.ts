interface Kind {
  readonly attribute: string;
  readonly thin: boolean;
  readonly readOnly: boolean;
  readonly removable?: boolean;
}

/** What an LDEV is, in a few words. */
export function ldevKind({ attribute, thin, readOnly, removable = false }: Kind): string {
  const kind = attribute === 'ordinary' ? (thin ? 'thin' : 'full') : attribute;
  return `${kind}${readOnly ? ' read-only' : ''}${removable ? ' removable' : ''}`;
}
