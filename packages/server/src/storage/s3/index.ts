// Bytes in a store that speaks S3. Needs @aws-sdk/client-s3 and @aws-sdk/s3-request-presigner beside it.
export { type AwsOptions, createAwsCalls } from "./aws.ts";
export * from "./calls.ts";
