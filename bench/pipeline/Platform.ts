// The program itself, compiled with the benchmark, so that the code in src is measured.
import "../../src/main.ts"
