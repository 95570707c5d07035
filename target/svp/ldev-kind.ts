interface Kind {
  readonly attribute: string;
  readonly thin: boolean;
  readonly readOnly: boolean;
  readonly removable?: boolean;
  readonly tape?: boolean;
  /** Type of protection information; 0: none. */
  readonly protection?: number;
}

/** What an LDEV is, in a few words. */
export function ldevKind({ attribute, thin, readOnly, removable = false, tape = false, protection = 0 }: Kind): string {
  const kind = attribute === 'ordinary' ? (thin ? 'thin' : 'full') : attribute;
  const marks = [
    readOnly ? 'read-only' : null,
    removable ? 'removable' : null,
    tape ? 'tape' : null,
    protection ? `protected-${protection}` : null,
  ];
  return [kind, ...marks.filter((mark) => mark !== null)].join(' ');
}
