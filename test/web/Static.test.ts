import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { get, type IncomingMessage } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib"
import { HttpLayerRouter, HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Static from "../../src/gateway/serve/Static.ts"

const html = `<!doctype html><title>Tarang</title>${"<p>chain</p>".repeat(100)}`
const script = `const rows = [${"1,".repeat(500)}]`

/** A built page: the script has compressed copies beside it, and one file's compressed form is no smaller than the file. */
const folder = Effect.acquireRelease(
  Effect.promise(async () => {
    const root = await mkdtemp(join(tmpdir(), "tarang-web-"))
    await mkdir(join(root, "assets"))
    await writeFile(join(root, "index.html"), html)
    await writeFile(join(root, "assets/app-1.js"), script)
    await writeFile(join(root, "assets/app-1.js.br"), brotliCompressSync(script))
    await writeFile(join(root, "assets/app-1.js.gz"), gzipSync(script))
    await writeFile(join(root, "tiny.css"), "a{}")
    await writeFile(join(root, "tiny.css.gz"), gzipSync("a{}"))
    await writeFile(join(root, "lonely.gz"), "not an encoding of anything here")
    return root
  }),
  (root) => Effect.promise(() => rm(root, { recursive: true, force: true }))
)
const Served = Layer.unwrapScoped(
  Effect.map(folder, (root) => HttpLayerRouter.serve(Static.layer(root), { disableLogger: true, disableListenLog: true }))
).pipe(Layer.provideMerge(NodeHttpServer.layerTest))

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly bytes: Buffer
}
/** Without a client that decompresses by itself. */
const fetched = (path: string, headers: Record<string, string> = {}) =>
  HttpServer.addressWith((address) =>
    Effect.promise(
      () =>
        new Promise<Answer>((resolve, reject) => {
          const port = address._tag === "TcpAddress" ? address.port : 0
          get({ host: "127.0.0.1", port, path, headers }, (response) => {
            const parts: Array<Buffer> = []
            response.on("data", (part: Buffer) => parts.push(part))
            response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes: Buffer.concat(parts) }))
          }).on("error", reject)
        })
    )
  )

describe("Static", () => {
  layer(Served, { excludeTestServices: true })((it) => {
    it.effect("serves the page with its policy, unnamed files as a 404", () =>
      Effect.gen(function* () {
        const page = yield* fetched("/?symbol=NIFTY")
        assert.strictEqual(page.status, 200)
        assert.strictEqual(page.bytes.toString(), html)
        assert.strictEqual(page.headers["content-type"], "text/html; charset=utf-8")
        assert.strictEqual(page.headers["cache-control"], "no-cache")
        assert.match(String(page.headers["content-security-policy"]), /default-src 'none'; script-src 'self'/)
        for (const path of ["/missing.js", "/assets", "/../package.json", "/%2e%2e/package.json", "/assets/app-1.js.br"])
          assert.strictEqual((yield* fetched(path)).status, 404, path)
        assert.strictEqual((yield* fetched("/lonely.gz")).bytes.toString(), "not an encoding of anything here")
      })
    )

    it.effect("sends the smallest form that the client accepts, with a Vary header", () =>
      Effect.gen(function* () {
        const path = "/assets/app-1.js"
        const plain = yield* fetched(path)
        const br = yield* fetched(path, { "accept-encoding": "gzip, deflate, br" })
        const gzip = yield* fetched(path, { "accept-encoding": "br;q=0, GZIP;q=0.5" })
        assert.deepStrictEqual(
          [plain, br, gzip].map(({ headers }) => [
            headers["content-encoding"],
            headers["vary"],
            headers["content-type"],
            headers["cache-control"]
          ]),
          [undefined, "br", "gzip"].map((encoding) => [
            encoding,
            "accept-encoding",
            "text/javascript; charset=utf-8",
            "public, max-age=31536000, immutable"
          ])
        )
        assert.strictEqual(plain.bytes.toString(), script)
        assert.strictEqual(brotliDecompressSync(br.bytes).toString(), script)
        assert.strictEqual(gunzipSync(gzip.bytes).toString(), script)
        // A compressed copy that is not smaller is omitted.
        const tiny = yield* fetched("/tiny.css", { "accept-encoding": "gzip" })
        assert.deepStrictEqual([tiny.headers["content-encoding"], tiny.bytes.toString()], [undefined, "a{}"])
      })
    )

    it.effect("answers 304 only to the tag of the form that it would send", () =>
      Effect.gen(function* () {
        const path = "/assets/app-1.js"
        const takes = { "accept-encoding": "br" }
        const [plain, br] = [(yield* fetched(path)).headers.etag ?? "", (yield* fetched(path, takes)).headers.etag ?? ""]
        assert.notStrictEqual(plain, br)
        const again = yield* fetched(path, { ...takes, "if-none-match": `"other", W/${br}` })
        assert.deepStrictEqual([again.status, again.bytes.length, again.headers.etag], [304, 0, br])
        assert.strictEqual((yield* fetched(path, { ...takes, "if-none-match": plain })).status, 200)
      })
    )
  })

  layer(
    HttpLayerRouter.serve(Static.layer("no/such/folder"), { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layerTest)
    ),
    { excludeTestServices: true }
  )((it) => {
    it.effect("answers 404 without a page", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* fetched("/")).status, 404)
      })
    )
  })
})
