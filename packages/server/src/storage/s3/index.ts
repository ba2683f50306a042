// The storage on S3. Needs @aws-sdk/client-s3 and @aws-sdk/s3-request-presigner beside it.
export { type AwsOptions, createAwsCalls } from "./aws.ts";
export * from "./calls.ts";
export { AWS_CAPABILITIES, type Capabilities } from "./capabilities.ts";
export { createS3Storage, type S3StorageOptions } from "./create.ts";
export { type OpenedS3, type OpenS3Options, openS3Storage } from "./open.ts";
