import { Schema } from "effect"
import { Mode } from "../../domain/orders/OrderMessage.ts"
import { Input } from "../shared/Input.ts"

/** A message of our own for each field, because the library's messages quote the input, and the input is a secret. */
const word = (pattern: RegExp, message: string) =>
  Schema.String.annotations({ message: () => message }).pipe(Schema.pattern(pattern, { message: () => message }))
const Secret = word(/^[\x21-\x7e]{1,512}$/, "must be 1 to 512 characters without spaces")

/** An account that a user links. */
export const NewAccount = Input({
  account_id: word(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -"),
  user_id: word(/^[A-Za-z0-9]{1,32}$/, "must be 1 to 32 letters and digits").annotations({ description: "The user's id at the broker" }),
  api_key: Secret,
  api_secret: Secret
})

/** The account's session with its broker. Neither a token nor a key is part of any answer. */
const Session = Schema.Struct({
  state: Schema.Literal("signed_out", "signed_in", "login_required"),
  is_automatic: Schema.Boolean,
  token_dies_at: Schema.NullOr(Schema.String),
  required_since: Schema.NullOr(Schema.String),
  detail: Schema.NullOr(Schema.String)
}).annotations({ identifier: "AccountSession" })

export const Account = Schema.Struct({
  account_id: Schema.String,
  user_id: Schema.String.annotations({ description: "The user's id at the broker" }),
  origin: Schema.Literal("file", "linked"),
  source: Schema.Literal("kite", "simulator"),
  mode: Mode.annotations({ description: "`paper` or `live`: whether orders may be sent to the broker" }),
  owners: Schema.Array(Schema.String),
  session: Schema.NullOr(Session).annotations({
    description: "The session with the broker; null while neither the account's stream nor its login has reported one"
  }),
  login_failure: Schema.NullOr(Schema.String)
}).annotations({ identifier: "Account" })
export type Account = typeof Account.Type
