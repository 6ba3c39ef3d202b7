import { createOrTakeBack, type Migration, retire } from "../Migration.ts"

/** Keys of programs. The secret is stored only as a scrypt hash with its salt, both base64. */
export const migration: Migration = {
  id: 26,
  name: "api_keys",
  up: createOrTakeBack(
    "api_keys",
    `CREATE TABLE api_keys (
      key_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      public_id text NOT NULL UNIQUE,
      owner text NOT NULL,
      name text NOT NULL,
      role text NOT NULL CHECK (role IN ('viewer', 'trader', 'admin')),
      scopes text[] NOT NULL,
      salt text NOT NULL,
      hash text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      revoked_at timestamptz,
      replaced_by bigint,
      last_used_at timestamptz
    );
    CREATE INDEX api_keys_by_owner ON api_keys (owner, key_id);`
  ),
  down: retire("api_keys")
}
