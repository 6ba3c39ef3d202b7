export declare const v8Options: ReadonlyArray<string>
