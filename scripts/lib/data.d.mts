import type { Market } from "./options.d.mts"
export declare const dataFolder: (base: string, market: Market) => Promise<string>
