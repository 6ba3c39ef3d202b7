/**
 * The messages that bring a Kite socket from one set of subscriptions to another. Messages are JSON text with numeric tokens. A mode is
 * always sent, because Kite does not document the mode after a bare subscribe. Source: kite.trade/docs/connect/v3/websocket.
 */
export type Mode = "ltp" | "quote" | "full"
const modes: ReadonlyArray<Mode> = ["ltp", "quote", "full"]

export type Wanted = ReadonlyMap<number, Mode>
/** Null means subscribed, but the mode is not sent yet. */
export type Held = ReadonlyMap<number, Mode | null>

export type Command =
  | { readonly _tag: "Subscribe"; readonly tokens: ReadonlyArray<number> }
  | { readonly _tag: "Unsubscribe"; readonly tokens: ReadonlyArray<number> }
  | { readonly _tag: "Mode"; readonly mode: Mode; readonly tokens: ReadonlyArray<number> }

const chunks = (tokens: ReadonlyArray<number>, size: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.ceil(tokens.length / size) }, (_, at) => tokens.slice(at * size, (at + 1) * size))

/**
 * The messages that lead from `held` to `wanted`, at most `chunkTokens` tokens each. Unsubscribing comes first, so that the connection never
 * exceeds its limit in between.
 */
export const diff = (held: Held, wanted: Wanted, chunkTokens: number): ReadonlyArray<Command> => {
  const gone = [...held.keys()].filter((token) => !wanted.has(token))
  const added = [...wanted.keys()].filter((token) => !held.has(token))
  const changed = modes.map((mode) => ({
    mode,
    tokens: [...wanted].filter(([token, want]) => want === mode && held.get(token) !== mode).map(([token]) => token)
  }))
  return [
    ...chunks(gone, chunkTokens).map((tokens): Command => ({ _tag: "Unsubscribe", tokens })),
    ...chunks(added, chunkTokens).map((tokens): Command => ({ _tag: "Subscribe", tokens })),
    ...changed.flatMap(({ mode, tokens }) => chunks(tokens, chunkTokens).map((some): Command => ({ _tag: "Mode", mode, tokens: some })))
  ]
}

/** `held` after the command was sent. */
export const apply = (held: Held, command: Command): Held => {
  const next = new Map(held)
  for (const token of command.tokens) {
    if (command._tag === "Unsubscribe") next.delete(token)
    else next.set(token, command._tag === "Mode" ? command.mode : null)
  }
  return next
}

export const format = (command: Command): string => {
  switch (command._tag) {
    case "Subscribe":
      return JSON.stringify({ a: "subscribe", v: command.tokens })
    case "Unsubscribe":
      return JSON.stringify({ a: "unsubscribe", v: command.tokens })
    case "Mode":
      return JSON.stringify({ a: "mode", v: [command.mode, command.tokens] })
  }
}
