import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { paths } from "../../web/vite.config.ts"

const contract: { readonly paths: Record<string, unknown> } = JSON.parse(
  readFileSync(new URL("../data/openapi.json", import.meta.url), "utf8")
)

/** What the gateway serves beside the contract's paths: its documents and the path of WebSockets. */
const others = ["/asyncapi.json", "/docs", "/openapi.json", "/ws"]

describe("The page's development server", () => {
  it("passes every path of the gateway on", () => {
    const firstParts = Object.keys(contract.paths).map((path) => `/${path.split("/")[1]}`)
    assert.sameMembers([...new Set([...firstParts, ...others])], paths)
  })
})
