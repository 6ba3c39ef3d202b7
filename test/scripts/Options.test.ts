import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { jwtVerify } from "jose"
import { inject } from "vitest"
import { simulatorOptions, startOptions } from "../../scripts/lib/options.mjs"
import { writeAccounts } from "../../scripts/lib/simulator.mjs"
import { mint } from "../../scripts/lib/token.mjs"
import { v8Options } from "../../scripts/lib/v8.mjs"

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(inject("backends").folder, "options-"))
  writeFileSync(join(folder, "day.csv"), "")
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const textOf = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  return "no error"
}

describe("Node's options", () => {
  it("are the same in the image as under npm start", () => {
    const dockerfile = readFileSync(new URL("../../Dockerfile", import.meta.url), "utf8")
    const command = JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? "[]")
    assert.deepStrictEqual(command, ["node", ...v8Options, "--enable-source-maps", "dist/main.js"])
  })
})

describe("npm start's options", () => {
  it("without options it is the synthetic market with the demo user", () => {
    const { market, empty, user } = startOptions([], {})
    assert.deepStrictEqual([market.kind, empty, user], ["synthetic", false, "demo"])
  })

  it("looks for a recorded market's file in the caller's folder", () => {
    const { market } = startOptions(["--market", "recorded", "--file", "day.csv", "--speed", "60", "--underlying", "NIFTY"], {
      INIT_CWD: folder
    })
    assert.deepStrictEqual(
      [market.kind, market.file, market.instruments, market.speed, market.underlying],
      ["recorded", join(folder, "day.csv"), undefined, "60", "NIFTY"]
    )
    assert.strictEqual(startOptions(["--market=recorded", "--file", join(folder, "day.csv"), "--speed", "max"], {}).market.speed, "max")
  })

  it("simulated days have a first day, a count, a seed and a speed", () => {
    const { market } = startOptions(["--market", "days", "--from", "2026-07-27", "--days", "10", "--seed", "3", "--speed", "max"], {})
    assert.deepStrictEqual([market.kind, market.from, market.days, market.seed, market.speed], ["days", "2026-07-27", "10", "3", "max"])
    const split = startOptions(["--market", "days", "--from", "2026-07-27", "--split", "M&M:2026-07-29:2"], {}).market.split
    assert.strictEqual(split, "M&M:2026-07-29:2")
  })

  it("--accounts counts the simulator's accounts, of which one is for a person", () => {
    assert.strictEqual(startOptions([], {}).market.platformAccounts, undefined)
    assert.strictEqual(startOptions(["--accounts", "5"], {}).market.platformAccounts, 4)
    assert.strictEqual(simulatorOptions(["--accounts", "2"], {}).platformAccounts, 1)
    assert.match(
      textOf(() => startOptions(["--accounts", "5"], { ACCOUNTS_FILE: "mine.json" })),
      /use only one of the two/
    )
  })

  const refused: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
    [["--spede", "60"], /Unknown option '--spede'[\s\S]*--speed N\|max/],
    [["extra"], /extra/],
    [["--market", "live"], /needs ACCOUNTS_FILE/],
    [["--market", "other"], /synthetic, recorded, days or live, not "other"/],
    [["--market", "recorded"], /needs --file/],
    [["--market", "recorded", "--file", "absent.csv"], /there is no file .*absent\.csv/],
    [["--speed", "60"], /--speed goes with --market recorded or days, and the market is synthetic/],
    [["--market", "recorded", "--file", "day.csv", "--rate", "3"], /--rate goes with --market synthetic/],
    [["--market", "recorded", "--file", "day.csv", "--speed", "fast"], /--speed is a number above 0, not "fast"/],
    [["--market", "recorded", "--file", "day.csv", "--speed", "0"], /--speed is a number above 0/],
    [["--market", "days"], /needs --from YYYY-MM-DD/],
    [["--market", "days", "--from", "2026-02-30"], /needs --from YYYY-MM-DD/],
    [["--market", "days", "--from", "2026-07-27", "--days", "1.5"], /--days is a whole number/],
    [["--market", "days", "--from", "2026-07-27", "--split", "M&M:2026-07-32:2"], /--split is NAME:YYYY-MM-DD:N/],
    [["--market", "days", "--from", "2026-07-27", "--split", "M&M:2026-07-29:1"], /--split is NAME:YYYY-MM-DD:N/],
    [["--days", "3"], /--days goes with --market days/],
    [["--market", "recorded", "--file", "day.csv", "--oi", "lots"], /--oi is contracts or units, not "lots"/],
    [["--oi", "units"], /--oi goes with --market recorded, and the market is synthetic/],
    [["--rate=-1"], /--rate is a number above 0/],
    [["--seed", "1.5"], /--seed is a whole number from 0, not "1\.5"/],
    [["--accounts", "1"], /--accounts is 2 to 100/],
    [["--accounts", "101"], /--accounts is 2 to 100/],
    [["--accounts", "two"], /--accounts is a whole number/],
    [["--user", "a b"], /--user is 1 to 64 letters/]
  ]
  for (const [argv, text] of refused) {
    it(`refuses ${argv.join(" ")} in clear text`, () => {
      assert.match(
        textOf(() => startOptions(argv, { INIT_CWD: folder })),
        text
      )
    })
  }

  it("an invalid port is refused with a clear message", () => {
    const refusal = (name: string) => new RegExp(`^${name} is a port, a number from 0 to 65535, not`)
    for (const port of ["abc", "65536", "-1", "80.5", ""]) {
      assert.match(
        textOf(() => startOptions([], { GATEWAY_PORT: port })),
        refusal("GATEWAY_PORT")
      )
      assert.match(
        textOf(() => simulatorOptions([], { SIMULATOR_PORT: port })),
        refusal("SIMULATOR_PORT")
      )
    }
    assert.strictEqual(startOptions([], { GATEWAY_PORT: "0" }).user, "demo")
  })

  it("a simulator cannot run a live market", () => {
    assert.strictEqual(simulatorOptions(["--rate", "5"], {}).rate, "5")
    assert.match(
      textOf(() => simulatorOptions(["--market", "live"], {})),
      /synthetic, recorded or days/
    )
  })
})

describe("accounts file", () => {
  interface Account {
    readonly account_id: string
    readonly api_key: string
    readonly api_secret: string
    readonly root: string
    readonly ws_root: string
    readonly owners?: ReadonlyArray<string>
  }
  const read = (file: string) => JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<Account>

  it("keeps its keys between starts and follows the simulator's port", () => {
    const data = join(folder, "own")
    const first = read(writeAccounts(data, 4001, { owners: ["demo"] }).file)
    assert.deepStrictEqual(
      first.map(({ owners }) => owners),
      [["demo"], ["demo"]]
    )
    const { file } = writeAccounts(data, 4002)
    const second = read(file)
    assert.deepStrictEqual(
      first.map((account) => account.account_id),
      ["sim1", "sim2"]
    )
    assert.deepStrictEqual(
      first.map((account) => [account.api_key, account.api_secret]),
      second.map((account) => [account.api_key, account.api_secret])
    )
    assert.deepStrictEqual([second[0]?.root, second[1]?.ws_root], ["http://127.0.0.1:4002", "ws://127.0.0.1:4002"])
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
  })

  it("gives the simulator one account more than the platform, for a person, with the same keys at each start", () => {
    for (const given of [undefined, join(folder, "one.json")]) {
      const data = join(folder, given === undefined ? "spare" : "spare-given")
      if (given !== undefined) writeFileSync(given, JSON.stringify([{ account_id: "mine" }]))
      const first = writeAccounts(data, 4001, { given })
      const { file, simulatorFile, spare } = writeAccounts(data, 4002, { given })
      assert.deepStrictEqual(read(simulatorFile), [...read(file), spare])
      assert.notInclude(readFileSync(file, "utf8"), spare.api_key)
      assert.deepStrictEqual([spare.account_id, spare.api_key, spare.api_secret], ["spare", first.spare.api_key, first.spare.api_secret])
      assert.deepStrictEqual([spare.root, spare.ws_root], ["http://127.0.0.1:4002", "ws://127.0.0.1:4002"])
      assert.strictEqual(statSync(simulatorFile).mode & 0o777, 0o600)
    }
  })

  it("invents as many accounts as asked for, and keeps those that it has", () => {
    const data = join(folder, "many")
    const keys = (count?: number) =>
      read(writeAccounts(data, 4001, { count }).file).map(({ account_id, api_key }) => `${account_id} ${api_key}`)
    const two = keys()
    const four = keys(4)
    assert.deepStrictEqual([two.length, four.length, four.slice(0, 2)], [2, 4, two])
    assert.deepStrictEqual(keys(), four)
    assert.deepStrictEqual(keys(1), two.slice(0, 1))
    assert.strictEqual(new Set(four).size, 4)
  })

  it("does not change a given file, and gives the simulator's address to accounts without one", () => {
    const given = join(folder, "given.json")
    const text = JSON.stringify([{ account_id: "a" }, { account_id: "b", root: "http://elsewhere" }])
    writeFileSync(given, text)
    const accounts = read(writeAccounts(join(folder, "copy"), 4003, { given }).file)
    assert.deepStrictEqual(
      accounts.map((account) => account.root),
      ["http://127.0.0.1:4003", "http://elsewhere"]
    )
    assert.strictEqual(readFileSync(given, "utf8"), text)
  })

  it("names a file that is not a list of accounts", () => {
    const given = join(folder, "broken.json")
    writeFileSync(given, "{")
    assert.match(
      textOf(() => writeAccounts(folder, 1, { given })),
      /broken\.json is not a JSON list of accounts/
    )
    assert.match(
      textOf(() => writeAccounts(folder, 1, { given: join(folder, "absent.json") })),
      /absent\.json cannot be read/
    )
  })
})

describe("npm run token", () => {
  const secret = "0123456789abcdef0123456789abcdef"

  it("signs a token that the gateway accepts", async () => {
    const { payload } = await jwtVerify(mint({ user: "u2", role: "admin", expires: "15m", secret }), new TextEncoder().encode(secret), {
      algorithms: ["HS256"],
      issuer: "tarang",
      audience: "tarang"
    })
    assert.deepInclude(payload, { sub: "u2", role: "admin", email: "u2@tarang.local", name: "u2" })
    assert.strictEqual((payload.exp ?? 0) - (payload.iat ?? 0), 900)
    assert.match(String(payload.jti), /^[0-9a-f-]{36}$/)
  })

  it("refuses options that make an invalid token", () => {
    for (const wish of [{ expires: "soon" }, { role: "root" }, { user: "" }, { user: "a.b" }])
      assert.match(
        textOf(() => mint({ user: "u", secret, ...wish })),
        /^--(expires|role|user) is /
      )
  })
})
