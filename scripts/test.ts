// `npm test`: everything, with the coverage that is asked of what decides over bytes.
import { checkStatically, conclude, runTests } from "./steps.ts";

conclude([...(await checkStatically()), await runTests("--coverage")]);
