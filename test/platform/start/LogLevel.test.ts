import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { platformProgram } from "../../BuiltProgram.ts"
import { waitMsMax } from "../../Patience.ts"
import { world } from "../PlatformWorld.ts"

it.live("BE-OPS-01 a process whose log level is not configured writes INFO lines", () =>
  Effect.gen(function* () {
    const { config } = yield* world()
    const file = yield* platformProgram
    // A simulator starts fastest, and every role has the same log.
    const env = { PATH: process.env["PATH"] ?? "", ACCOUNTS_FILE: config.ACCOUNTS_FILE, ROLES: "simulator" }
    const child = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "inherit"] })
    yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
    const line = Effect.promise(() => once(createInterface(child.stdout), "line"))
    const [text] = yield* Effect.timeoutFail(line, { duration: waitMsMax, onTimeout: () => new Error("it writes nothing") })
    const { logLevel, message } = JSON.parse(text)
    assert.deepStrictEqual([logLevel, message], ["INFO", "simulator started"])
  }).pipe(Effect.scoped)
)
