interface Part {
  readonly name: string
  readonly port: number
  readonly child: () => {
    readonly ended: Promise<{ readonly code: number | null; readonly by: string | null }>
    readonly output: () => string
  }
  readonly again: () => Promise<void>
  readonly whyNotAgain?: string
}
export declare const supervise: (parts: ReadonlyArray<Part>, file: string) => Promise<never>
