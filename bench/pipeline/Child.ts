import { fork } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

interface Call {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}
interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

export interface Child {
  readonly pid: number
  readonly call: <A>(name: string, argument?: unknown) => Promise<A>
  readonly stop: () => Promise<void>
}

const folder = fileURLToPath(new URL(".", import.meta.url))
const stopMsMax = 20_000

/** Runs a module of this folder as a separate process. It ends when we end in any way, because its channel closes. */
export const start = async (module: string, spec: unknown, execArgv: ReadonlyArray<string> = []): Promise<Child> => {
  const child = fork(join(folder, `${module}.js`), [JSON.stringify(spec)], {
    serialization: "advanced",
    stdio: ["ignore", 2, 2, "ipc"],
    execArgv: [...execArgv]
  })
  const waiting = new Map<number, { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }>()
  let isUp = true
  const ended = new Promise<void>((resolve) => {
    child.once("exit", (code) => {
      isUp = false
      for (const { reject } of waiting.values()) reject(new Error(`${module} ended with ${code}`))
      resolve()
    })
  })
  child.on("message", ({ id, value, error }: Answer) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) call?.resolve(value as never)
    else call?.reject(new Error(`${module}: ${error}`))
  })
  let calls = 0
  const call = <A>(name: string, argument?: unknown): Promise<A> =>
    new Promise<A>((resolve, reject) => {
      if (!isUp) return reject(new Error(`${module} has ended`))
      const id = ++calls
      waiting.set(id, { resolve, reject })
      child.send({ id, name, argument } satisfies Call)
    })
  const stop = async () => {
    if (!isUp) return
    child.disconnect()
    const cut = setTimeout(() => child.kill("SIGKILL"), stopMsMax)
    await ended
    clearTimeout(cut)
  }
  await call("ready")
  return { pid: child.pid ?? 0, call, stop }
}

/** In the child: the argument of `start`. */
export const specOf = <A>(): A => JSON.parse(process.argv[2] ?? "null") as A

// biome-ignore lint/suspicious/noExplicitAny: each handler knows its own argument
export type Handlers = Readonly<Record<string, (argument: any) => unknown>>

/** In the child: answers calls until the channel closes, then ends. */
export const serve = (handlers: Handlers, atEnd: () => unknown = () => {}): void => {
  process.on("message", ({ id, name, argument }: Call) => {
    const answer = async () => (name === "ready" ? handlers["ready"]?.(argument) : handlers[name]?.(argument))
    answer().then(
      (value) => process.send?.({ id, value } satisfies Answer),
      (error: unknown) =>
        process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) } satisfies Answer)
    )
  })
  process.once("disconnect", async () => {
    await atEnd()
    process.exit(0)
  })
}
