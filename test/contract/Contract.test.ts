import { readFileSync, writeFileSync } from "node:fs"
import { get } from "node:http"
import asyncApiSpecs from "@asyncapi/specs"
import { assert, layer } from "@effect/vitest"
import { Validator } from "@seriousme/openapi-schema-validator"
import { Ajv, type AnySchema } from "ajv"
import addFormats from "ajv-formats"
import { Effect } from "effect"
import * as ChainMessage from "../../src/domain/options/ChainMessage.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { type Answer, chainMessage, tokens, World, world } from "../gateway/GatewayWorld.ts"

const renewal = "RENEW_CONTRACT=1 npm test -- test/contract/Contract.test.ts"
const isRenewed = process.env["RENEW_CONTRACT"] === "1"

/** Compares the served document with the stored snapshot, and names the first line that differs. */
const unchanged = (name: string, served: unknown) => {
  const file = new URL(`../data/${name}`, import.meta.url)
  const now = `${JSON.stringify(served, null, 2)}\n`
  if (isRenewed) writeFileSync(file, now)
  const [kept, got] = [readFileSync(file, "utf8").split("\n"), now.split("\n")]
  const at = got.findIndex((line, number) => line !== kept[number])
  if (at < 0 && kept.length === got.length) return
  const line = at < 0 ? got.length : at
  assert.fail(
    `/${name} is not test/data/${name}, from line ${line + 1}:\n  kept   ${kept[line]}\n  served ${got[line]}\n` +
      `If clients may see that change, keep it: ${renewal}`
  )
}

/** Over a separate connection: the checks below block the process for longer than one is kept alive. */
const document = (path: string) =>
  Effect.flatMap(World, ({ url }) =>
    Effect.promise(
      () =>
        new Promise<Pick<Answer, "status" | "body">>((resolve, reject) => {
          get(`${url}${path}`, { agent: false }, (response) => {
            let text = ""
            response.on("data", (chunk) => (text += chunk))
            response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
          }).on("error", reject)
        })
    )
  )

const checker = () => {
  const ajv = new Ajv({ strict: false, allErrors: true })
  addFormats.default(ajv)
  return ajv
}

layer(world(), { excludeTestServices: true })("Contract", (it) => {
  it.effect("BE-API-02 /openapi.json is valid by OpenAPI's schema, and a change of it is detected", () =>
    Effect.gen(function* () {
      const { status, body } = yield* document("/openapi.json")
      assert.strictEqual(status, 200)
      assert.match(body.openapi, /^3\.1\./)
      const result = yield* Effect.promise(() => new Validator().validate(structuredClone(body)))
      assert.deepStrictEqual(result, { valid: true })
      const broken = yield* Effect.promise(() => new Validator().validate({ ...structuredClone(body), paths: { "/x": { get: 1 } } }))
      assert.isFalse(broken.valid)
      unchanged("openapi.json", body)
    })
  )

  it.effect("BE-API-01 every operation has a summary and a description, every field and parameter a description", () =>
    Effect.gen(function* () {
      const { body } = yield* document("/openapi.json")
      const missing: Array<string> = []
      // biome-ignore lint/suspicious/noExplicitAny: a document is looked into, not typed
      const look = (node: any, path: string): void => {
        if (Array.isArray(node)) for (const [at, one] of node.entries()) look(one, `${path}/${at}`)
        if (typeof node !== "object" || node === null || Array.isArray(node)) return
        if (node.type === "array" && node.items === undefined) missing.push(`${path}: an array without items`)
        if (node.type === "object" && node.additionalProperties === undefined && Object.keys(node.properties ?? {}).length === 0)
          missing.push(`${path}: an object without properties`)
        for (const [name, one] of Object.entries<{ description?: string }>(node.properties ?? {}))
          if (!one.description || /^an? (?:string|number|positive)/.test(one.description)) missing.push(`${path}/${name}: no description`)
        for (const [name, one] of Object.entries(node)) look(one, `${path}/${name}`)
      }
      look(body, "")
      for (const [path, methods] of Object.entries<object>(body.paths))
        for (const [method, operation] of Object.entries(methods)) {
          if (!operation.summary || !operation.description) missing.push(`${method} ${path}: no summary or description`)
          for (const status of ["405", "500", ...(operation.requestBody === undefined ? [] : ["408", "413", "415"])])
            if (operation.responses[status] === undefined) missing.push(`${method} ${path}: no ${status}`)
          for (const { name, description } of operation.parameters ?? []) if (!description) missing.push(`${method} ${path}: ${name}`)
        }
      assert.deepStrictEqual(missing, [], "texts stand in src/gateway/serve/OperationTexts.ts")
    })
  )

  it.effect("BE-API-02 /asyncapi.json is valid by AsyncAPI's schema, needs no token, and a change of it is detected", () =>
    Effect.gen(function* () {
      const { status, body } = yield* document("/asyncapi.json")
      assert.strictEqual(status, 200)
      assert.strictEqual(body.asyncapi, "3.0.0")
      const validate = checker().compile(asyncApiSpecs.schemasWithoutId["3.0.0"] as AnySchema)
      validate(body)
      assert.deepStrictEqual(validate.errors ?? [], [])
      validate({ ...body, channels: { broken: { address: 5 } } })
      assert.isNotEmpty(validate.errors ?? [])
      unchanged("asyncapi.json", body)
    })
  )

  it.effect("/asyncapi.json has every subject of the catalogue, and published messages match its schema", () =>
    Effect.gen(function* () {
      const { body } = yield* document("/asyncapi.json")
      const templates = Object.values(Subjects).flatMap((one) => (typeof one === "object" ? [one.template] : []))
      const addresses = Object.values<{ address: string }>(body.channels).map(({ address }) => address)
      assert.deepStrictEqual(addresses.toSorted(), [...templates, "dlq.{actor}"].toSorted())
      for (const { $ref } of Object.values<{ channel: { $ref: string } }>(body.operations).map(({ channel }) => channel)) {
        assert.property(body.channels, $ref.replace("#/channels/", ""))
      }
      const ajv = checker()
      ajv.addSchema({ $id: "asyncapi", components: body.components })
      const fits = ajv.compile({ $ref: "asyncapi#/components/schemas/ChainDelta" })
      const message = chainMessage("delta", [{ strike: 24_500, side: "CE", token: tokens.call, price: 120 }])
      assert.isTrue(fits(JSON.parse(new TextDecoder().decode(Subjects.ChainDelta.encode(message)))), JSON.stringify(fits.errors))
      assert.isFalse(fits({ ...message, columns: { ...message.columns, side: ["XX"] } }))
      assert.sameMembers(
        body.components.schemas.ChainDelta.required,
        Object.keys(ChainMessage.Chain.fields).filter(
          (key) => !["atm_iv", "delta_seq", "oi_coverage", "straddle", "valued_at"].includes(key)
        )
      )
    })
  )
})
