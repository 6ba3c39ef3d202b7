import type { Migration } from "../Migration.ts"

/** Each gateway asks twice a second which keys have just ended. With these indexes Postgres need not read every key for it. */
export const migration: Migration = {
  id: 37,
  name: "ends of API keys",
  up: `CREATE INDEX IF NOT EXISTS api_keys_by_revocation ON api_keys (revoked_at);
CREATE INDEX IF NOT EXISTS api_keys_by_expiry ON api_keys (expires_at);`,
  down: `DROP INDEX IF EXISTS api_keys_by_expiry;
DROP INDEX IF EXISTS api_keys_by_revocation;`
}
