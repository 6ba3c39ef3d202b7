import { Data, Effect, Either, type ParseResult, Schema } from "effect"

/** `{name}` holes in a template, as a union of their names. */
export type Holes<T extends string> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never

export class DecodeError extends Data.TaggedError("DecodeError")<{ readonly subject: string; readonly cause: unknown }> {}

/** A subject: its text, its payload's schema and its stream. */
export interface Subject<Template extends string, A, I = unknown> {
  readonly template: Template
  readonly stream: string
  readonly schema: Schema.Schema<A, I>
  /** Concrete subject to publish on; names are escaped here and nowhere else. */
  readonly at: (holes: Record<Holes<Template>, string>) => string
  /** Filter to read with; a missing hole becomes `*`. */
  readonly filter: (holes?: Partial<Record<Holes<Template>, string>>) => string
  /** The names in a concrete subject, or undefined when the subject has another form. */
  readonly match: (subject: string) => Record<Holes<Template>, string> | undefined
  readonly encode: (value: A) => Uint8Array
  /** Encodes a value that has its JSON form already, without visiting its elements. */
  readonly write: (value: I) => Uint8Array
  readonly decode: (subject: string, bytes: Uint8Array) => Effect.Effect<A, DecodeError>
  /** Decodes without an effect, for a loop over a batch. */
  readonly decodeEither: (bytes: Uint8Array) => Either.Either<A, ParseResult.ParseError>
  /** False when a name in the body (underlying, strategy, account) differs from the name in its subject. */
  readonly isOf: (subject: string, value: A) => boolean
  /** Decodes a message whose body must belong to its subject. Left: the reason why the message is refused. */
  readonly read: (subject: string, bytes: Uint8Array) => Either.Either<A, string>
}

const toBytes = new TextEncoder()
const toText = new TextDecoder("utf-8", { ignoreBOM: true })

const encodeWith = (mark: string, unsafe: RegExp, name: string): string =>
  name.replaceAll(unsafe, (char) =>
    Array.from(toBytes.encode(char), (byte) => mark + byte.toString(16).toUpperCase().padStart(2, "0")).join("")
  )
/** Never fails, because anybody may publish any subject: text that `encodeWith` did not write stays as it is. */
const decodeWith = (escaped: RegExp, token: string): string =>
  token.replaceAll(escaped, (run) => toText.decode(Buffer.from(run.replaceAll(/[^0-9A-F]/g, ""), "hex")))

/** Most names match this and need no encoding. */
const plainToken = /^[\w&-]+$/

/**
 * Percent-encodes the characters that a subject token cannot contain, and `%` itself (`M&M` stays as it is). The server closes the
 * connection on an empty token, so an empty name becomes `%` alone.
 */
export const escape = (name: string): string =>
  plainToken.test(name) ? name : name === "" ? "%" : encodeWith("%", /[\s.*>%\p{Cc}]/gu, name)
export const unescape = (token: string): string => (token === "%" ? "" : decodeWith(/(?:%[0-9A-F]{2})+/g, token))

/** True if a filter may match more than one subject. */
export const hasWildcard = (filter: string): boolean => /[*>]/.test(filter)

/** Escapes names for a key of a KV bucket, which allows only `-/_=.` and alphanumerics. The escape character is `=`. */
export const kvKey = (...names: ReadonlyArray<string>): string =>
  names.map((name) => (name === "" ? "=" : encodeWith("=", /[^A-Za-z0-9_-]/gu, name))).join(".")
export const kvNames = (key: string): ReadonlyArray<string> =>
  key.split(".").map((token) => (token === "=" ? "" : decodeWith(/(?:=[0-9A-F]{2})+/g, token)))

export const make = <const Template extends string, A, I>(options: {
  readonly template: Template
  readonly stream: string
  readonly schema: Schema.Schema<A, I>
  /** True when a value needs no transformation to become JSON. Our own values are then written without visiting every element. */
  readonly plain?: A extends I ? true : never
  /** The names of the subject that the body repeats. */
  readonly names?: (value: A) => Partial<Record<Holes<Template>, string>>
}): Subject<Template, A, I> => {
  // Compiled once per subject, never per message.
  const json = Schema.parseJson(options.schema)
  const encode = options.plain === true ? (value: A) => JSON.stringify(value) : Schema.encodeSync(json)
  const decode = Schema.decodeUnknown(json)
  const decodeEither = Schema.decodeUnknownEither(json)
  const parts = options.template.split(".")
  const prefix = options.template.split("{", 1)[0] ?? ""
  const nameOf = (part: string) => (part.startsWith("{") ? part.slice(1, -1) : undefined)
  const fill = (holes: Partial<Record<string, string>>, missing: (name: string) => string) =>
    parts
      .map((part) => {
        const name = nameOf(part)
        if (name === undefined) return part
        const value = holes[name]
        return value === undefined ? missing(name) : escape(value)
      })
      .join(".")
  // A concrete subject needs a value for every name.
  const refuse = (name: string): never => {
    throw new TypeError(`subject ${options.template}: no ${name}`)
  }
  const match = (subject: string): Record<Holes<Template>, string> | undefined => {
    if (!subject.startsWith(prefix)) return undefined
    const tokens = subject.split(".")
    if (tokens.length !== parts.length) return undefined
    const found: Record<string, string> = {}
    for (const [at, part] of parts.entries()) {
      const token = tokens[at] ?? ""
      const name = nameOf(part)
      if (name !== undefined) found[name] = unescape(token)
      else if (token !== part) return undefined
    }
    return found as Record<Holes<Template>, string>
  }
  const isOf = (subject: string, value: A): boolean => {
    if (options.names === undefined) return true
    const found = match(subject)
    if (found === undefined) return false
    for (const [name, said] of Object.entries(options.names(value))) if (found[name as Holes<Template>] !== said) return false
    return true
  }
  return {
    template: options.template,
    stream: options.stream,
    schema: options.schema,
    at: (holes) => fill(holes, refuse),
    filter: (holes = {}) => fill(holes, () => "*"),
    match,
    encode: (value) => toBytes.encode(encode(value)),
    // A small Buffer comes from a pool. It costs a third of an encoder's own array.
    write: (value) => Buffer.from(JSON.stringify(value)),
    decode: (subject, bytes) =>
      Effect.suspend(() => decode(toText.decode(bytes))).pipe(Effect.mapError((cause) => new DecodeError({ subject, cause }))),
    decodeEither: (bytes) => decodeEither(toText.decode(bytes)),
    isOf,
    read: (subject, bytes) =>
      Either.flatMap(Either.mapLeft(decodeEither(toText.decode(bytes)), String), (value) =>
        isOf(subject, value) ? Either.right(value) : Either.left(`its body belongs to another subject than ${subject}`)
      )
  }
}
