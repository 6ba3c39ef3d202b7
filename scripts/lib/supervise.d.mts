interface Part {
  readonly name: string
  readonly port: number
  readonly child: () => {
    readonly ended: Promise<{ readonly code: number | null; readonly by: string | null }>
    readonly output: () => string
    readonly isUp?: () => boolean
    readonly stop?: () => Promise<void>
  }
  readonly again: () => Promise<void>
  readonly whyNotAgain?: string
  readonly folder?: string
  readonly staysMute?: boolean
}
export declare const supervise: (parts: ReadonlyArray<Part>, file: string) => Promise<never>
