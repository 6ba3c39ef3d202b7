export declare const majors: ReadonlyArray<number>
export declare const nodeOf: (major: number) => Promise<string>
