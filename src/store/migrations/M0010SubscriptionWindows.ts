import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/**
 * Windows of strikes that follow the spot price. A subscription stores whether a person or a window requested it, and why it ended by
 * itself. An older program ignores the two columns, so `down` keeps them and their values.
 */
export const migration: Migration = {
  id: 10,
  name: "subscription_windows",
  up: `
${createOrTakeBack(
  "subscription_windows",
  `CREATE TABLE subscription_windows (
      window_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      exchange text NOT NULL,
      underlying text NOT NULL,
      expiries int NOT NULL CHECK (expiries BETWEEN 1 AND 12),
      strikes int NOT NULL CHECK (strikes BETWEEN 0 AND 200),
      requested_mode text NOT NULL CHECK (requested_mode IN ('FULL', 'QUOTE', 'LTP')),
      created_by text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    );`
)}
ALTER TABLE subscriptions ADD COLUMN IF NOT EXISTS origin text NOT NULL DEFAULT 'person' CHECK (origin IN ('person', 'window'));
ALTER TABLE subscriptions ADD COLUMN IF NOT EXISTS ended_reason text;`,
  down: retire("subscription_windows")
}
