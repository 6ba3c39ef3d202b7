import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/** The row of a removed account stays without its secrets, because its orders stay the owner's: nobody else may link the id. */
const accounts = createOrTakeBack(
  "accounts",
  `CREATE TABLE accounts (
      account_id text PRIMARY KEY,
      owner text NOT NULL,
      user_id text NOT NULL,
      api_key text NOT NULL,
      api_secret text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      removed_at timestamptz
    );
    CREATE INDEX accounts_of_owner ON accounts (owner);`
)

/** `number` counts the logins of an account. `request_token` is there while it waits for its exchange. */
const logins = createOrTakeBack(
  "account_logins",
  `CREATE TABLE account_logins (
      account_id text PRIMARY KEY,
      number int NOT NULL DEFAULT 1,
      request_token text,
      received_at timestamptz NOT NULL DEFAULT now(),
      exchange_at timestamptz,
      failure text,
      access_token text,
      signed_in_at timestamptz,
      CHECK ((access_token IS NULL) = (signed_in_at IS NULL))
    );`
)

/** A login that a user began at /kite/login. The state itself is not kept, only its hash. */
const states = createOrTakeBack(
  "account_login_states",
  `CREATE TABLE account_login_states (
      state_hash text PRIMARY KEY,
      account_id text NOT NULL,
      user_id text NOT NULL,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX account_login_states_of_account ON account_login_states (account_id);`
)

/** What was announced of an account's session: each kind of event once for each time that it is about. */
const announcements = createOrTakeBack(
  "account_announcements",
  `CREATE TABLE account_announcements (
      account_id text NOT NULL,
      kind text NOT NULL,
      about timestamptz NOT NULL,
      PRIMARY KEY (account_id, kind)
    );`
)

/** Accounts that users linked, and the sessions that login pages brought. Keys, secrets and tokens are sealed. */
export const migration: Migration = {
  id: 23,
  name: "accounts",
  up: [accounts, logins, states, announcements].join("\n"),
  down: ["account_announcements", "account_login_states", "account_logins", "accounts"].map(retire).join("\n")
}
