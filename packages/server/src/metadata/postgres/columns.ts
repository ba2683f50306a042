// The columns of the tables, once: what is loaded, inserted and updated goes by these lists.

type ColumnType = "text" | "bigint" | "bytea";
export type Columns = Readonly<Record<string, ColumnType>>;

/** They stay as create has set them. */
const UPLOAD_FIXED: Columns = {
  id: "text",
  tenant: "text",
  principal: "text",
  part_size: "bigint",
  algorithm: "text",
  created_at: "bigint",
  name: "text",
  type: "text",
  metadata: "text",
  verify: "text",
  role: "text",
  note: "text",
  home: "text",
  sha256: "bytea",
  key_name: "bytea",
  key_request: "bytea",
};

/** What changes write. */
export const UPLOAD_STATE: Columns = {
  state: "text",
  epoch: "bigint",
  size: "bigint",
  has_size: "bigint",
  has_told_offset: "bigint",
  has_bytes: "bigint",
  expires_at: "bigint",
  protocol: "text",
  ended_at: "bigint",
  file_id: "text",
  error_code: "text",
  error_detail: "text",
  sealed_sha256: "bytea",
  reserved_kib: "bigint",
  place: "text",
  version: "bigint",
  claim_token: "bigint",
  claim_holder: "text",
  claim_until: "bigint",
  claim_wanted_at: "bigint",
  revoked: "text",
};

export const UPLOADS: Columns = { ...UPLOAD_FIXED, ...UPLOAD_STATE };

/** What conditions look at: all but the long ones. */
export const UPLOAD_LOADED: readonly string[] = [
  ...[
    "id",
    "tenant",
    "principal",
    "part_size",
    "algorithm",
    "created_at",
    "name",
    "key_name",
    "role",
  ],
  ...Object.keys(UPLOAD_STATE),
];

/** What changes write of a file. */
export const FILE_STATE: Columns = {
  place: "text",
  state: "text",
  notes: "text",
  is_damaged: "bigint",
};

export const FILES: Columns = {
  id: "text",
  upload_id: "text",
  tenant: "text",
  principal: "text",
  size: "bigint",
  part_size: "bigint",
  algorithm: "text",
  root: "bytea",
  manifest_size: "bigint",
  manifest_digest: "bytea",
  manifest: "bytea",
  created_at: "bigint",
  name: "text",
  type: "text",
  sha256: "bytea",
  home: "text",
  ...FILE_STATE,
};

export const TAILS: Columns = {
  upload: "text",
  tail_index: "bigint",
  tail_size: "bigint",
  tail_digest: "bytea",
  tail_fragment: "bytea",
  tail_objects: "text",
};

export const PAGES: Columns = {
  upload: "text",
  page: "bigint",
  bits: "bytea",
  bound: "bytea",
  digests: "bytea",
};

export const USAGE: Columns = {
  tenant: "text",
  principal: "text",
  open: "bigint",
  kib: "bigint",
  files: "bigint",
};

export const OUTBOX: Columns = { id: "text", kind: "text", file_id: "text", at: "bigint" };

/** `unnest($1::text[], $2::bigint[], ...) AS given (id, ...)`: a table of parameters, an array each column. */
export function givenOf(columns: Columns): string {
  const arrays = Object.values(columns).map((type, at) => `$${at + 1}::${type}[]`);
  return `unnest(${arrays.join(", ")}) AS given (${namesOf(columns)})`;
}

export function namesOf(columns: Columns): string {
  return Object.keys(columns).join(", ");
}
