export interface Market {
  readonly kind: "synthetic" | "recorded" | "days" | "live"
  readonly file?: string
  readonly instruments?: string
  readonly speed?: string
  readonly underlying?: string
  readonly oi?: string
  readonly rate?: string
  readonly seed?: string
  readonly from?: string
  readonly days?: string
  readonly split?: string
  readonly platformAccounts?: number
}
type Env = Readonly<Record<string, string | undefined>>
export declare const startOptions: (
  argv: ReadonlyArray<string>,
  env: Env
) => { readonly market: Market; readonly empty: boolean; readonly user: string }
export declare const simulatorOptions: (argv: ReadonlyArray<string>, env: Env) => Market
