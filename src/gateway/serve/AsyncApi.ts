import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, JSONSchema, Layer, type Schema } from "effect"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import * as Keyframe from "../../domain/record/Keyframe.ts"
import * as Streams from "../../streams/Streams.ts"
import type { Holes } from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"

/** Every subject of the catalogue by its name there. A new subject without a description does not compile. */
type Name = {
  [K in keyof typeof Subjects]: (typeof Subjects)[K] extends { readonly template: string } ? K : never
}[keyof typeof Subjects]

const subjects: Pick<typeof Subjects, Name> = Subjects

interface About {
  readonly summary: string
  /** Headers of the message, in addition to JetStream's. */
  readonly headers?: ReadonlyArray<keyof typeof headers>
  /** The form of the body, if it is not JSON. */
  readonly binary?: string
}

const headers = {
  [FrameHeader.name]: "account, epoch, incarnation, number, base receive time, source, runs of receive times, subject, separated by blanks",
  [Keyframe.timeHeader]: "market time of the keyframe, UNIX ms: the keyframe includes every packet received before it",
  "Tarang-Input":
    "separated by blanks: creation of the input's stream in UNIX ms (MD_FRAMES; MD_BARS for an indicator), the input's sequence there, the number of this message among the input's messages on this subject (from 0), and the publisher's epoch",
  "Tarang-Request": "id of the REST request that caused this message; - if none did",
  "Tarang-Subject": "the refused message's subject",
  "Tarang-Seq": "the refused message's sequence",
  "Tarang-Reason": "why the message was refused"
} as const

const computed = ["Tarang-Input"] as const
const catalogue: Readonly<Record<Name, About>> = {
  Frame: {
    summary: "Every packet unchanged, grouped by underlying: a frame has up to 50 packets and follows within 2 to 20 ms",
    headers: [FrameHeader.name],
    binary:
      "Packets in Kite's own layout: u16 count, then per packet u16 length and body, big-endian, prices in paise (currencies 1e-4, 1e-7)"
  },
  Keyframe: {
    summary:
      "The last packets of the instruments that an account streams of an underlying, every minute: a reader without a state starts here",
    headers: [FrameHeader.name, Keyframe.timeHeader],
    binary:
      "Packets as in frames, ordered by receive time: the last packet of each instrument, and before it the packet that open interest is compared with"
  },
  Clock: {
    summary: "A market time, every 100 ms of it: all frames that the account received before that time precede this message",
    headers: [FrameHeader.name],
    binary: "8 bytes: UNIX ms, big-endian IEEE double"
  },
  Break: {
    summary: "An interruption of what an account streams of an underlying: since when, until when, why, and how many packets are missing",
    headers: [FrameHeader.name]
  },
  Life: {
    summary: "What happened to instruments of an underlying: listed, changed, expired, settled with its price and source",
    headers: computed
  },
  MarketReference: { summary: "All streamed instruments of an underlying, complete in each message", headers: ["Tarang-Request"] },
  StrategyDefinition: { summary: "A strategy's legs and the result of its fills, complete in each message", headers: ["Tarang-Request"] },
  Tick: { summary: "The newest values and Greeks of the instruments that changed, every 250 ms", headers: computed },
  Bars: { summary: "Closed bars of a second or a minute, and the open bar so far", headers: computed },
  ChainDelta: { summary: "The options of a chain whose rounded values changed in a window of 250 ms", headers: computed },
  ChainKeyframe: {
    summary: "The whole chain, at least every 5 s, with the sequence of the newest delta that it includes",
    headers: computed
  },
  ChainMinute: {
    summary: "The whole chain at the beginning of each minute in which the exchange sent something for it",
    headers: computed
  },
  UnderlyingState: { summary: "Spot, futures, forwards and at-the-money volatility, complete in each message", headers: computed },
  Mark: { summary: "A strategy's value, profit and loss and net Greeks, on change, at most 4 a second", headers: computed },
  Candle: { summary: "One minute of a strategy's m2m, published once", headers: computed },
  StrategyEvent: {
    summary: "A strategy's new definition, published when its legs, their instruments or its fills changed",
    headers: ["Tarang-Request"]
  },
  Indicator: { summary: "An indicator at the newest bar of an instrument, at each change of the bar", headers: computed },
  Ticker: { summary: "State of an account's market data connections, once a second" },
  Limited: { summary: "The broker answered an account with 429: how long other accounts do its work" },
  Executor: { summary: "Whether an account's executor of orders is ready, once a second" },
  Writer: { summary: "State of a writer to Postgres, once a second: how many messages wait, and whether it saves them" },
  ProcessHealth: {
    summary:
      "How far the record lags behind the accounts that a process of actors streams (backpressure), at each change of a level and once a second"
  },
  Store: { summary: "The streams for which NATS answers but stores nothing, because its disk is full: each second while there are any" },
  Quality: { summary: "Oddities in an underlying's data: gaps, crossed books, prices between two ticks, parity violations" },
  Changed: { summary: "A REST call changed in Postgres what the subject names: read it now" },
  OrderCommand: { summary: "An order task to run now: its row in Postgres says what to do" },
  OrderTaskEvent: { summary: "An order task after each change, complete in each message" },
  LabelEvent: { summary: "A user's label that was created, changed or removed" },
  AlertEvent: { summary: "A user's alert that fired: what it looks at, the threshold and the value" },
  AccountEvent: {
    summary:
      "A change of an account: mode, limits, stop or release; an order, a trade, a position or the funds at the broker; figures that differed from the broker's; an alert; a failed basket that is taken back; a stop by its loss of a day, or of a strategy with orders in it; its link or session"
  },
  Asked: {
    summary:
      "A question to the engine, of a gateway or of a service that wants subscriptions; the answer goes to the inbox that `reply` names"
  }
}

const parameters: Readonly<Record<Holes<(typeof Subjects)[Name]["template"]> | "actor", string>> = {
  exchange: "The underlying's exchange: NSE for NIFTY and all its contracts. Of an indicator the instrument's own exchange",
  underlying: "The underlying's name as its exchange writes it; blanks, control characters and `. * > %` are percent-encoded",
  account: "A broker account",
  part: "From 0: a message holds at most 1,000 instruments",
  owner: "The user to whom the strategy, the label or the alert belongs",
  strategy: "The strategy's number",
  interval: "1s or 1m",
  indicator: "The indicator's name and settings",
  symbol: "The instrument as its exchange writes it, in capitals",
  timeframe: "1m, 3m, 5m, 10m, 15m, 30m, 1h or 1d",
  token: "The instrument's token",
  writer: "bar-writer, candle-writer, chain-writer or life-writer",
  expiry: "YYYY-MM-DD",
  kind: "gap, crossed_book, off_grid or parity",
  task: "The order task's number",
  what: "What changed, or what is asked for",
  process:
    "A process of actors. sys.health: what it runs, such as market, and in a cluster its address; sys.store: another name for each start",
  actor: "The actor that could not read the message"
}

const parametersOf = (address: string) =>
  Object.fromEntries(
    [...address.matchAll(/\{(\w+)\}/g)].map(([, hole = ""]) => [hole, { description: parameters[hole as keyof typeof parameters] }])
  )

const headersOf = (names: ReadonlyArray<keyof typeof headers>) => ({
  type: "object",
  properties: Object.fromEntries(names.map((name) => [name, { type: "string", description: headers[name] }]))
})

const nanoseconds = 1e9
/** The stream of a subject and its limits. A limit that is not set is omitted. */
const streamOf = (specs: ReadonlyArray<Streams.Spec>, name: string) => {
  const { description, max_age, max_bytes, max_msgs_per_subject } = specs.find((spec) => spec.name === name) ?? { name }
  return {
    name,
    ...(description === undefined ? {} : { description }),
    ...(max_age === undefined ? {} : { seconds_max: max_age / nanoseconds }),
    ...(max_bytes === undefined ? {} : { bytes_max: max_bytes }),
    ...(max_msgs_per_subject === undefined ? {} : { messages_per_subject_max: max_msgs_per_subject })
  }
}

/** The NATS side of the platform as an AsyncAPI 3.0 document: asyncapi.com/docs/reference/specification/v3.0.0. */
export const document = (specs: ReadonlyArray<Streams.Spec>) => {
  const schemas: Record<string, unknown> = {}
  const messages: Record<string, unknown> = {}
  const channels: Record<string, unknown> = {}
  const operations: Record<string, unknown> = {}

  const add = (name: string, address: string, stream: string, about: About, payload: unknown) => {
    messages[name] = {
      name,
      summary: about.summary,
      contentType: about.binary === undefined ? "application/json" : "application/octet-stream",
      ...(about.headers === undefined ? {} : { headers: headersOf(about.headers) }),
      payload
    }
    channels[name] = {
      address,
      summary: about.summary,
      parameters: parametersOf(address),
      messages: { [name]: { $ref: `#/components/messages/${name}` } },
      "x-jetstream": streamOf(specs, stream)
    }
    operations[`send${name}`] = {
      action: "send",
      channel: { $ref: `#/channels/${name}` },
      messages: [{ $ref: `#/channels/${name}/messages/${name}` }]
    }
  }
  /** Later versions may add fields to a body, so unknown fields are allowed. */
  const schemaOf = (name: string, schema: Schema.Schema.Any) => {
    const found = JSONSchema.fromAST(schema.ast, {
      definitions: schemas as Record<string, JSONSchema.JsonSchema7>,
      definitionPath: "#/components/schemas/",
      additionalPropertiesStrategy: "allow"
    })
    // The library gives every "any value" the same id, which makes references ambiguous.
    schemas[name] = JSON.parse(JSON.stringify(found, (key, value) => (key === "$id" ? undefined : value)))
    return { $ref: `#/components/schemas/${name}` }
  }

  for (const [name, about] of Object.entries(catalogue) as ReadonlyArray<[Name, About]>) {
    const { template, stream, schema } = subjects[name]
    const bytes = { type: "string", format: "binary", description: about.binary }
    add(name, template, stream, about, about.binary === undefined ? schemaOf(name, schema) : bytes)
  }
  add(
    "DeadLetter",
    Subjects.deadLetter("{actor}"),
    "DLQ",
    {
      summary: "A message that an actor could not read",
      headers: ["Tarang-Subject", "Tarang-Seq", "Tarang-Reason"],
      binary: "The refused message's own bytes"
    },
    { type: "string", format: "binary", description: "The refused message's own bytes" }
  )
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Tarang",
      version: "1",
      description:
        "What Tarang publishes on NATS JetStream. Any client may listen: a user of the platform, with a token or an API key as its password, to md, und, opt, ind and to its own strategies, labels, alerts and accounts; the user `reader` to md, und, opt and ind; the user `operator` to everything. REST: /openapi.json",
      license: { name: "Apache-2.0" }
    },
    defaultContentType: "application/json",
    servers: {
      nats: {
        host: "{address}",
        protocol: "nats",
        description: "NATS 2.10.23 or newer with JetStream",
        variables: { address: { description: "As in NATS_URL", default: "127.0.0.1:4222" } },
        security: [{ $ref: "#/components/securitySchemes/user" }]
      }
    },
    channels,
    operations,
    components: { schemas, messages, securitySchemes: { user: { type: "userPassword", description: "A user of nats.conf" } } }
  }
}

/** GET /asyncapi.json. Like /openapi.json, it needs no sign-in. */
export const layer = Layer.unwrapEffect(
  Effect.map(Streams.configured, (specs) =>
    HttpLayerRouter.add("GET", "/asyncapi.json", Effect.succeed(HttpServerResponse.unsafeJson(document(specs))))
  )
)
