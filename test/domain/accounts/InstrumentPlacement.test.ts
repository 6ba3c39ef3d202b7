import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Placement from "../../../src/domain/accounts/InstrumentPlacement.ts"

const settings: Placement.Settings = { connectionsMax: 2, tokensMax: 40 }
const account = (id: string, health: Placement.Health = "well", broker = "kite"): Placement.Account => ({ id, broker, health })
const homes = (tokens: ReadonlyArray<number>, home: (token: number) => string) =>
  new Map(tokens.map((token) => [token, home(token)] as const))
const range = (count: number) => Array.from({ length: count }, (_, at) => at + 1)
const nothing: Placement.Places = new Map()
const always = () => true
/** The account that streams each instrument when the placement has settled. */
const settle = (question: Placement.Question): Placement.Places => {
  let held = question.held
  for (let round = 0; round < 3; round++) held = Placement.step(settings, { ...question, held })
  return held
}
const accountsOf = (places: Placement.Places, token: number) => (places.get(token) ?? []).map((place) => place.account)
const loads = (places: Placement.Places) => {
  const counts = new Map<string, number>()
  for (const all of places.values())
    for (const place of all) {
      const id = `${place.account}/${place.connection}`
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
  return counts
}
const loadOf = (places: Placement.Places, id: string) =>
  [...loads(places)].reduce((sum, [at, count]) => (at.startsWith(`${id}/`) ? sum + count : sum), 0)

const ids = ["a", "b", "c", "d"]
const health = fc.constantFrom<Placement.Health>("well", "unwell", "unknown")
const world = fc.record({
  health: fc.array(health, { minLength: 4, maxLength: 4 }),
  brokers: fc.array(fc.constantFrom("kite", "simulator"), { minLength: 4, maxLength: 4 }),
  homes: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 120 }),
  held: fc.array(fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 2 })), { maxLength: 2 }), { maxLength: 120 }),
  silent: fc.array(fc.boolean(), { maxLength: 480 })
})
const questionOf = (it: typeof world extends fc.Arbitrary<infer A> ? A : never): Placement.Question => {
  const accounts = ids.map((id, at) => account(id, it.health[at], it.brokers[at]))
  const wanted = new Map(it.homes.map((home, at) => [at + 1, ids[home] ?? "gone"] as const))
  const used = new Map<string, number>()
  const held = new Map(
    it.held.map((places, at) => {
      const kept: Array<Placement.Place> = []
      for (const [of, connection] of places) {
        const place = { account: ids[of] ?? "", connection }
        const id = `${place.account}/${connection}`
        if (kept.some((one) => one.account === place.account) || (used.get(id) ?? 0) >= settings.tokensMax) continue
        used.set(id, (used.get(id) ?? 0) + 1)
        kept.push(place)
      }
      return [at + 1, kept] as const
    })
  )
  const delivers = (token: number, place: Placement.Place) => it.silent[token * 4 + ids.indexOf(place.account)] !== true
  return { accounts, wanted, held, delivers }
}

describe("InstrumentPlacement", () => {
  it("instruments stay at home while their accounts are well, and fill its first connection first", () => {
    const places = settle({
      accounts: [account("a"), account("b")],
      wanted: homes(range(90), (token) => (token <= 60 ? "a" : "b")),
      held: nothing,
      delivers: always
    })
    assert.deepStrictEqual(
      [...loads(places)],
      [
        ["a/1", 40],
        ["a/2", 20],
        ["b/1", 30]
      ]
    )
  })

  it("the instruments of an account that fails go to the others evenly, and come back when it recovers", () => {
    const wanted = homes(range(60), (token) => ids[token % 3] ?? "")
    const well = [account("a"), account("b"), account("c")]
    const before = settle({ accounts: well, wanted, held: nothing, delivers: always })
    const failed = [account("a", "unwell"), account("b"), account("c")]
    const during = settle({ accounts: failed, wanted, held: before, delivers: (_, place) => place.account !== "a" })
    assert.deepStrictEqual(
      ["a", "b", "c"].map((id) => loadOf(during, id)),
      [0, 30, 30]
    )
    assert.deepStrictEqual(settle({ accounts: well, wanted, held: during, delivers: always }), before)
  })

  it("an instrument is dropped at its old place only when it comes from the new one", () => {
    const accounts = [account("a", "unwell"), account("b")]
    const wanted = homes([1], () => "a")
    const held = new Map([[1, [{ account: "a", connection: 1 }]]])
    const question = { accounts, wanted, held, delivers: (_: number, place: Placement.Place) => place.account === "a" }
    const added = Placement.step(settings, question)
    assert.deepStrictEqual(accountsOf(added, 1), ["a", "b"])
    assert.deepStrictEqual(Placement.step(settings, { ...question, held: added }), added)
    assert.deepStrictEqual(accountsOf(Placement.step(settings, { ...question, held: added, delivers: always }), 1), ["b"])
  })

  it("nothing moves while an account's health is unknown, as after a restart of the director", () => {
    const accounts = [account("a", "unknown"), account("b", "unknown"), account("c")]
    const wanted = homes([1, 2], () => "a")
    const held = new Map([
      [1, [{ account: "a", connection: 1 }]],
      [2, [{ account: "b", connection: 1 }]]
    ])
    assert.deepStrictEqual(settle({ accounts, wanted, held, delivers: () => false }), held)
  })

  it("an account of another broker never stands in; if no account can, the home keeps trying", () => {
    const accounts = [account("a", "unwell"), account("b", "well", "simulator")]
    const places = settle({ accounts, wanted: homes([1], () => "a"), held: nothing, delivers: () => false })
    assert.deepStrictEqual(accountsOf(places, 1), ["a"])
  })

  it("for any health, homes and places: limits hold, brokers do not mix, and no instrument that comes is ever interrupted", () => {
    fc.assert(
      fc.property(world, (it) => {
        const question = questionOf(it)
        const after = Placement.step(settings, question)
        const brokerOf = (id: string) => question.accounts.find((one) => one.id === id)?.broker
        for (const [id, count] of loads(after)) assert.isAtMost(count, settings.tokensMax, id)
        for (const [token, places] of after) {
          const home = question.wanted.get(token) ?? ""
          assert.notStrictEqual(home, "gone")
          for (const place of places) assert.strictEqual(brokerOf(place.account), brokerOf(home))
          assert.strictEqual(new Set(places.map((place) => place.account)).size, places.length)
        }
        for (const [token, places] of question.held) {
          const home = question.wanted.get(token)
          if (home === undefined || home === "gone") continue
          const came = places.some((place) => brokerOf(place.account) === brokerOf(home) && question.delivers(token, place))
          if (came)
            assert.isTrue(
              (after.get(token) ?? []).some((place) => question.delivers(token, place)),
              `token ${token}`
            )
        }
      }),
      { numRuns: 300 }
    )
  })

  it("from any start the placement settles within three steps, in any order of the input, and then stays the same", () => {
    fc.assert(
      fc.property(world, (it) => {
        const question = { ...questionOf(it), delivers: always }
        const rest = settle(question)
        assert.deepStrictEqual(Placement.step(settings, { ...question, held: rest }), rest)
        const turned = {
          ...question,
          accounts: question.accounts.toReversed(),
          wanted: new Map([...question.wanted].toReversed()),
          held: new Map([...question.held].toReversed())
        }
        assert.deepStrictEqual(settle(turned), rest)
        for (const places of rest.values()) assert.strictEqual(places.length, 1)
      }),
      { numRuns: 200 }
    )
  })

  it("for any start: an instrument whose home is not well streams from a well account that has room", () => {
    fc.assert(
      fc.property(world, (it) => {
        const question = { ...questionOf(it), delivers: always }
        const rest = settle(question)
        for (const [token, home] of question.wanted) {
          const of = question.accounts.find(({ id }) => id === home)
          if (of?.health !== "unwell") continue
          const at = question.accounts.find(({ id }) => id === rest.get(token)?.[0]?.account)
          if (at?.health !== "unwell") continue
          for (const other of question.accounts)
            if (other.broker === of.broker && other.health === "well")
              assert.strictEqual(loadOf(rest, other.id), settings.connectionsMax * settings.tokensMax, `token ${token}`)
        }
      }),
      { numRuns: 200 }
    )
  })
})
