import { assert, layer } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { type ConsumerConfig, createInbox, headers, type JetStreamManager, type NatsConnection, type SequenceInfo } from "nats"
import type { NatsRole } from "../../scripts/lib/backends.mjs"
import * as Money from "../../src/domain/Money.ts"
import type * as StrategyMessage from "../../src/domain/strategy/StrategyMessage.ts"
import * as Copies from "../../src/streams/Copies.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { waitMsMax } from "../Patience.ts"
import { admissionByName, answerLogins, connectOwner } from "./Admissions.ts"
import { backend, clientAs, Server, settings, until } from "./Nats.ts"

/** What an attacker wants to publish: other users' values, definitions, commands, keys, inboxes, and verbs that change our streams. */
const victims = [
  "md.frame.NSE.FORGED",
  "md.clock.forged",
  "md.ref.NSE.FORGED",
  "md.tick.NSE.FORGED",
  "md.bar.1m.NSE.FORGED.1",
  "und.state.NSE.FORGED",
  "opt.delta.NSE.FORGED.2026-11-24",
  "opt.chain.NSE.FORGED.2026-11-24",
  "ind.NSE.FORGED.1m.rsi",
  "strat.def.demo.777",
  "strat.m2m.demo.777",
  "strat.evt.demo.777",
  "strat.candle.demo.777",
  "ctl.changed.forged",
  "ctl.ask.history",
  "sys.ticker.forged",
  "sys.gateway.forged",
  "dlq.forged",
  "ord.cmd.forged",
  "ord.evt.forged.1",
  "acct.evt.forged",
  "label.evt.demo.FORGED",
  "$KV.actors.forged",
  "$KV.snapshots.forged",
  "$KV.cluster.forged",
  "_INBOX_engine.victim",
  "_INBOX_gateway.victim",
  "_INBOX_reader.victim",
  "$JS.API.STREAM.DELETE.STRAT",
  "$JS.API.STREAM.PURGE.STRAT",
  "$JS.API.CONSUMER.DELETE.MD_BARS.bar-writer",
  "reader.JS.API.STREAM.PURGE.OPT_LAST",
  "operator.JS.API.STREAM.PURGE.OPT_LAST",
  "reader.seed.und.state.NSE.FORGED",
  "operator.seed.und.state.NSE.FORGED",
  "$JS.ACK.MD_BARS.bar-writer.1.1.1.1.0",
  "$JS.FC.MD_BARS.bar-writer.1"
]

const stream = (name: string, more: object = {}) => JSON.stringify({ name, subjects: [`forged.${name}.>`], ...more })
const consumer = (name: string, more: object = {}) =>
  JSON.stringify({ stream_name: name, config: { name: "forged", durable_name: "forged", ack_policy: "explicit", ...more } })

/** Every verb of JetStream's interface (server 2.10 to 2.15), on streams that the attacker must not reach. */
const verbs: ReadonlyArray<readonly [verb: string, body: string]> = [
  ["INFO", ""],
  ["STREAM.NAMES", ""],
  ["STREAM.LIST", ""],
  ["STREAM.INFO.STRAT", ""],
  ["STREAM.INFO.OPT_LAST", '{"subjects_filter":">"}'],
  ["STREAM.CREATE.FORGED", stream("FORGED", { republish: { src: ">", dest: "strat.m2m.demo.777" } })],
  ["STREAM.UPDATE.STRAT", stream("STRAT")],
  ["STREAM.UPDATE.OPT_LAST", stream("OPT_LAST", { republish: { src: ">", dest: "strat.m2m.demo.777" } })],
  ["STREAM.DELETE.STRAT", ""],
  ["STREAM.DELETE.KV_actors", ""],
  ["STREAM.PURGE.OPT_LAST", ""],
  ["STREAM.MSG.GET.STRAT", '{"seq":1}'],
  ["STREAM.MSG.GET.KV_actors", '{"seq":1}'],
  ["STREAM.MSG.GET.OPT_LAST", '{"last_by_subj":"und.state.NSE.NIFTY"}'],
  ["STREAM.MSG.DELETE.STRAT", '{"seq":1}'],
  ["STREAM.SNAPSHOT.STRAT", '{"deliver_subject":"strat.m2m.demo.777","no_consumers":false}'],
  ["STREAM.RESTORE.STRAT", JSON.stringify({ config: JSON.parse(stream("STRAT")), state: {} })],
  ["STREAM.PEER.REMOVE.STRAT", '{"peer":"a"}'],
  ["STREAM.LEADER.STEPDOWN.STRAT", ""],
  ["DIRECT.GET.STRAT", '{"seq":1}'],
  ["DIRECT.GET.STRAT.strat.m2m.u1.1", ""],
  ["DIRECT.GET.OPT_LAST", '{"seq":1}'],
  ["DIRECT.GET.OPT_LAST.und.state.NSE.NIFTY", ""],
  ["DIRECT.GET.MD_FRAMES.strat.def.u1.1", ""],
  ["DIRECT.GET.KV_actors.$KV.actors.a", ""],
  [
    "CONSUMER.CREATE.STRAT",
    JSON.stringify({ stream_name: "STRAT", config: { ack_policy: "none", deliver_subject: "ctl.changed.forged" } })
  ],
  ["CONSUMER.CREATE.STRAT.forged", consumer("STRAT", { deliver_subject: "ctl.changed.forged" })],
  ["CONSUMER.CREATE.MD_FRAMES.forged.md.frame.>", consumer("MD_FRAMES", { filter_subject: "strat.def.>" })],
  ["CONSUMER.DURABLE.CREATE.MD_BARS.bar-writer", consumer("MD_BARS", { name: "bar-writer", durable_name: "bar-writer", max_deliver: 1 })],
  ["CONSUMER.CREATE.STRAT.candle-writer", consumer("STRAT", { name: "candle-writer", durable_name: "candle-writer", max_deliver: 1 })],
  ["CONSUMER.NAMES.STRAT", ""],
  ["CONSUMER.LIST.MD_BARS", ""],
  ["CONSUMER.INFO.MD_BARS.bar-writer", ""],
  ["CONSUMER.MSG.NEXT.MD_BARS.bar-writer", '{"batch":10,"no_wait":true}'],
  ["CONSUMER.MSG.NEXT.STRAT.candle-writer", '{"batch":10,"no_wait":true}'],
  ["CONSUMER.DELETE.MD_BARS.bar-writer", ""],
  ["CONSUMER.DELETE.STRAT.candle-writer", ""],
  ["CONSUMER.PAUSE.MD_BARS.bar-writer", '{"pause_until":"2100-01-01T00:00:00Z"}'],
  ["CONSUMER.RESET.MD_BARS.bar-writer", '{"seq":1}'],
  ["CONSUMER.UNPIN.MD_BARS.bar-writer", '{"group":"a"}'],
  ["CONSUMER.LEADER.STEPDOWN.MD_BARS.bar-writer", ""],
  ["ACCOUNT.PURGE.TARANG", ""],
  ["ACCOUNT.STREAM.MOVE.TARANG.STRAT", "{}"],
  ["META.LEADER.STEPDOWN", ""],
  ["SERVER.REMOVE", '{"peer":"a"}']
]
/** The streams in an external user's own account. */
const copied = ["OPT_LAST", "MD_TICK", "MD_BARS"]
/** Prefixes of our own interface, and those by which accounts reach each other's interface. */
const prefixes = ["$JS.API", "tarang.JS.API", "reader.JS.API", "operator.JS.API"]

/** A request without an answer is not refused by name: an account's own interface listens to all of them. */
const answerMs = 1_000

/** The victims' subjects that arrive at a connection, from any sender. A user who may not read `>` subscribes to everything that he may read. */
const witness = (nc: NatsConnection, filters: ReadonlyArray<string>) => {
  const heard = new Set<string>()
  for (const filter of filters)
    nc.subscribe(filter, { callback: (error, { subject }) => void (error === null && victims.includes(subject) && heard.add(subject)) })
  return Effect.as(
    Effect.promise(() => nc.flush()),
    heard
  )
}

const value = Money.ofNumber(1)
const aMark = (strategyId: number): StrategyMessage.Mark => ({
  v: 1,
  as_of: "2026-11-24T04:00:00.000Z",
  seq: 1,
  strategy_id: strategyId,
  m2m: value,
  unrealised_pnl: value,
  realised_pnl: value,
  total_pnl: value,
  net_delta: 1,
  net_gamma: 1,
  net_theta: 1,
  net_vega: 1,
  complete: true,
  missing: []
})
/** Every stream of the platform. */
const all = [
  "MD_FRAMES",
  "MD_TICK",
  "MD_BARS",
  "OPT",
  "OPT_LAST",
  "OPT_MINUTE",
  "STRAT",
  "SYS",
  "CTL",
  "ORD_CMD",
  "ORD",
  "IND",
  "LABEL",
  "ALERT",
  "DLQ",
  "KV_actors",
  "KV_snapshots",
  "KV_cluster"
]
/** Every subject whose body has a schema, which is what its readers accept. */
const bodies = Object.values(Subjects).flatMap((one) =>
  typeof one === "object" &&
  "read" in one &&
  ![Subjects.Frame, Subjects.Keyframe, Subjects.Clock].some(({ template }) => template === one.template)
    ? [one]
    : []
)
/** Requests by which a stream's bodies would be delivered on the victim's subject. */
const redirections = (name: string, victim: string): ReadonlyArray<readonly [verb: string, body: string]> => {
  const push = (more: object) =>
    JSON.stringify({ stream_name: name, config: { deliver_subject: victim, ack_policy: "none", deliver_policy: "all", ...more } })
  return [
    [`CONSUMER.CREATE.${name}`, push({})],
    [`CONSUMER.CREATE.${name}`, push({ name: "forged" })],
    [`CONSUMER.CREATE.${name}`, push({ name: "candle-writer" })],
    [`CONSUMER.CREATE.${name}`, push({ name: "bar-writer", durable_name: "bar-writer" })],
    [`CONSUMER.CREATE.${name}.forged`, push({ name: "forged" })],
    [`CONSUMER.DURABLE.CREATE.${name}.forged`, push({ durable_name: "forged" })],
    [`CONSUMER.MSG.NEXT.${name}.forged`, '{"batch":10,"no_wait":true}'],
    [`DIRECT.GET.${name}`, '{"seq":1}'],
    [`STREAM.MSG.GET.${name}`, '{"seq":1}'],
    [`CONSUMER.DELETE.${name}.forged`, ""]
  ]
}

/** A consumer and its position. */
interface Held {
  readonly name: string
  readonly own: ConsumerConfig
  readonly ack_floor: SequenceInfo
  readonly num_pending: number
}

/** The settings, contents and consumers of every stream. An attack must not change them. */
const standing = (jsm: JetStreamManager) =>
  Effect.promise(async () => {
    const found: Array<{
      readonly config: unknown
      readonly messages: number
      readonly last: number
      readonly consumers: ReadonlyArray<Held>
    }> = []
    for await (const { config, state } of jsm.streams.list()) {
      const consumers: Array<Held> = []
      for await (const { name, config: own, ack_floor, num_pending } of jsm.consumers.list(config.name))
        if (!name.startsWith("forged")) consumers.push({ name, own, ack_floor, num_pending })
      found.push({ config, messages: state.messages, last: state.last_seq, consumers })
    }
    return found
  })

/** Sends the body of a request with each victim as its reply, as its trace's destination, and as the delivery subject of a push consumer. */
const attack = (nc: NatsConnection) =>
  Effect.promise(async () => {
    const reply = createInbox("_INBOX_reader")
    for (const victim of victims) {
      nc.publish(victim, "forged")
      for (const prefix of prefixes)
        for (const [verb, body] of verbs) {
          const traced = headers()
          traced.set("Nats-Trace-Dest", victim)
          nc.publish(`${prefix}.${verb}`, body, { reply: victim })
          nc.publish(`${prefix}.${verb}`, body, { reply, headers: traced })
        }
      for (const name of copied)
        for (const more of [{}, { headers_only: true }, { idle_heartbeat: 100_000_000, flow_control: true }]) {
          const config = { name: "forged", deliver_subject: victim, ack_policy: "none", deliver_policy: "all", ...more }
          nc.publish(`$JS.API.CONSUMER.CREATE.${name}.forged`, JSON.stringify({ stream_name: name, config }), {
            reply
          })
          nc.publish(`$JS.API.CONSUMER.DELETE.${name}.forged`, "", { reply })
        }
      await nc.flush()
    }
  })
/** Waits until the server has handled all requests of an attacker who uses JetStream. */
const attacked = (nc: NatsConnection) =>
  Effect.promise(async () => {
    // At the account's limit of consumers the last attacks would be refused for that reason.
    const own = await nc.jetstreamManager({ checkAPI: false })
    for await (const name of own.streams.names())
      for await (const one of own.consumers.list(name)) await own.consumers.delete(name, one.name)
    // The server handles a connection's requests in order, and delivers for a consumer after the requests before it.
    for (const name of copied) {
      const last = createInbox("_INBOX_reader")
      const arrived = nc.subscribe(last, { max: 1 })
      const config = { name: "forged", deliver_subject: last, ack_policy: "none", deliver_policy: "all" }
      await nc.request(`$JS.API.CONSUMER.CREATE.${name}.forged`, JSON.stringify({ stream_name: name, config }), { timeout: waitMsMax })
      for await (const _ of arrived);
    }
  })

const Attacked = Layer.mergeAll(Copies.layer).pipe(Layer.provideMerge(Streams.layer))
const World = Layer.unwrapEffect(
  Effect.map(Server, (server) => Attacked.pipe(Layer.provide(Layer.setConfigProvider(settings(server)))))
).pipe(Layer.provideMerge(backend))

const managerOf = (nc: NatsConnection, apiPrefix: string) => Effect.promise(() => nc.jetstreamManager({ apiPrefix, checkAPI: false }))

layer(World, { excludeTestServices: true })("Attacks", (it) => {
  const prepare = Effect.gen(function* () {
    const { jsm, js } = yield* JetStream
    yield* Effect.promise(async () => {
      for (const name of ["actors", "snapshots", "cluster"]) await js.views.kv(name)
      await js.publish("$KV.actors.a", "1")
      await js.publish("strat.m2m.u1.1", "secret value")
      await js.publish("strat.def.u1.1", "secret legs")
      await js.publish("und.state.NSE.NIFTY", "state")
      await js.publish("md.tick.NSE.NIFTY", "tick")
      await js.publish("md.bar.1m.NSE.NIFTY.256265", "bar")
      await jsm.consumers.add("MD_BARS", { durable_name: "bar-writer", ack_policy: "explicit" } as never)
      await jsm.consumers.add("STRAT", { durable_name: "candle-writer", ack_policy: "explicit" } as never)
    })
  })

  for (const attacker of ["reader", "operator"] as const) {
    const other = attacker === "reader" ? "operator" : "reader"
    it.effect(
      `BE-ISO-02 nothing that ${attacker} makes the server publish leaves its account, by any verb, reply, trace or delivery subject`,
      () =>
        Effect.gen(function* () {
          yield* prepare
          const { nc: engine, jsm } = yield* JetStream
          const attackers = yield* clientAs(attacker)
          const others = yield* clientAs(other)
          const market = ["md.>", "und.>", "opt.>", "ind.>", "_INBOX_reader.>"]
          const inOurs = yield* witness(engine, [">"])
          const inOthers = yield* witness(others, other === "operator" ? [">"] : market)
          const inOwn = yield* witness(attackers, attacker === "operator" ? [">"] : market)
          const ours = yield* standing(jsm)
          const otherCopies = yield* managerOf(engine, `${other}.JS.API`)
          const theirs = yield* standing(otherCopies)

          yield* attack(attackers)
          yield* attacked(attackers)
          yield* Effect.promise(() => Promise.all([engine.flush(), others.flush()]))

          assert.deepStrictEqual([...inOurs], [])
          assert.deepStrictEqual([...inOthers], [])
          assert.deepStrictEqual(yield* standing(jsm), ours)
          assert.deepStrictEqual(yield* standing(otherCopies), theirs)
          // The attack works in itself: messages that it makes the server publish arrive at the attacker's own subjects.
          assert.include([...inOwn], "und.state.NSE.FORGED")
        }).pipe(Effect.scoped),
      300_000
    )
  }

  it.effect(
    "BE-ISO-02 an owner makes the server publish nothing at all, not even for itself",
    () =>
      Effect.gen(function* () {
        yield* prepare
        yield* answerLogins(admissionByName())
        const { nc: engine, jsm } = yield* JetStream
        const [attacker, victim] = [yield* connectOwner("attacker"), yield* connectOwner("demo")]
        const operator = yield* clientAs("operator")
        const inOurs = yield* witness(engine, [">"])
        const inOperators = yield* witness(operator, [">"])
        const ofVictim = yield* witness(victim, ["md.>", "und.>", "opt.>", "ind.>", "strat.*.demo.>", "label.evt.demo.>", "alert.evt.demo"])
        const own = yield* witness(attacker, ["md.>", "und.>", "opt.>", "ind.>", "strat.*.attacker.>"])
        const ours = yield* standing(jsm)

        yield* attack(attacker)
        yield* Effect.promise(() => Promise.all([attacker.flush(), engine.flush(), operator.flush(), victim.flush()]))

        assert.deepStrictEqual([...inOurs, ...inOperators, ...ofVictim, ...own], [])
        assert.deepStrictEqual(yield* standing(jsm), ours)
        // The witnesses hear what is really published.
        engine.publish("strat.m2m.demo.777", "true")
        yield* until("the victim hears its own subject", () => ofVictim.has("strat.m2m.demo.777"))
        yield* Effect.promise(() => attacker.flush())
        assert.deepStrictEqual([...own], [])
        // It may not listen on any inbox, so it cannot use requests.
        const answers = yield* Effect.forEach(["STREAM.NAMES", "STREAM.INFO.STRAT", "DIRECT.GET.STRAT"], (verb) =>
          Effect.promise(() =>
            attacker.request(`$JS.API.${verb}`, "", { timeout: waitMsMax }).then(
              () => "answered",
              ({ code }: { readonly code: string }) => code
            )
          )
        )
        assert.deepStrictEqual(answers, Array(3).fill("PERMISSIONS_VIOLATION"))
      }).pipe(Effect.scoped),
    300_000
  )

  it.effect("BE-SEC-02 a reader gets no answer from another account, and an operator only what it may read", () =>
    Effect.gen(function* () {
      yield* prepare
      const answersTo = (role: NatsRole, prefix: string) =>
        Effect.flatMap(clientAs(role), (nc) =>
          Effect.promise(async () => {
            const answered: Array<string> = []
            for (const [verb, body] of verbs) {
              const answer = await nc.request(`${prefix}.${verb}`, body, { timeout: answerMs }).catch(() => undefined)
              const isAnswer = answer !== undefined && !(answer.headers?.hasError ?? false) && !answer.string().includes('"error":')
              if (isAnswer) answered.push(verb)
            }
            return answered
          })
        )
      for (const prefix of ["tarang.JS.API", "reader.JS.API", "operator.JS.API"])
        assert.deepStrictEqual(yield* answersTo("reader", prefix), [], prefix)
      for (const prefix of ["reader.JS.API", "operator.JS.API"]) assert.deepStrictEqual(yield* answersTo("operator", prefix), [], prefix)
      const read = /^(?:STREAM\.(?:NAMES|LIST|INFO\.|MSG\.GET\.)|DIRECT\.GET\.|CONSUMER\.(?:NAMES|LIST|INFO)\.)/
      assert.deepStrictEqual(
        (yield* answersTo("operator", "tarang.JS.API")).filter((verb) => !read.test(verb)),
        []
      )
      // A reader's own account has only market data. (A consumer named bar-writer there belongs to the reader.)
      const own = (yield* answersTo("reader", "$JS.API")).filter((verb) => /STRAT|KV_|strat\.|FORGED/.test(verb))
      assert.deepStrictEqual(own, [])
    }).pipe(Effect.scoped)
  )

  it.effect("BE-ISO-03 a gateway cannot change the consumers that remember what is written", () =>
    Effect.gen(function* () {
      yield* prepare
      const { jsm } = yield* JetStream
      const before = yield* standing(jsm)
      const gateway = yield* clientAs("gateway")
      for (const [verb, body] of verbs.filter(([verb]) => /bar-writer|candle-writer/.test(verb))) {
        const code = yield* Effect.promise(() =>
          gateway.request(`$JS.API.${verb}`, body, { timeout: waitMsMax }).then(
            () => "answered",
            (error: { code: string }) => error.code
          )
        )
        assert.strictEqual(code, "PERMISSIONS_VIOLATION", verb)
      }
      for (const subject of ["$JS.ACK.MD_BARS.bar-writer.1.1.1.1.0", "$JS.ACK.STRAT.candle-writer.1.1.1.1.0"]) gateway.publish(subject)
      yield* Effect.promise(() => gateway.flush())
      assert.deepStrictEqual(yield* standing(jsm), before)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "BE-ISO-02 no body that the gateway chooses reaches a subject of the platform, and no body that it redirects is accepted there",
    () =>
      Effect.gen(function* () {
        yield* prepare
        const { nc: engine, jsm, js } = yield* JetStream
        yield* Effect.promise(() => js.publish("strat.m2m.u1.1", Subjects.Mark.encode(aMark(1))))
        const forged = Subjects.Mark.encode(aMark(777))
        // Deliveries end in streams, so only settings are compared, and the consumers that remember something.
        const settingsOf = Effect.map(standing(jsm), (all) =>
          all.map(({ config, consumers }) => ({
            config,
            durable: consumers.filter(({ own }) => own.durable_name !== undefined).map(({ own }) => own)
          }))
        )
        const before = yield* settingsOf
        const isOpen = (subject: string) => subject.startsWith("ctl.") || subject.startsWith("ord.cmd.")
        const heard: Array<{ readonly subject: string; readonly data: Uint8Array }> = []
        engine.subscribe(">", { callback: (_, { subject, data }) => void (victims.includes(subject) && heard.push({ subject, data })) })
        yield* Effect.promise(() => engine.flush())

        const gateway = yield* clientAs("gateway")
        yield* Effect.promise(async () => {
          // These subjects take any body from it. The body must not get from there to any other subject.
          for (const subject of ["ctl.changed.forged", "ctl.ask.forged", "ord.cmd.forged"]) gateway.publish(subject, forged)
          for (const victim of victims.filter((one) => !one.startsWith("$JS.API."))) {
            if (!isOpen(victim)) gateway.publish(victim, forged)
            for (const [verb, body] of verbs) gateway.publish(`$JS.API.${verb}`, body, { reply: victim })
            for (const name of all)
              for (const [verb, body] of redirections(name, victim)) gateway.publish(`$JS.API.${verb}`, body, { reply: victim })
            await gateway.flush()
          }
          await engine.flush()
        })
        yield* until("a delivery that the server redirects has come", () => heard.some(({ subject }) => subject === "strat.m2m.demo.777"))

        const isForged = (data: Uint8Array) => Buffer.compare(data, forged) === 0
        const spread = heard.filter(({ subject, data }) => isForged(data) && !isOpen(subject))
        assert.deepStrictEqual(
          spread.map(({ subject }) => subject),
          []
        )
        const accepted = heard.filter(({ subject, data }) =>
          bodies.some(
            (one) => one.match(subject) !== undefined && Either.isRight(one.read(subject, data) as Either.Either<unknown, string>)
          )
        )
        assert.deepStrictEqual(
          accepted.map(({ subject }) => subject),
          []
        )
        assert.deepStrictEqual(yield* settingsOf, before)
      }).pipe(Effect.scoped),
    300_000
  )

  it.effect(
    "BE-ISO-02 a body that is redirected as a request to the server makes no stream or consumer that would spread chosen bodies",
    () =>
      Effect.gen(function* () {
        yield* prepare
        const { jsm } = yield* JetStream
        const gateway = yield* clientAs("gateway")
        const wish = { name: "forged", deliver_subject: "strat.m2m.demo.777", ack_policy: "none" }
        const requests = [
          "CONSUMER.CREATE.CTL",
          "CONSUMER.CREATE.CTL.forged",
          "CONSUMER.CREATE.ORD_CMD",
          "STREAM.CREATE.FORGED",
          "STREAM.UPDATE.CTL",
          "DIRECT.GET.CTL"
        ]
        yield* Effect.promise(async () => {
          for (const request of requests) {
            const reply = `$JS.API.${request}`
            for (const body of [
              { stream_name: "CTL", config: wish },
              { name: "FORGED", republish: { src: ">", dest: "strat.>" } },
              { seq: 1 }
            ])
              gateway.publish("ctl.changed.forged", JSON.stringify(body), { reply })
            gateway.publish(
              "$JS.API.CONSUMER.CREATE.STRAT",
              JSON.stringify({ stream_name: "STRAT", config: { ...wish, metadata: { seq: "1" } } }),
              { reply }
            )
            await gateway.flush()
          }
        })
        const names: Array<string> = []
        yield* Effect.promise(async () => {
          for await (const { config } of jsm.streams.list()) {
            names.push(config.name)
            assert.isUndefined(config.republish, config.name)
          }
          for (const stream of ["CTL", "ORD_CMD"]) for await (const { name } of jsm.consumers.list(stream)) names.push(`${stream}.${name}`)
        })
        assert.notInclude(names, "FORGED")
        assert.deepStrictEqual(
          names.filter((name) => name.includes(".")),
          []
        )
      }).pipe(Effect.scoped)
  )

  it.effect("BE-ISO-02 a stream that a reader damages in its own account is restored with the newest states", () =>
    Effect.gen(function* () {
      yield* prepare
      const { nc } = yield* JetStream
      const copies = yield* managerOf(nc, "reader.JS.API")
      yield* Effect.promise(() => copies.streams.delete("OPT_LAST"))
      const stored = Effect.promise(() =>
        copies.streams.getMessage("OPT_LAST", { last_by_subj: "und.state.NSE.NIFTY" }).then(
          (message) => message.string(),
          () => ""
        )
      )
      yield* until("the copy is there again", () => Effect.map(stored, (text) => text === "state"))
    })
  )
})
