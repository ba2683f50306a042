// What stores that speak S3 differ in, by name. Each row is a fact that a real store has shown (docs/storage-s3.md).

export interface Profile {
  /** All parts but the last must be of one size. */
  readonly hasEqualParts: boolean;
  readonly partsMax: number;
  readonly partSizeMin: number;
  /** Digests that come with a part are checked, kept and listed. */
  readonly hasChecksums: boolean;
  /** A second complete with the same parts succeeds; else the upload is unknown by then. */
  readonly canReplayComplete: boolean;
  /** `If-None-Match: *` at complete. */
  readonly canCompleteConditionally: boolean;
  readonly canCopyPart: boolean;
}

const AWS: Profile = {
  hasEqualParts: false,
  partsMax: 10_000,
  partSizeMin: 5 * 1024 * 1024,
  hasChecksums: true,
  canReplayComplete: true,
  canCompleteConditionally: true,
  canCopyPart: true,
};

export type ProfileName = "aws" | "r2" | "minio" | "gcs" | "swift";

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  aws: AWS,
  r2: { ...AWS, hasEqualParts: true },
  minio: { ...AWS, canReplayComplete: false },
  gcs: { ...AWS, hasChecksums: false, canCompleteConditionally: false },
  swift: { ...AWS, partsMax: 1000, hasChecksums: false, canCompleteConditionally: false },
};
