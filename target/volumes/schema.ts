/**
 * Schema of config.db, as steps: a database made by version n of the list is brought up to date by the
 * steps after n. A step that was released is never changed; changes are new steps.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE array (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    serial TEXT NOT NULL,
    iqn TEXT NOT NULL,
    created INTEGER NOT NULL           -- milliseconds since 1970
  ) STRICT;

  CREATE TABLE pools (
    name TEXT PRIMARY KEY
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE parity_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    level TEXT NOT NULL,
    stripe_bytes INTEGER,              -- null: the level's default
    pool TEXT REFERENCES pools (name)  -- null: in none
  ) STRICT;

  CREATE TABLE drives (
    name TEXT PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    parity_group INTEGER NOT NULL REFERENCES parity_groups (id),
    position INTEGER NOT NULL,
    UNIQUE (parity_group, position)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE ldevs (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again; names the LDEV in cache and shared memory
    id INTEGER NOT NULL UNIQUE,             -- CU * 256 + LDEV
    label TEXT NOT NULL,
    attribute TEXT NOT NULL,
    pool TEXT NOT NULL REFERENCES pools (name),
    block_size INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    thin INTEGER NOT NULL,
    read_only INTEGER NOT NULL,
    deleting INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  CREATE TABLE ports (
    name TEXT PRIMARY KEY,
    relative_id INTEGER NOT NULL UNIQUE,
    port_group INTEGER NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE host_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    port TEXT NOT NULL REFERENCES ports (name),
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    auth TEXT NOT NULL,
    UNIQUE (port, name),
    UNIQUE (port, target)
  ) STRICT;

  CREATE TABLE initiators (
    host_group INTEGER NOT NULL REFERENCES host_groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (host_group, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE luns (
    host_group INTEGER NOT NULL REFERENCES host_groups (id) ON DELETE CASCADE,
    lun INTEGER NOT NULL,
    ldev INTEGER NOT NULL REFERENCES ldevs (uid),
    PRIMARY KEY (host_group, lun)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX luns_by_ldev ON luns (ldev);

  CREATE TABLE chap_users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    secret TEXT NOT NULL,
    UNIQUE (name, role)
  ) STRICT;

  CREATE TABLE chap_user_host_groups (
    user INTEGER NOT NULL REFERENCES chap_users (id) ON DELETE CASCADE,
    host_group INTEGER NOT NULL REFERENCES host_groups (id),
    PRIMARY KEY (user, host_group)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE mode_pages (
    ldev INTEGER NOT NULL REFERENCES ldevs (uid) ON DELETE CASCADE,
    page INTEGER NOT NULL,
    subpage INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (ldev, page, subpage)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE reservations (           -- persistent reservations with APTPL
    ldev INTEGER PRIMARY KEY REFERENCES ldevs (uid) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    type INTEGER                        -- null: registrations only
  ) STRICT;

  CREATE TABLE registrations (
    ldev INTEGER NOT NULL REFERENCES reservations (ldev) ON DELETE CASCADE,
    initiator_port TEXT NOT NULL,
    target_port TEXT NOT NULL,
    relative_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    holder INTEGER NOT NULL,
    PRIMARY KEY (ldev, initiator_port, target_port, relative_id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE ldevs ADD COLUMN physical_block_size INTEGER NOT NULL DEFAULT 512;
  UPDATE ldevs SET physical_block_size = block_size;
  `,
  `
  ALTER TABLE drives ADD COLUMN state TEXT NOT NULL DEFAULT 'good';
  ALTER TABLE drives ADD COLUMN rebuilt INTEGER NOT NULL DEFAULT 0;  -- stripes, of a drive being rebuilt

  CREATE TABLE spare_drives (           -- drives in no parity group
    name TEXT PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL                 -- spare or failed
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE settings (               -- of the array as a whole; what is not there has its default
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL                 -- JSON
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE drives ADD COLUMN predicted INTEGER NOT NULL DEFAULT 0;  -- to fail
  `,
  `
  ALTER TABLE drives ADD COLUMN kind TEXT NOT NULL DEFAULT 'ssd';
  ALTER TABLE spare_drives ADD COLUMN kind TEXT NOT NULL DEFAULT 'ssd';
  ALTER TABLE ldevs ADD COLUMN tier TEXT;  -- kind of the drives that it takes regions from; null: any
  `,
  `
  CREATE TABLE identifying_information (  -- by SET IDENTIFYING INFORMATION
    ldev INTEGER NOT NULL REFERENCES ldevs (uid) ON DELETE CASCADE,
    type INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (ldev, type)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE ldevs ADD COLUMN removable INTEGER NOT NULL DEFAULT 0;
  `,
  `
  CREATE TABLE marked_blocks (             -- unreadable until written, by WRITE LONG
    ldev INTEGER NOT NULL REFERENCES ldevs (uid) ON DELETE CASCADE,
    lba INTEGER NOT NULL,
    correction_disabled INTEGER NOT NULL,
    PRIMARY KEY (ldev, lba)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE sanitizations (          -- sanitize operations that go on, or have failed
    ldev INTEGER PRIMARY KEY REFERENCES ldevs (uid) ON DELETE CASCADE,
    unrestricted INTEGER NOT NULL,
    passes INTEGER NOT NULL,
    invert INTEGER NOT NULL,
    pattern BLOB,                       -- null: erasure
    blocks INTEGER NOT NULL,            -- done, in all passes together
    failed INTEGER NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE ldevs ADD COLUMN protection INTEGER NOT NULL DEFAULT 0;   -- type of protection information; 0: none
  ALTER TABLE ldevs ADD COLUMN unformatted INTEGER NOT NULL DEFAULT 0;  -- a format that changes the type has not ended
  `,
  `
  ALTER TABLE ldevs ADD COLUMN tape INTEGER NOT NULL DEFAULT 0;
  `,
];
