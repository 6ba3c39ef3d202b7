/** What the direct tests use of @effect/vitest. Importing a test file registers its tests here, and nothing runs yet. */
export { assert } from "chai"

const groups = []
let tests = []

export const describe = (name, body) => {
  groups.push(name)
  body()
  groups.pop()
}
export const it = (name, body) => void tests.push({ name: [...groups, name].join(" "), body })

/** Returns the tests that were registered since the last call. */
export const take = () => {
  const taken = tests
  tests = []
  return taken
}
