import { assert, describe, it } from "@effect/vitest"
import { StoreFaultView } from "../../../src/gateway/views/StoreFaultView.ts"

const report = (process: string, ...faults: ReadonlyArray<{ stream: string; since: string }>) => ({
  v: 1 as const,
  as_of: "2026-11-24T09:30:10.000Z",
  process,
  faults: faults.map((one) => ({ ...one, reason: null }))
})
const early = "2026-11-24T09:30:00.000Z"
const late = "2026-11-24T09:30:05.000Z"

describe("StoreFaultView", () => {
  it("shows each stream once with its oldest fault, until its processes report that it is over", () => {
    const view = new StoreFaultView()
    view.apply(report("a", { stream: "OPT", since: late }, { stream: "SYS", since: late }), 0)
    view.apply(report("b", { stream: "OPT", since: early }), 0)
    assert.deepStrictEqual(
      view.all(1).map(({ stream, since }) => [stream, since]),
      [
        ["OPT", early],
        ["SYS", late]
      ]
    )
    view.apply(report("a"), 2)
    view.apply(report("b"), 2)
    assert.deepStrictEqual(view.all(3), [])
  })

  it("a process that stopped reporting does not count, and the number of processes is limited", () => {
    const view = new StoreFaultView()
    view.apply(report("gone", { stream: "OPT", since: early }), 0)
    assert.lengthOf(view.all(10_000), 1)
    assert.deepStrictEqual(view.all(10_001), [])
    for (let at = 0; at < 1_000; at++) view.apply(report(`p${at}`, { stream: `S${at}`, since: early }), 20_000)
    assert.lengthOf(view.all(20_000), 256)
  })
})
