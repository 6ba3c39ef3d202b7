import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/**
 * Which indicators are computed while the market moves, and for whom. `holder` is a user's shared set (`user:<id>`) or one connection's
 * (`session:<id>`). A connection's rows expire unless its gateway renews them.
 */
export const migration: Migration = {
  id: 19,
  name: "indicator_subscriptions",
  up: createOrTakeBack(
    "indicator_subscriptions",
    `CREATE TABLE indicator_subscriptions (
      holder text NOT NULL,
      exchange text NOT NULL,
      tradingsymbol text NOT NULL,
      minutes smallint NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
      indicator text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz,
      PRIMARY KEY (holder, exchange, tradingsymbol, minutes, indicator)
    );`
  ),
  down: retire("indicator_subscriptions")
}
