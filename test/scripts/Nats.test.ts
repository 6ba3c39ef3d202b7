import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { AckPolicy, connect, DeliverPolicy, type NatsConnection } from "nats"
import type { NatsRole } from "../../scripts/lib/backends.mjs"
import * as Copies from "../../src/streams/Copies.ts"
import * as Streams from "../../src/streams/Streams.ts"
import { patientClient } from "../NatsClient.ts"
import { waitMsMax } from "../Patience.ts"
import { startNatsServer } from "../TestBackends.ts"

let server: Awaited<ReturnType<typeof startNatsServer>>
let engine: NatsConnection
const open: Array<NatsConnection> = []

const connectAs = async (role: NatsRole) => {
  const nc = await patientClient(server.as(role))
  open.push(nc)
  return nc
}

/** The subjects that the server refuses one user, in order. The last refusal applies to every user. */
const refusals = async (role: NatsRole, act: (nc: NatsConnection) => void) => {
  const nc = await connectAs(role)
  const seen: Array<string> = []
  const statuses = nc.status()
  act(nc)
  nc.publish("end.of.refusals")
  for await (const { permissionContext } of statuses) {
    if (permissionContext?.subject === "end.of.refusals") return seen
    if (permissionContext !== undefined) seen.push(`${permissionContext.operation} ${permissionContext.subject}`)
  }
  throw new Error(`closed after ${seen.length} refusals`)
}

/** The error code of a refused JetStream request. The client sees nothing else. */
const requestRefused = (nc: NatsConnection, subject: string) =>
  nc.request(subject, "{}", { timeout: waitMsMax }).then(
    () => "answered",
    (error: { code: string }) => error.code
  )

beforeAll(async () => {
  server = await startNatsServer()
  engine = await connectAs("engine")
  const jsm = await engine.jetstreamManager()
  const specs = Streams.specs({ bytesMax: 16_000_000, hoursMax: 1, replicas: 1 })
  for (const spec of specs) await jsm.streams.add(spec)
  for (const { user, spec } of Copies.specs(specs, { frames: ["NSE.NIFTY"], framesBytesMax: 16_000_000 }))
    await (await engine.jetstreamManager({ apiPrefix: `${user}.JS.API`, checkAPI: false })).streams.add(spec)
  const js = engine.jetstream()
  await js.publish("opt.chain.NSE.NIFTY.2026-11-24", "chain")
  await js.publish("und.state.NSE.NIFTY", "state")
  await js.publish("md.frame.NSE.NIFTY", "frame")
  await js.publish("strat.def.u1.1", "secret legs")
  await js.publish("strat.m2m.u1.1", "secret value")
})
afterAll(async () => {
  await Promise.all(open.map((nc) => nc.close()))
  await server.dispose()
})

describe("users of nats.conf", () => {
  it("nobody connects without a user", async () => {
    const error = await connect({ servers: server.url, reconnect: false }).then(
      () => undefined,
      (error: Error) => error
    )
    assert.match(String(error?.message), /Authorization Violation/)
  })

  it("the engine publishes every subject of an actor, but no order command", async () => {
    const seen = await refusals("engine", (nc) => {
      for (const subject of ["md.tick.NSE.NIFTY", "und.state.NSE.X", "opt.delta.NSE.X.2026-11-24", "strat.evt.u.1", "ind.NSE.X.1m.rsi"])
        nc.publish(subject)
      for (const subject of ["label.evt.u.X", "ord.evt.a.1", "acct.evt.a", "sys.quality", "dlq.greeks", "ctl.reload"]) nc.publish(subject)
      nc.publish("ord.cmd.a")
    })
    assert.deepStrictEqual(seen, ["publish ord.cmd.a"])
  })

  it("the engine manages a bucket", async () => {
    const bucket = await engine.jetstream().views.kv("snapshots")
    await bucket.put("a", "1")
    assert.strictEqual((await bucket.get("a"))?.string(), "1")
    await bucket.destroy()
  })

  it("the gateway sends commands and questions, never publishes as an actor, and neither makes nor changes a stream or bucket", async () => {
    const others = ["md.frame.NSE.NIFTY", "strat.m2m.u1.1", "ord.evt.a.1", "acct.evt.a", "sys.quality", "$KV.actors.a", "_INBOX_engine.a"]
    const seen = await refusals("gateway", (nc) => {
      for (const subject of ["ctl.changed.strategies", "ctl.ask.history", "ord.cmd.a", ...others]) nc.publish(subject)
    })
    assert.deepStrictEqual(
      seen,
      others.map((subject) => `publish ${subject}`)
    )
    const nc = await connectAs("gateway")
    const jsm = await nc.jetstreamManager({ checkAPI: false })
    const before = (await jsm.streams.info("STRAT")).state.messages
    for (const action of ["DELETE.STRAT", "PURGE.STRAT", "MSG.DELETE.STRAT", "UPDATE.STRAT", "CREATE.FORGED", "CREATE.STRAT"])
      assert.strictEqual(await requestRefused(nc, `$JS.API.STREAM.${action}`), "PERMISSIONS_VIOLATION", action)
    assert.strictEqual((await jsm.streams.info("STRAT")).state.messages, before)
  })

  it("BE-SEC-02 a reader gets market data from the stream of last values, in order", async () => {
    const nc = await connectAs("reader")
    const ordered = await nc.jetstream().consumers.get("OPT_LAST", { deliver_policy: DeliverPolicy.LastPerSubject })
    const got: Array<string> = []
    for await (const message of await ordered.fetch({ max_messages: 2, expires: waitMsMax })) got.push(message.subject)
    assert.deepStrictEqual(got, ["opt.chain.NSE.NIFTY.2026-11-24", "und.state.NSE.NIFTY"])
    const live = nc.subscribe("md.frame.>", { max: 1 })
    await nc.flush()
    await engine.jetstream().publish("md.frame.NSE.BANKNIFTY", "live")
    for await (const message of live) assert.strictEqual(message.string(), "live")
  })

  it("BE-SEC-02 a reader reads copied frames of the record, but no strategies, which the record also contains", async () => {
    const nc = await connectAs("reader")
    const jsm = await nc.jetstreamManager({ checkAPI: false })
    const { name } = await jsm.consumers.add("MD_FRAMES", { name: "mine", ack_policy: AckPolicy.None })
    const message = await (await nc.jetstream().consumers.get("MD_FRAMES", name)).next({ expires: waitMsMax })
    assert.strictEqual(message?.string(), "frame")
    const subjects: Array<string> = []
    for await (const stream of jsm.streams.names()) {
      const { state } = await jsm.streams.info(stream, { subjects_filter: ">" })
      subjects.push(...Object.keys(state.subjects ?? {}))
    }
    assert.includeMembers(subjects, ["md.frame.NSE.NIFTY", "opt.chain.NSE.NIFTY.2026-11-24", "und.state.NSE.NIFTY"])
    assert.deepStrictEqual(
      subjects.filter((subject) => !/^(?:md|opt|und|ind)\./.test(subject)),
      []
    )
    for (const verb of [
      "STREAM.DELETE.OPT_LAST",
      "STREAM.PURGE.OPT_LAST",
      "STREAM.UPDATE.OPT_LAST",
      "STREAM.CREATE.X",
      "STREAM.MSG.DELETE.OPT_LAST"
    ])
      assert.strictEqual(await requestRefused(nc, `$JS.API.${verb}`), "PERMISSIONS_VIOLATION", verb)
    for (const verb of ["STREAM.INFO.STRAT", "STREAM.MSG.GET.STRAT", "DIRECT.GET.MD_FRAMES.strat.def.u1.1"])
      assert.strictEqual(await requestRefused(nc, `tarang.JS.API.${verb}`), "503", verb)
  })

  it("BE-SEC-02 a reader receives no strategies, orders, accounts or other users' inboxes, and publishes nothing", async () => {
    const hidden = ["strat.>", "ord.>", "acct.>", "ctl.>", "sys.>", "$KV.>", "_INBOX_engine.>", "_INBOX_gateway.>", "_R_.>", "$JS.>", ">"]
    const seen = await refusals("reader", (nc) => {
      for (const subject of hidden) nc.subscribe(subject, { callback: () => {} })
      for (const subject of ["md.tick.NSE.NIFTY", "opt.chain.NSE.NIFTY.2026-11-24", "ctl.reload", "$KV.snapshots.a"]) nc.publish(subject)
    })
    assert.deepStrictEqual(seen, [
      ...hidden.map((subject) => `subscription ${subject}`),
      "publish md.tick.NSE.NIFTY",
      "publish opt.chain.NSE.NIFTY.2026-11-24",
      "publish ctl.reload",
      "publish $KV.snapshots.a"
    ])
  })

  it("an operator reads everything and publishes nothing that matters", async () => {
    const nc = await connectAs("operator")
    const js = nc.jetstream()
    const next = await (await js.consumers.get("STRAT")).next({ expires: waitMsMax })
    assert.strictEqual(next?.string(), "secret value")
    const live = nc.subscribe("strat.>", { max: 1 })
    await nc.flush()
    await engine.jetstream().publish("strat.m2m.u1.1", "later")
    for await (const message of live) assert.strictEqual(message.string(), "later")
    const business = ["md.tick.NSE.NIFTY", "opt.chain.NSE.X.2026-11-24", "strat.m2m.u1.1", "ord.cmd.a", "ctl.reload", "$KV.snapshots.a"]
    const seen = await refusals("operator", (nc) => {
      for (const subject of business) nc.publish(subject)
    })
    assert.deepStrictEqual(
      seen,
      business.map((subject) => `publish ${subject}`)
    )
    for (const verb of ["STREAM.DELETE.STRAT", "STREAM.PURGE.STRAT", "STREAM.CREATE.X", "STREAM.UPDATE.STRAT"])
      assert.strictEqual(await requestRefused(nc, `$JS.API.${verb}`), "PERMISSIONS_VIOLATION", verb)
  })

  it("an operator reads the platform's own streams and buckets, and changes none", async () => {
    const nc = await connectAs("operator")
    await engine.jetstream().views.kv("actors")
    await engine.jetstream().publish("$KV.actors.m2m.u1.1", "wanted")
    const jsm = await nc.jetstreamManager({ apiPrefix: "tarang.JS.API", checkAPI: false })
    const definition = await jsm.streams.getMessage("MD_FRAMES", { last_by_subj: "strat.def.u1.1" })
    assert.strictEqual(definition.string(), "secret legs")
    assert.strictEqual((await jsm.streams.getMessage("KV_actors", { last_by_subj: "$KV.actors.m2m.u1.1" })).string(), "wanted")
    assert.include((await jsm.streams.info("MD_FRAMES")).config.subjects, "strat.def.>")
    for (const verb of [
      "STREAM.DELETE.STRAT",
      "STREAM.CREATE.X",
      "CONSUMER.CREATE.STRAT.x",
      "CONSUMER.MSG.NEXT.STRAT.x",
      "STREAM.SNAPSHOT.STRAT"
    ])
      assert.strictEqual(await requestRefused(nc, `tarang.JS.API.${verb}`), "503", verb)
  })

  it("a file's private server restarts on its port with its data", async () => {
    const held = async () => {
      const nc = await connectAs("engine")
      return (await (await nc.jetstreamManager()).streams.info("MD_FRAMES")).state.messages
    }
    const before = await held()
    await server.kill()
    await server.start()
    assert.strictEqual(await held(), before)
    await server.stop()
    await server.start()
    assert.strictEqual(await held(), before)
  })
})
