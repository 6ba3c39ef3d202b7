import { assert, describe, it } from "@effect/vitest"
import { StatusView } from "../../../src/gateway/views/StatusView.ts"

describe("StatusView", () => {
  it("keeps each reporter's newest status, in the order of their first", () => {
    const view = new StatusView<{ readonly name: string; readonly level: number }>(({ name }) => name, 2)
    view.apply({ name: "a", level: 1 }, 10)
    view.apply({ name: "b", level: 2 }, 20)
    view.apply({ name: "a", level: 3 }, 30)
    assert.deepStrictEqual(view.all(), [
      { status: { name: "a", level: 3 }, atMs: 30 },
      { status: { name: "b", level: 2 }, atMs: 20 }
    ])
  })

  it("ignores reporters beyond the limit, and still follows those that it knows", () => {
    const view = new StatusView<{ readonly name: string; readonly level: number }>(({ name }) => name, 1)
    view.apply({ name: "a", level: 1 }, 10)
    view.apply({ name: "b", level: 2 }, 20)
    view.apply({ name: "a", level: 3 }, 30)
    assert.deepStrictEqual(view.all(), [{ status: { name: "a", level: 3 }, atMs: 30 }])
    view.clear()
    view.apply({ name: "b", level: 4 }, 40)
    assert.deepStrictEqual(view.all(), [{ status: { name: "b", level: 4 }, atMs: 40 }])
  })
})
