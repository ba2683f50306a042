// `npm run check`: the quick subset that one runs all day. No processes, no real files beyond the small ones of unit tests.
import { checkStatically, conclude, runTests } from "./steps.ts";

conclude([...(await checkStatically()), await runTests("--project=unit", "--project=fetch")]);
