/** Shared by all runs of a benchmark: the server's program, Postgres, a folder; and the benchmark as a program. */
import { mkdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type * as BackendsModule from "../../scripts/lib/backends.mjs"

const root = process.cwd()
const script = <A>(name: string): Promise<A> => import(pathToFileURL(join(root, "scripts/lib", `${name}.mjs`)).href) as Promise<A>

export interface ChildHandle {
  readonly pid: number | undefined
  readonly stop: () => Promise<void>
  readonly isUp: () => boolean
  readonly output: () => string
}
interface Children {
  readonly start: (name: string, program: string, args: ReadonlyArray<string>, options: object) => ChildHandle
}
interface Ports {
  readonly freePort: () => Promise<number>
  readonly until: (check: () => Promise<boolean>, ended: () => boolean, limitMs: number) => Promise<boolean>
  readonly ping: { readonly http: (port: number, path: string) => Promise<boolean> }
}

/** Shared by all runs: Postgres, the server's program, a folder that is removed at the end. */
export interface Ground {
  readonly folder: string
  readonly natsProgram: string
  readonly postgresUrl: string
  readonly backends: typeof BackendsModule
  readonly children: Children
  readonly ports: Ports
  /** Node's options for the platform's processes, the same as under npm start. */
  readonly v8Options: ReadonlyArray<string>
  readonly close: () => Promise<void>
}

/** What a benchmark wants of its ground. By default Postgres does not wait for the disk, which other programs share. */
interface Wanted {
  readonly durable: boolean
}

const open = async ({ durable }: Wanted): Promise<Ground> => {
  const [backends, children, ports, { v8Options }] = await Promise.all([
    script<typeof BackendsModule>("backends"),
    script<Children>("children"),
    script<Ports>("ports"),
    script<Pick<Ground, "v8Options">>("v8")
  ])
  const folder = join(root, ".data", `bench-${process.pid}`)
  await mkdir(folder, { recursive: true })
  const [natsProgram, postgres] = await Promise.all([backends.natsProgram(), backends.postgres(folder, { durable })])
  const close = async () => {
    await postgres.stop()
    await postgres.remove()
    await rm(folder, { recursive: true, force: true })
  }
  return { folder, natsProgram, postgresUrl: postgres.url, backends, children, ports, v8Options, close }
}

export const say = (text: string): void => {
  process.stderr.write(`${text}\n`)
}
export const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

/** Runs a benchmark with a new ground, which is removed however it ends, and ends the process. */
export const program = (main: (ground: Ground) => Promise<void>, wanted: Wanted = { durable: false }): void => {
  let shared: Ground | undefined
  const close = () => shared?.close() ?? Promise.resolve()
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Programs of the present run end with this process: its reaper stops them, or their channel closes.
    process.once(signal, () => void close().finally(() => process.exit(130)))
  }
  const run = async () => {
    shared = await open(wanted)
    return main(shared).finally(close)
  }
  run().then(
    () => process.exit(0),
    (error: unknown) => {
      say(textOf(error))
      process.exit(1)
    }
  )
}
